//! The memory that an idle connection takes, and a race in flight: measured in a process of its own, at two sizes.

use std::convert::Infallible;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};

use super::GROUP;
use super::idle::{Filled, HYPER_UTIL, OURS};
use crate::child;
use crate::places::Fate::Swallows;
use crate::places::{Places, V6, v4};
use crate::report::{Row, Standing, Unit};
use crate::run::Run;
use crate::stats::Figure;

const FAIRNESS: &str = "it would be unfair to count what a process has anyway, or the kernel's sockets, which are the same for all: a \
                        process of its own is asked for its resident memory at two sizes, and the difference is divided";
const HYPER_UTIL_CONNECTOR: &str = "hyper-util HttpConnector";
const TOKIO: &str = "two sockets and a timer of tokio";

pub(super) fn measure(run: &mut Run) {
    let idle = "memory of an idle connection, without its socket";
    if run.options.wants(GROUP, idle) {
        run.progress(GROUP, idle);
        let mut row = Row::new(GROUP, idle, Unit::Bytes, FAIRNESS);
        each(&mut row, "idle", &[(OURS, Standing::Ours), (HYPER_UTIL, Standing::Peer)], [2_000, 10_000]);
        row.peer("reqwest, Go net/http, curl", Err::<Figure, _>("no connections without sockets".to_owned()));
        row.expect("what hyper has for a connection, its 8 KiB to read into above all, and no task beside it");
        row.stand_beside_the_best();
        run.push(row);
    }
    let races = "memory of a race with two attempts in flight";
    if run.options.wants(GROUP, races) {
        run.progress(GROUP, races);
        let mut row = Row::new(GROUP, races, Unit::Bytes, FAIRNESS);
        let all = [(OURS, Standing::Ours), (HYPER_UTIL_CONNECTOR, Standing::Peer), (TOKIO, Standing::Beside)];
        // Few enough for the file descriptors of a usual limit.
        each(&mut row, "races", &all, [100, 400]);
        let why = "reqwest's connector is hyper-util's, and the others are processes with much else in them";
        row.peer("reqwest, Go net.Dialer, curl", Err::<Figure, _>(why.to_owned()));
        row.stand_beside_the_best();
        run.push(row);
    }
}

/// What one more of them takes, for each. All processes at the same time: memory does not mind.
fn each(row: &mut Row, what: &str, all: &[(&str, Standing)], sizes: [usize; 2]) {
    let start = |who: &str, size: usize| {
        let arguments = child::arguments(&["memory", &format!("{what}: {who}"), &size.to_string()]);
        Command::new(std::env::current_exe().unwrap()).args(arguments).stdout(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = all.iter().map(|(who, _)| sizes.map(|size| start(who, size))).collect();
    let resident = |process: Child| {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim().parse::<f64>().map_err(|_unknown| "this system does not say what memory is resident".to_owned())
    };
    for ((who, standing), processes) in all.iter().zip(started) {
        let [few, many] = processes.map(resident);
        let each = |many: f64, few: f64| Figure::exact(((many - few) / (sizes[1] - sizes[0]) as f64).round());
        row.add(*standing, *who, many.and_then(|many| Ok(each(many, few?))));
    }
}

/// Makes this many of them, and prints how much memory they take.
pub(crate) fn run(mode: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (what, who) = mode.split_once(": ").unwrap();
        if what == "idle" {
            let _filled = Filled::new(who, count).await;
            print_resident();
        } else {
            let _races = races(who, count).await;
            print_resident();
        }
    });
}

fn print_resident() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    match kibibytes {
        Some(kibibytes) => println!("{}", kibibytes * 1024),
        None => println!("unknown"),
    }
}

/// Races without a winner: no address of either family answers, and both attempts have begun.
async fn races(who: &str, count: usize) -> (Places, JoinSet<()>) {
    let places = Places::new(&[(V6, Swallows), (v4(1), Swallows)]).unwrap();
    let (addresses, uri) = (places.sockets(), places.uri());
    let mut set = JoinSet::new();
    let resolver = FixedResolver::new().with("peer.example", addresses.clone());
    let ours = HappyEyeballsConnector::builder().resolver(resolver).build().unwrap();
    let listed = addresses.clone();
    let mut theirs = HttpConnector::new_with_resolver(tower::service_fn(move |_: Name| {
        std::future::ready(Ok::<_, Infallible>(listed.clone().into_iter()))
    }));
    theirs.set_happy_eyeballs_timeout(Some(Duration::from_millis(250)));
    for _ in 0..count {
        let uri = uri.clone();
        match who {
            OURS => drop(set.spawn(hold(ours.clone().oneshot(uri)))),
            HYPER_UTIL_CONNECTOR => {
                let mut theirs = theirs.clone();
                set.spawn(async move {
                    std::future::poll_fn(|cx| theirs.poll_ready(cx)).await.unwrap();
                    hold(theirs.call(uri)).await;
                });
            }
            _ => {
                let addresses = addresses.clone();
                set.spawn(async move {
                    let attempts = addresses.into_iter().map(TcpStream::connect);
                    let timer = tokio::time::sleep(Duration::from_secs(3_600));
                    tokio::join!(futures_util::future::join_all(attempts), timer);
                });
            }
        }
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    (places, set)
}

async fn hold(connecting: impl Future) {
    connecting.await;
}
