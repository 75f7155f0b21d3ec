//! A million races in virtual time: what the default settings cost and gain in networks like those of the Internet.

pub(crate) mod agree;
mod connect;
mod network;
pub(crate) mod population;

use std::time::{Duration, Instant};

use fastrand::Rng;
use hyper_happy_eyeballs::race::{Config, Policy};

use self::network::{PROFILES, Profile};
use crate::chart::{Axis, Chart, Lines};
use crate::report::{Row, Unit};
use crate::run::Run;
use crate::stats::{Figure, quantile};

pub(crate) const GROUP: &str = "a million connects, simulated";

const FAIRNESS: &str = "it would be unfair to let chance favour a policy: whether a packet is lost, how far away an address is and what \
                        is dead is drawn once for each connect, and all policies meet it. A SYN that is not answered is sent again \
                        after 1, 3, 7 s; there is no time limit, no look-up and no load; one IPv4 address of each name answers; the \
                        networks are assumptions, and stand in the source";

const POLICIES: [(&str, Policy); 3] = [
    ("this crate (Staggered)", Policy::Staggered),
    ("TwoFamilies (RFC 6555, Go)", Policy::TwoFamilies),
    ("Sequential", Policy::Sequential),
];

/// What connects of one kind came to under one policy.
struct Outcomes {
    /// Seconds, sorted. A connect to nothing is not among them.
    times: Vec<f64>,
    syns: f64,
}

pub(crate) fn measure(run: &mut Run) {
    if !run.options.wants(GROUP, "") {
        return;
    }
    let connects = run.options.pick(50_000, 1_000_000);
    run.progress(GROUP, &format!("{connects} connects by three policies"));
    let mix: Vec<Profile> = PROFILES.into_iter().filter(|profile| profile.share > 0).collect();
    let mixed = POLICIES.map(|(_, policy)| simulate(&mix, connects, &config(policy, None)));
    for (name, share) in [("half", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("99.9 %", 0.999)] {
        let name = format!("the time in which {name} of a mix of networks are connected");
        run.push(times(&name, share, &mixed));
    }
    let mut syns = Row::new(GROUP, "SYNs sent for each connect, on the mix", Unit::Count("SYNs"), FAIRNESS);
    for ((who, policy), outcomes) in POLICIES.iter().zip(&mixed) {
        let syns_each = Figure::exact((outcomes.syns * 1e4).round() / 1e4);
        if *policy == Policy::Staggered { syns.ours(*who, syns_each) } else { syns.peer(*who, syns_each) }
    }
    syns.expect("the price of the shorter tail: some SYNs that a slow network would have answered in time");
    syns.stand_beside_the_best();
    run.push(syns);
    run.charts.push(tail(&mixed));
    for profile in PROFILES {
        run.progress(GROUP, profile.name);
        let outcomes = POLICIES.map(|(_, policy)| simulate(&[profile], connects / 5, &config(policy, None)));
        run.push(times(&format!("the time in which 99 % are connected: {}", profile.name), 0.99, &outcomes));
    }
    run.progress(GROUP, "other delays");
    sweep(run, &mix, connects / 5);
}

fn config(policy: Policy, delay: Option<Duration>) -> Config {
    let builder = Config::builder().policy(policy);
    delay.into_iter().fold(builder, |builder, delay| builder.connection_attempt_delay(delay)).build().unwrap()
}

/// So many connects over the kinds of network in their shares. The same ones for every configuration.
fn simulate(profiles: &[Profile], connects: usize, config: &Config) -> Outcomes {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<Outcomes> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || simulate_every(profiles, (worker..connects).step_by(workers), config)))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let syns = parts.iter().map(|part| part.syns).sum::<f64>() / connects as f64;
    let mut times: Vec<f64> = parts.into_iter().flat_map(|part| part.times).collect();
    times.sort_by(f64::total_cmp);
    Outcomes { times, syns }
}

