//! Requests a second, on one thread and on two, one at a time and many at a time.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::requests::{BARE, Caller, HYPER_UTIL, OURS, OURS_ALONE, REQWEST};
use crate::chart::{Bars, Chart};
use crate::child::Server;
use crate::cores;
use crate::peers::go::Go;
use crate::report::{Row, Standing, Unit, Value};
use crate::run::Run;
use crate::stats::Figure;

pub(crate) const GROUP: &str = "throughput";

const FAIRNESS: &str = "it would be unfair to measure one after the other, since the machine has other things to do: runs take turns, \
                        shortly, and what counts is the median of the ratios within a round. A run is 480 requests (160 if one at a time) on connections that are there. The server is the same process for all, on one thread and a core of its own (which two client threads \
                        share with it if the machine has no third core); one at a time, most of it is the time to wake each other. Go has as many threads for Go code (GOMAXPROCS), and no limit of \
                        idle connections";

const MODES: [(&str, Standing); 5] = [
    (OURS, Standing::Ours),
    (OURS_ALONE, Standing::Ours),
    (BARE, Standing::Beside),
    (HYPER_UTIL, Standing::Peer),
    (REQWEST, Standing::Peer),
];
/// The duration of a run: short, so that there are many, and the other load of the machine affects all alike.
const REQUESTS: usize = 480;
const GO: &str = "Go net/http";

pub(crate) fn measure(run: &mut Run) {
    let mut server = None;
    let mut bars = Bars::default();
    for (threads, concurrency) in [(1, 1), (1, 32), (2, 1), (2, 32)] {
        let name =
            format!("requests a second, {concurrency} at a time on {}", ["", "one thread", "two threads"][threads]);
        if !run.options.wants(GROUP, &name) {
            continue;
        }
        run.progress(GROUP, &name);
        let cores = cores::allowed();
        let (for_server, for_client) = cores.split_at(cores.len().min(1));
        cores::stay_on(for_server);
        let port = server.get_or_insert_with(Server::start).port;
        // Two threads that are both at work share the server's core where there is no third one.
        cores::stay_on(if threads == 1 || concurrency == 1 || for_client.len() > 1 { for_client } else { &cores });
        let mut row = Row::new(GROUP, name, Unit::Rate, FAIRNESS);
        let budget = Duration::from_secs(run.options.pick(2, 30));
        fill(&mut row, threads, concurrency, port, budget);
        cores::stay_on(&cores);
        compare_with_hyper_util(&mut row, 1.0);
        row.stand_beside_the_best();
        bars.category(format!("{concurrency} at a time, {}", ["", "one thread", "two threads"][threads]));
        for entry in &row.entries {
            if let (Some(ratio), true) = (row.ratio(entry), entry.who != OURS_ALONE) {
                bars.push(&entry.who, ratio, "");
            }
        }
        run.push(row);
    }
    super::http2::measure_throughput(run);
    if bars.is_complete() {
        let title = "Requests a second, beside this crate's";
        run.charts.push(Chart::bars("throughput.svg", GROUP, title, "requests a second, in times of ours", bars));
    }
}

fn fill(row: &mut Row, threads: usize, concurrency: usize, port: u16, budget: Duration) {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build().unwrap();
    let (mut callers, mut go) = runtime.block_on(async {
        let mut callers = Vec::new();
        for (mode, _) in MODES {
            callers.push(Caller::new(mode, port, concurrency).await);
        }
        (callers, Go::start(threads))
    });
    // One at a time, each takes as long as it takes to wake each other.
    let each = if concurrency == 1 { 160 } else { REQUESTS / concurrency };
    let rates = take_turns(MODES.len() + 1, budget, |index| {
        let seconds = runtime.block_on(async {
            let Some(caller) = callers.get_mut(index) else {
                return go_once(&mut go, port, each, concurrency).await;
            };
            Some(time(caller, each).await)
        });
        seconds.map(|seconds| (each * concurrency) as f64 / seconds)
    });
    for (index, (mode, standing)) in MODES.iter().enumerate() {
        row.add(*standing, *mode, Figure::of(rates[index].clone()));
    }
    let of_go = rates[MODES.len()].clone();
    row.peer(GO, go.map_or_else(Value::Missing, |_| Figure::of(of_go).into()));
    row.peer("curl", Value::Missing("not timed: most of it would be the start of its process".to_owned()));
    pair(row, &rates);
}

/// Returns the rates of the contestants. Each has its turn in each round, and the order changes from round to round. In the first round they connect.
pub(super) fn take_turns(
    contestants: usize,
    budget: Duration,
    mut turn: impl FnMut(usize) -> Option<f64>,
) -> Vec<Vec<f64>> {
    let mut random = Rng::with_seed(0);
    let mut order: Vec<usize> = (0..contestants).collect();
    let mut rates = vec![Vec::new(); contestants];
    let first = Instant::now();
    // A machine that is busy has fewer rounds.
    for round in (0..=200).take_while(|round| *round <= 6 || first.elapsed() < budget) {
        random.shuffle(&mut order);
        for &index in &order {
            let rate = turn(index);
            if round > 0 {
                rates[index].extend(rate);
            }
        }
    }
    rates
}

/// Returns how many seconds this number of requests in each task takes.
pub(super) async fn time(caller: &mut Caller, each: usize) -> f64 {
    let began = Instant::now();
    caller.call(each).await;
    began.elapsed().as_secs_f64()
}

/// Notes how many times ours, which is the first, each of the others was in the same round.
pub(super) fn pair(row: &mut Row, rates: &[Vec<f64>]) {
    for (entry, rates_of_it) in row.entries.iter_mut().zip(rates) {
        let ratios = rates_of_it.iter().zip(&rates[0]).map(|(rate, ours)| rate / ours).collect();
        entry.paired = Figure::of(ratios);
    }
}

async fn go_once(go: &mut Result<Go, String>, port: u16, each: usize, concurrency: usize) -> Option<f64> {
    let program = go.as_mut().ok()?;
    let numbers = program.ask(&format!("get http://127.0.0.1:{port}/ {each} {concurrency}")).await;
    numbers.map_err(|why| *go = Err(why)).ok().map(|numbers| numbers[0] * 1e-9)
}

/// Claims that our client makes at least this many times as many requests as hyper-util.
pub(super) fn compare_with_hyper_util(row: &mut Row, at_least: f64) {
    let hyper_util = row.entries.iter().find(|entry| entry.who == HYPER_UTIL);
    if let Some(theirs) = hyper_util.and_then(|entry| entry.paired) {
        // A client counts as behind if it was so in three quarters of the rounds.
        let (least, median, most) = (1.0 / theirs.high, 1.0 / theirs.median, 1.0 / theirs.low);
        let claim = format!("{median:.2} times hyper-util's ({least:.2} .. {most:.2}), at least {at_least}");
        row.should(most >= at_least, claim);
    }
}
