//! Long races and many races. Attempts are in memory, so that only the race is measured.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::{AttemptError, HappyEyeballsConnector};
use tower::{Service, ServiceExt};

use super::GROUP;
use crate::chart::{Axis, Chart, Lines};
use crate::cost::count::{AtLength, Counter, Program};
use crate::report::{Row, Standing, Unit};
use crate::run::Run;
use crate::stats::{Figure, quantile};

const LONG: &str = "it would be unfair to the short list to divide start-up by few addresses, so two numbers of races are counted, and what \
                    counts is the difference. Every address but the last refuses at once and without a wire, which is the most work in \
                    the least time; the peers' attempts cannot be replaced by such";
const MANY: &str = "it would be unfair to blame the race for what ten thousand timers take anyway: they are beside it. Attempts are in \
                    memory: to the first address never an answer, to the second one at once; all begin together, on one thread";

/// Connects in memory: to IPv6 never, to most others not, to the last address at once.
#[derive(Clone)]
struct MemoryAttempt;

const LAST: u8 = 255;

impl Service<AttemptRequest> for MemoryAttempt {
    type Response = ();
    type Error = AttemptError;
    type Future = BoxFuture<'static, Result<(), AttemptError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AttemptError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: AttemptRequest) -> Self::Future {
        match request.endpoint().address().ip() {
            std::net::IpAddr::V6(_) => std::future::pending().boxed(),
            std::net::IpAddr::V4(ip) if ip.octets()[3] == LAST => std::future::ready(Ok(())).boxed(),
            std::net::IpAddr::V4(_) => std::future::ready(Err(AttemptError::new("refused").unsent())).boxed(),
        }
    }
}

fn connector(
    addresses: impl Iterator<Item = std::net::SocketAddr>,
) -> HappyEyeballsConnector<FixedResolver, MemoryAttempt> {
    let resolver = FixedResolver::new().with("peer.example", addresses);
    HappyEyeballsConnector::builder().resolver(resolver).attempt(MemoryAttempt).build().unwrap()
}

/// Runs this many races over this many addresses, of which only the last connects.
pub(crate) fn run(addresses: usize, races: usize) {
    let refuses = (1..addresses).map(|number| [192, 0, (number / LAST as usize) as u8, (number % LAST as usize) as u8]);
    let addresses = refuses.chain([[192, 0, 2, LAST]]).map(|ip| std::net::SocketAddr::from((ip, 80)));
    let connector = connector(addresses);
    let uri: http::Uri = "http://peer.example/".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..races {
            connector.clone().oneshot(uri.clone()).await.unwrap();
        }
    });
}

pub(super) fn long(run: &mut Run) {
    let name = "instructions of a race for each address, as the list grows";
    if !run.options.wants(GROUP, name) {
        return;
    }
    run.progress(GROUP, name);
    let sizes = [1usize, 10, 100, 1_000];
    let mut row = Row::new(GROUP, name, Unit::Count("instructions"), LONG);
    let programs: Vec<AtLength<'_>> = sizes
        .iter()
        .map(|size| -> AtLength<'_> {
            Box::new(move |races| Program::child(&["race", &size.to_string(), &races.to_string()]))
        })
        .collect();
    let counted = Counter::Instructions.count(&programs, run.options.pick((2, 10), (10, 60)));
    let mut points = Vec::new();
    for (size, count) in sizes.iter().zip(counted).rev() {
        if let Ok(count) = count {
            points.push((*size as f64, count));
        }
        let each = count.map(|count| Figure::exact((count / *size as f64).round()));
        row.add(
            if *size == 1_000 { Standing::Ours } else { Standing::Beside },
            if *size == 1 {
                "1 address".to_owned()
            } else {
                format!("{} addresses", crate::report::grouped(*size as f64))
            },
            each,
        );
    }
    row.expect("near linear: an address costs no more in a list of 1,000 than in one of 10");
    if let (Some(thousand), Some(hundred)) = (row.figure("1,000 addresses"), row.figure("100 addresses")) {
        let times = thousand.median / hundred.median;
        row.check(times <= 2.0, format!("an address of 1,000 costs {times:.2} times one of 100, at most 2"));
    }
    if let Some((size, count)) = points.iter().find(|(size, _)| *size == 10.0).copied() {
        let mut lines = Lines::new(Axis::logarithmic("addresses"), Axis::logarithmic("instructions of a race"));
        lines.curve(
            "proportional to the addresses",
            sizes.iter().map(|to| (*to as f64, count * *to as f64 / size)).collect(),
        );
        points.reverse();
        lines.points("this crate", points);
        run.charts.push(Chart::lines(
            "scale-list.svg",
            GROUP,
            "A race over a thousand addresses costs what its addresses cost",
            lines,
        ));
    }
    run.push(row);
}

pub(super) fn many(run: &mut Run) {
    let name = "10,000 races at once, first address dead: the time of the slowest 1 %";
    if !run.options.wants(GROUP, name) {
        return;
    }
    run.progress(GROUP, name);
    let mut row = Row::new(GROUP, name, Unit::Time, MANY);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dead = std::net::SocketAddr::from((std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 80));
    let good = std::net::SocketAddr::from(([192, 0, 2, LAST], 80));
    let connector = connector([dead, good].into_iter());
    let uri: http::Uri = "http://peer.example/".parse().unwrap();
    let (mut races, mut timers) = (Vec::new(), Vec::new());
    for _ in 0..run.options.pick(3, 15) {
        let race = || connector.clone().oneshot(uri.clone()).map(|connected| drop(connected.unwrap()));
        races.extend(runtime.block_on(slowest(race)));
        timers.extend(runtime.block_on(slowest(|| tokio::time::sleep(Duration::from_millis(250)))));
    }
    row.ours("this crate", Figure::of(races));
    row.beside("10,000 timers of tokio", Figure::of(timers));
    row.peer(
        "hyper-util HttpConnector",
        Err::<Figure, _>("its attempts need sockets, more than a process may have".to_owned()),
    );
    row.expect("250 ms, and what the thread needs to serve 10,000 of them: some 10 µs each");
    let ours = row.our_figure().map_or(f64::INFINITY, |figure| figure.median);
    row.should(ours < 0.5, format!("within a second delay ({})", Unit::Time.show(ours)));
    run.push(row);
}

/// The time in which 99 % of ten thousand are done.
async fn slowest<F: Future<Output = ()> + Send + 'static>(begin: impl Fn() -> F) -> Option<f64> {
    let began = Instant::now();
    let tasks = (0..10_000).map(|_| {
        let future = begin();
        tokio::spawn(async move {
            future.await;
            began.elapsed().as_secs_f64()
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut times: Vec<f64> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    times.sort_by(f64::total_cmp);
    quantile(&times, 0.99)
}
