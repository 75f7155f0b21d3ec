//! Time to connect, over real sockets.

pub(crate) mod cases;
mod dialers;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join_all;
use hyper_happy_eyeballs::race::Policy;

use self::cases::Case;
use self::dialers::Dialer;
use crate::chart::{Bars, Chart};
use crate::options::Options;
use crate::places::{Fate, Places};
use crate::report::{Row, Standing, Unit, Value};
use crate::run::Run;
use crate::stats::Figure;

pub(crate) const GROUP: &str = "time to connect";

const FAIRNESS: &str = "all have the same addresses at the same port in the same order (hyper-util, reqwest and we by a resolver that \
                        answers at once, Go by a name server in its own process, curl by --resolve), the same attempt delay where \
                        there is a setting for it, and time from the end of the look-up to the connection, without the start of a \
                        process or a request; every connection is closed by a reset, and runs take turns";

/// All cases; the figures that the simulation is checked against are left in `run`.
pub(crate) fn measure(run: &mut Run) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wanted = cases::all().into_iter().filter(|case| run.options.wants(GROUP, case.name));
    let (waiting, swift): (Vec<Case>, Vec<Case>) = wanted.partition(Case::has_black_hole);
    if !waiting.is_empty() {
        run.progress(GROUP, "addresses that are dead");
    }
    // Who waits for a timer needs no processor: all cases, and all who connect, at the same time.
    let rows = runtime.block_on(join_all(waiting.iter().map(|case| fill(&run.options, case))));
    let mut bars = Bars::default();
    for (case, row) in waiting.iter().zip(rows) {
        bars.category(case.name);
        for entry in row.entries.iter().filter(|entry| entry.standing != Standing::Beside) {
            match &entry.value {
                Value::Measured(figure) => bars.push(&entry.who, figure.median, ""),
                Value::AtLeast(limit) => bars.push(&entry.who, *limit, &format!("> {limit} s")),
                Value::Missing(_) => {}
            }
        }
        judge(run, case, row);
    }
    for case in &swift {
        run.progress(GROUP, case.name);
        let row = runtime.block_on(fill(&run.options, case));
        judge(run, case, row);
    }
    if bars.is_complete() {
        let title = "A dead address costs one attempt delay, wherever it is in the list";
        run.charts.push(Chart::bars("connect-dead.svg", GROUP, title, "time to connect (s)", bars));
    }
}

async fn fill(options: &Options, case: &Case) -> Row {
    let mut row = Row::new(GROUP, case.name, Unit::Time, FAIRNESS);
    row.expect(case.expected);
    let places = match Places::new(&case.list) {
        Ok(places) => Arc::new(places),
        Err(why) => {
            row.ours("this crate", Value::Missing(why));
            return row;
        }
    };
    let dialers = dialers::all(&places, case);
    let values = if case.has_black_hole() {
        let rounds = options.pick(5, 15);
        join_all(dialers.iter().map(|dialer| wait(dialer, rounds, give_up(options)))).await
    } else {
        let rounds = options.pick(240, 4_000) / case.list.len().div_ceil(8);
        take_turns(&dialers, rounds, give_up(options)).await
    };
    for (dialer, value) in dialers.iter().zip(values) {
        row.add(dialer.standing, dialer.who.clone(), value);
    }
    row
}

/// When a peer is given up.
fn give_up(options: &Options) -> Duration {
    Duration::from_secs(options.pick(3, 10))
}

/// One connect after the other; who hangs once is not asked again.
async fn wait(dialer: &Dialer, rounds: usize, limit: Duration) -> Value {
    let Ok(dial) = dialer.dial.as_ref().map_err(Clone::clone) else {
        return missing(dialer);
    };
    let mut times = Vec::new();
    for _ in 0..rounds {
        match tokio::time::timeout(limit, dial()).await {
            Ok(Ok(time)) => times.push(time),
            Ok(Err(error)) => return Value::Missing(format!("no connection: {error}")),
            Err(_) => return Value::AtLeast(limit.as_secs_f64()),
        }
    }
    Figure::of_times(times).into()
}

/// A connect of each, then the next of each.
async fn take_turns(dialers: &[Dialer], rounds: usize, limit: Duration) -> Vec<Value> {
    let mut times = BTreeMap::<usize, Vec<Duration>>::new();
    let mut problems = BTreeMap::new();
    let mut random = Rng::with_seed(0);
    let mut order: Vec<usize> = (0..dialers.len()).collect();
    for round in 0..rounds {
        // In another order each time: who always came after a peer that sleeps would always find the caches cold.
        random.shuffle(&mut order);
        for &index in &order {
            let dialer = &dialers[index];
            let (Ok(dial), 0) = (&dialer.dial, round % dialer.every) else { continue };
            if problems.contains_key(&index) {
                continue;
            }
            match tokio::time::timeout(limit, dial()).await {
                Ok(Ok(time)) => times.entry(index).or_default().push(time),
                Ok(Err(error)) => drop(problems.insert(index, Value::Missing(format!("no connection: {error}")))),
                Err(_) => drop(problems.insert(index, Value::AtLeast(limit.as_secs_f64()))),
            }
        }
    }
    let value = |(index, dialer): (usize, &Dialer)| match problems.remove(&index) {
        Some(problem) => problem,
        None => times.remove(&index).map_or_else(|| missing(dialer), |times| Figure::of_times(times).into()),
    };
    dialers.iter().enumerate().map(value).collect()
}

fn missing(dialer: &Dialer) -> Value {
    Value::Missing(dialer.dial.as_ref().err().cloned().unwrap_or_default())
}

fn judge(run: &mut Run, case: &Case, mut row: Row) {
    row.stand_beside_the_best();
    let hyper_util = row.entries.iter().find(|entry| entry.who.starts_with("hyper-util"));
    let ratio = hyper_util.and_then(|entry| row.ratio(entry));
    if let (Some(factor), Some(ratio)) = (case.factor, ratio) {
        // The figure of a peer that was given up is the limit, and ours is later than predicted by what the machine adds.
        let predicted = 0.95 * factor(give_up(&run.options).as_secs_f64());
        row.should(ratio >= predicted, format!("hyper-util takes more than {predicted:.1} times as long"));
    }
    if case.name.starts_with("localhost") {
        let straight = row.figure(dialers::STRAIGHT).map_or(0.0, |figure| figure.median);
        let more = row.our_figure().map_or(0.0, |figure| figure.median) - straight;
        row.should(
            more < 1e-3,
            format!("the family that refuses costs less than a millisecond ({})", Unit::Time.show(more.max(0.0))),
        );
    }
    run.real.insert(case.name, row.our_figure());
    run.push(row);
}

/// Connects by a policy, for the simulation to be checked against. The places are made at once, whenever it is polled.
pub(crate) fn by_policy(
    list: &[(IpAddr, Fate)],
    policy: Policy,
    timeout: Option<Duration>,
    rounds: usize,
) -> impl Future<Output = Result<Figure, String>> + use<> {
    let places = Places::new(list);
    async move {
        let places = Arc::new(places?);
        let dial = dialers::ours(&places, policy, timeout);
        // They wait for timers: all at the same time.
        let times = join_all((0..rounds).map(|_| dial())).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Figure::of_times(times).ok_or_else(|| "no runs".to_owned())
    }
}
