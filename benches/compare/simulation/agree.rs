//! Compares the simulation with real sockets, in the same cases.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hyper_happy_eyeballs::race::{Config, Policy};

use super::connect::connect;
use super::network::{Path, PathFate};
use crate::connect::{by_policy, cases};
use crate::places::Fate::{self, Accepts, Swallows};
use crate::places::{V6, v4};
use crate::report::{Row, Unit, Value};
use crate::run::Run;
use crate::stats::Figure;

pub(crate) const GROUP: &str = "simulation against real sockets";

/// How far they may be apart: the timers of a system and a runtime round up, at each delay.
const TOLERANCE: Duration = Duration::from_millis(10);

struct Case {
    name: String,
    list: Vec<(IpAddr, Fate)>,
    policy: Policy,
    timeout: Option<Duration>,
    /// What was measured already.
    real: Option<Figure>,
}

pub(crate) fn measure(run: &mut Run) {
    let mut cases = Vec::new();
    for case in cases::all() {
        let real = run.real.get(case.name).copied().flatten();
        cases.push(Case {
            name: case.name.to_owned(),
            list: case.list,
            policy: Policy::Staggered,
            timeout: None,
            real,
        });
    }
    let dead_first = vec![(V6, Swallows), (v4(1), Accepts)];
    cases.push(Case {
        name: "first family dead, TwoFamilies".to_owned(),
        list: dead_first,
        policy: Policy::TwoFamilies,
        timeout: None,
        real: None,
    });
    cases.push(Case {
        name: "first address dead, Sequential within 3 s".to_owned(),
        list: vec![(v4(1), Swallows), (v4(2), Accepts)],
        policy: Policy::Sequential,
        timeout: Some(Duration::from_secs(3)),
        real: None,
    });
    cases.retain(|case| run.options.wants(GROUP, &case.name));
    if cases.is_empty() {
        return;
    }
    run.progress(GROUP, "real connects");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rounds = run.options.pick(3, 10);
    // To make a place takes time, which must not be that of another case.
    let measuring: Vec<_> = cases
        .iter()
        .map(|case| (case.real, case.real.is_none().then(|| by_policy(&case.list, case.policy, case.timeout, rounds))))
        .collect();
    let measured = runtime.block_on(join_all(measuring.into_iter().map(|(real, measuring)| async move {
        match measuring {
            Some(measuring) => measuring.await,
            None => real.ok_or_else(|| "not measured".to_owned()),
        }
    })));
    for (case, real) in cases.iter().zip(measured) {
        run.push(row(case, real));
    }
}

fn row(case: &Case, real: Result<Figure, String>) -> Row {
    let mut row = Row::new(
        GROUP,
        case.name.clone(),
        Unit::Time,
        "it would be unfair to check the model against itself: these are \
        the connects of the rows above over real sockets, and the same race over an invented network whose round trip takes no \
        time; what is compared is the fastest run, since a busy machine can only add",
    );
    let simulated = simulate(case);
    let fastest = real.as_ref().ok().map(|figure| figure.least);
    row.ours(
        "real sockets, fastest run",
        fastest.map_or_else(|| Value::Missing(real.err().unwrap_or_default()), |seconds| Figure::exact(seconds).into()),
    );
    row.beside("simulated", Figure::exact(simulated));
    if let Some(fastest) = fastest {
        let apart = (fastest - simulated).abs();
        let claim = format!("they are {} apart, at most {TOLERANCE:?} allowed", Unit::Time.show(apart));
        row.check(apart <= TOLERANCE.as_secs_f64(), claim);
    }
    row
}

/// The case over an invented network without a distance.
fn simulate(case: &Case) -> f64 {
    let paths = case.list.iter().map(|(ip, fate)| {
        let fate = match fate {
            Accepts => PathFate::Answers { lost: 0, rtt: Duration::ZERO },
            Fate::Refuses => PathFate::Refuses { rtt: Duration::ZERO },
            Swallows => PathFate::Dead,
        };
        Path { address: SocketAddr::new(*ip, 80), fate }
    });
    let config = Config::builder().policy(case.policy).build().unwrap();
    let connect = connect(config, &paths.collect::<Vec<_>>(), case.timeout, Instant::now());
    connect.took.map_or(f64::INFINITY, |took| took.as_secs_f64())
}
