//! Races that are dropped at any moment, with their look-ups.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use hyper::Uri;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::race::{Order, Policy};
use hyper_happy_eyeballs::resolve::{Answer, Answers, GaiResolver, Name, Queries, QueryError};
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;
use tokio::task::{AbortHandle, JoinSet};
use tower::ServiceExt;

use crate::figures::seconds;
use crate::leftovers::{Census, Leftovers};
use crate::places::Places;
use crate::runs::{Random, now};

/// Races at a time.
const AT_ONCE: usize = 256;

/// How many races use one set of addresses. With more connections a minute, local ports would run out.
const PORTFUL: usize = 10_000;

/// The results of the races.
#[derive(Debug, Default)]
pub(crate) struct Races {
    /// Dropped before they had an end.
    cancelled: usize,
    connected: usize,
    failed: usize,
    /// Bytes that reached the origin, which should be none.
    bytes: usize,
    left: Leftovers,
    took: Duration,
}

impl Races {
    pub(crate) fn headings() -> Vec<String> {
        let headings = ["races", "cancelled", "connected before", "failed before", "bytes sent"].into_iter();
        headings.chain(Leftovers::NAMES).chain(["took"]).map(str::to_owned).collect()
    }

    pub(crate) fn row(&self) -> Vec<String> {
        let counts = [self.count(), self.cancelled, self.connected, self.failed, self.bytes].into_iter();
        let counts = counts.chain(self.left.counts()).map(|count| count.to_string());
        counts.chain([seconds(self.took)]).collect()
    }

    /// Returns the number of violations.
    pub(crate) fn violations(&self) -> usize {
        self.bytes + self.left.count()
    }

    fn count(&self) -> usize {
        self.cancelled + self.connected + self.failed
    }
}

/// Makes races until so many were cancelled.
pub(crate) fn run(runtime: &Runtime, cancelled: usize, seed: u64) -> Races {
    // The origin's tasks are not counted.
    let of_origin = crate::runtime(1);
    let (start, census) = (now(), Census::take(runtime));
    let (mut random, mut races) = (Random(seed), Races::default());
    while races.cancelled < cancelled {
        let places = Places::new(&of_origin, random.below(u64::MAX));
        // Taken while the servers exist: a leaked socket may be closed when its server goes.
        let census = Census::take(runtime);
        let until = races.count() + PORTFUL;
        // A resolver of its own: with a shared one, equal look-ups would be one.
        let gai = GaiResolver::new();
        while races.cancelled < cancelled && races.count() < until {
            let batch = AT_ONCE.min(cancelled - races.cancelled);
            runtime.block_on(run_batch(batch, &places, &gai, &mut random, &mut races));
        }
        races.left += census.compare(runtime);
        races.bytes += places.origin().bytes();
    }
    races.left += census.compare(runtime);
    races.took = start.elapsed();
    races
}

async fn run_batch(batch: usize, places: &Places, gai: &GaiResolver, random: &mut Random, races: &mut Races) {
    let (mut tasks, mut to_abort) = (JoinSet::<Option<bool>>::new(), Vec::<AbortHandle>::new());
    for _ in 0..batch {
        let race = race(places, gai, random);
        let moment = Duration::from_millis(1 << random.below(7));
        match random.below(3) {
            0 => drop(tasks.spawn(tokio::time::timeout(moment, race).map(Result::ok))),
            // If nothing wakes it for another poll, a time limit ends it.
            1 => {
                drop(tasks.spawn(tokio::time::timeout(moment, polled(race, random.below(6))).map(|ended| ended.ok()?)))
            }
            // Usually dropped by another thread than its own.
            _ => to_abort.push(tasks.spawn(race.map(Some))),
        }
    }
    for task in to_abort {
        for _ in 0..random.below(16) {
            tokio::task::yield_now().await;
        }
        task.abort();
    }
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Some(true)) => races.connected += 1,
            Ok(Some(false)) => races.failed += 1,
            Ok(None) => races.cancelled += 1,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => races.cancelled += 1,
            },
        }
    }
}

/// Drops the race if it has not ended after this many polls.
async fn polled(mut race: Race, polls: u64) -> Option<bool> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        race.as_mut().poll(cx).map(Some)
    })
    .await
}

/// A race that returns whether it connected. The connection is closed at once.
type Race = Pin<Box<dyn Future<Output = bool> + Send>>;

fn race(places: &Places, gai: &GaiResolver, random: &mut Random) -> Race {
    let builder = HappyEyeballsConnector::builder()
        .policy(one_of([Policy::Staggered, Policy::TwoFamilies, Policy::Sequential], random))
        .order(one_of([Order::Resolver, Order::PreferV6, Order::PreferV4], random))
        .connection_attempt_delay(Duration::from_millis(10))
        .resolution_delay(Duration::from_millis(random.below(8)))
        .fallback_delay(Duration::from_millis(1 + random.below(8)));
    if random.below(8) == 0 {
        let connector = builder.resolver(gai.clone()).build().expect("the delays are in order");
        let uri = format!("http://localhost:{}/", places.any(random).port());
        return Box::pin(async move { connector.oneshot(uri.parse().expect("a host and a port")).await.is_ok() });
    }
    let addresses: Vec<_> = (0..=random.below(5)).map(|_| places.any(random)).collect();
    let look_up = LookUp { server: places.names(), is_slow: random.below(2) == 0, in_parts: random.below(2) == 0 };
    let resolver = tower::service_fn(move |_: Name| look_up.resolve(addresses.clone()));
    let connector = builder.resolver(resolver).build().expect("the delays are in order");
    Box::pin(async move { connector.oneshot(Uri::from_static("http://race.example/")).await.is_ok() })
}

fn one_of<T: Copy, const N: usize>(all: [T; N], random: &mut Random) -> T {
    all[usize::try_from(random.below(N as u64)).expect("it is below a usize")]
}

/// A look-up over the network, which has a socket for each unanswered query.
#[derive(Clone, Copy, Debug)]
struct LookUp {
    server: SocketAddr,
    /// The server is asked. Otherwise the answer is immediate.
    is_slow: bool,
    /// Each family has a query of its own.
    in_parts: bool,
}

type Stream = BoxStream<'static, Result<Answer, QueryError>>;

impl LookUp {
    async fn resolve(self, addresses: Vec<SocketAddr>) -> io::Result<Answers<Stream>> {
        if !self.in_parts {
            if self.is_slow {
                ask(self.server).await?;
            }
            return Ok(Answers::immediate(Answer::list(addresses)));
        }
        let (v6, v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
        let answers = stream::iter([Answer::aaaa(v6), Answer::a(v4)]).map(move |answer| async move {
            if self.is_slow && ask(self.server).await.is_err() {
                return Ok(Answer::failed(answer.query()));
            }
            Ok(answer)
        });
        Ok(Answers::new(Queries::ADDRESSES, answers.buffer_unordered(2).boxed()))
    }
}

async fn ask(server: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(server).await?;
    socket.send(b"who?").await?;
    socket.recv(&mut [0; 16]).await.map(drop)
}