fn simulate_every(profiles: &[Profile], numbers: impl Iterator<Item = usize>, config: &Config) -> Outcomes {
    let zero = Instant::now();
    let shares: u64 = profiles.iter().map(|profile| profile.share).sum();
    let mut outcomes = Outcomes { times: Vec::new(), syns: 0.0 };
    for number in numbers {
        let mut random = Rng::with_seed(number as u64);
        let mut place = random.u64(0..shares.max(1));
        let profile = profiles.iter().find(|profile| {
            let here = place < profile.share.max(1);
            place = place.saturating_sub(profile.share);
            here
        });
        let paths = profile.unwrap().draw(&mut random);
        let connect = connect::connect(config.clone(), &paths, None, zero);
        outcomes.syns += f64::from(connect.syns());
        outcomes.times.extend(connect.took.map(|took| took.as_secs_f64()));
    }
    outcomes
}

fn times(name: &str, share: f64, outcomes: &[Outcomes; 3]) -> Row {
    let mut row = Row::new(GROUP, name, Unit::Time, FAIRNESS);
    for ((who, policy), outcomes) in POLICIES.iter().zip(outcomes) {
        let figure = quantile(&outcomes.times, share).map(Figure::exact);
        if *policy == Policy::Staggered { row.ours(*who, figure) } else { row.peer(*who, figure) }
    }
    row.stand_beside_the_best();
    row
}

/// How many connects take longer than a time, for all times.
fn tail(outcomes: &[Outcomes; 3]) -> Chart {
    let mut lines =
        Lines::new(Axis::logarithmic("time to connect (s)"), Axis::logarithmic("connects that take longer (%)"));
    for ((who, _), outcomes) in POLICIES.iter().zip(outcomes) {
        let point = |step: i32| {
            let longer = 10f64.powf(-4.0 * f64::from(step) / 100.0);
            Some((quantile(&outcomes.times, 1.0 - longer)?, 100.0 * longer))
        };
        lines.curve(*who, (1..=100).filter_map(point).collect());
    }
    Chart::lines(
        "simulation-tail.svg",
        GROUP,
        "Racing every address cuts the tail: seconds and minutes become a delay",
        lines,
    )
}

/// What another delay than 250 ms would bring, and cost.
fn sweep(run: &mut Run, mix: &[Profile], connects: usize) {
    let mut row = Row::new(GROUP, "99 % connected, by connection attempt delay", Unit::Time, FAIRNESS);
    let mut syns = Row::new(GROUP, "SYNs for each connect, by connection attempt delay", Unit::Count("SYNs"), FAIRNESS);
    let mut points = Vec::new();
    for milliseconds in [250, 50, 100, 150, 200, 300, 500, 1_000, 2_000] {
        let delay = Duration::from_millis(milliseconds);
        let outcomes = simulate(mix, connects, &config(Policy::Staggered, Some(delay)));
        let Some(slow) = quantile(&outcomes.times, 0.99) else { continue };
        let each = (outcomes.syns * 1e4).round() / 1e4;
        points.push((milliseconds, each, slow));
        if milliseconds == 250 {
            row.ours("this crate, 250 ms", Figure::exact(slow));
            syns.ours("this crate, 250 ms", Figure::exact(each));
        } else {
            row.beside(format!("{milliseconds} ms"), Figure::exact(slow));
            syns.beside(format!("{milliseconds} ms"), Figure::exact(each));
        }
    }
    row.expect("the evidence for the default: what a shorter delay wins at the tail, it pays for in SYNs");
    run.push(row);
    run.push(syns);
    run.charts.extend(delays(points));
}

/// What each delay brings and costs, in times of the default.
fn delays(mut points: Vec<(u64, f64, f64)>) -> Option<Chart> {
    points.sort_by_key(|point| point.0);
    let (_, default_syns, default_slow) = points.iter().find(|point| point.0 == 250).copied()?;
    let x = Axis::logarithmic("connection attempt delay (ms)");
    let mut lines = Lines::new(x, Axis::linear("in times of what 250 ms give"));
    lines.points("SYNs sent", points.iter().map(|(delay, syns, _)| (*delay as f64, syns / default_syns)).collect());
    let slow = points.iter().map(|(delay, _, slow)| (*delay as f64, slow / default_slow));
    lines.points("time in which 99 % are connected", slow.collect());
    let title = "Less delay than 250 ms sends more SYNs and wins little; more delay makes the slow slower";
    Some(Chart::lines("simulation-delay.svg", GROUP, title, lines))
}
