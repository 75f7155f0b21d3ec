//! Requests a second, on one thread and on two, one at a time and many.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::task::JoinSet;

use super::requests::{self, BARE, HYPER_UTIL, OURS, OURS_ALONE, REQWEST};
use crate::chart::{Bars, Chart};
use crate::child::Server;
use crate::peers::go::Go;
use crate::report::{Row, Standing, Unit, Value};
use crate::run::Run;
use crate::stats::Figure;

pub(crate) const GROUP: &str = "throughput";

const FAIRNESS: &str = "it would be unfair to measure one after the other, since the machine has other things to do: runs take turns, \
                        and medians are compared. The server is the same process for all, on one thread; where it and two client threads \
                        share two cores, all are slowed by it alike. Go has as many threads for Go code (GOMAXPROCS), and no limit of \
                        idle connections";

const MODES: [(&str, Standing); 5] = [
    (OURS, Standing::Ours),
    (OURS_ALONE, Standing::Ours),
    (BARE, Standing::Beside),
    (HYPER_UTIL, Standing::Peer),
    (REQWEST, Standing::Peer),
];
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
        let port = server.get_or_insert_with(Server::start).port;
        let mut row = Row::new(GROUP, name, Unit::Rate, FAIRNESS);
        let (rounds, requests) = (run.options.pick(5, 15), run.options.pick(1_600, 16_000));
        fill(&mut row, threads, concurrency, port, rounds, requests);
        compare_with_hyper_util(&mut row);
        row.stand_beside_the_best();
        bars.category(format!("{concurrency} at a time, {}", ["", "one thread", "two threads"][threads]));
        for entry in &row.entries {
            let figure = row.figure(&entry.who).filter(|_| entry.who != OURS_ALONE);
            if let (Some(figure), Some(ours)) = (figure, row.our_figure()) {
                bars.push(&entry.who, figure.median / ours.median, "");
            }
        }
        run.push(row);
    }
    if bars.is_complete() {
        let title = "Throughput: more requests a second than other clients of hyper";
        run.charts.push(Chart::bars("throughput.svg", GROUP, title, "requests a second, in times of ours", bars));
    }
}

fn fill(row: &mut Row, threads: usize, concurrency: usize, port: u16, rounds: usize, requests: usize) {
    let mut rates = BTreeMap::<&str, Vec<f64>>::new();
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build().unwrap();
    let mut go = runtime.block_on(async { Go::start(threads) });
    let each = requests / concurrency;
    for round in 0..=rounds {
        for (mode, _) in MODES {
            let seconds = runtime.block_on(async {
                let began = Instant::now();
                let mut tasks = JoinSet::new();
                requests::spawn(&mut tasks, mode, port, each, concurrency);
                requests::finish(tasks).await;
                began.elapsed().as_secs_f64()
            });
            // The first round warms up.
            if round > 0 {
                rates.entry(mode).or_default().push((each * concurrency) as f64 / seconds);
            }
        }
        if let Ok(program) = &mut go {
            let command = format!("get http://127.0.0.1:{port}/ {each} {concurrency}");
            match runtime.block_on(program.ask(&command)) {
                Ok(numbers) if round > 0 => {
                    let rate = (each * concurrency) as f64 / (numbers[0] * 1e-9);
                    rates.entry(GO).or_default().push(rate);
                }
                Ok(_) => {}
                Err(why) => go = Err(why),
            }
        }
    }
    for (mode, standing) in MODES {
        row.add(standing, mode, Figure::of(rates.remove(mode).unwrap_or_default()));
    }
    row.peer(GO, go.map_or_else(Value::Missing, |_| Figure::of(rates.remove(GO).unwrap_or_default()).into()));
}

fn compare_with_hyper_util(row: &mut Row) {
    if let (Some(ours), Some(theirs)) = (row.figure(OURS), row.figure(HYPER_UTIL)) {
        let times = ours.median / theirs.median;
        row.should(times >= 1.0, format!("{times:.2} times hyper-util's, at least 1"));
    }
}
