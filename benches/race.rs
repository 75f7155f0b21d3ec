//! How long the race itself takes, for those who change it: no I/O, no runtime, invented time.
//!
//! ```text
//! cargo bench --bench race
//! cargo bench --bench race -- --save-baseline before    # then change something, and: --baseline before
//! ```
//!
//! What a user notices is in `compare`; times here are only good for comparing one state of the code with another.
#![allow(missing_docs, reason = "criterion's macros make functions")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "std has no other way to make an instant")]

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hyper_happy_eyeballs::race::{Action, Answer, Config, Order, Outcome, Policy, Queries, Race};

const LENGTHS: [u16; 4] = [2, 10, 100, 1_000];

/// Half of them IPv6, which come first.
fn addresses(count: u16) -> Vec<SocketAddr> {
    let v6 = (0..count / 2).map(|n| SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n), 443)));
    let v4 = (count / 2..count).map(|n| SocketAddr::from((Ipv4Addr::new(192, 0, (n >> 8) as u8, n as u8), 443)));
    v6.chain(v4).collect()
}

fn config(policy: Policy) -> Config {
    Config::builder().policy(policy).build().unwrap()
}

/// The first attempt succeeds at once: what nearly every race is.
fn first_wins(config: Config, answer: Answer, t0: Instant) -> Race {
    let mut race = Race::new(config, Queries::LIST, None);
    race.handle_answer(answer, t0);
    while let Some(action) = race.poll_action(t0) {
        if let Action::Start { id, .. } = action {
            race.handle_outcome(id, Outcome::Connected, t0);
        }
    }
    race
}

/// Every attempt fails as it starts, and sends nothing: the most starts in the least time.
fn all_fail(config: Config, answer: Answer, t0: Instant) -> Race {
    let mut race = Race::new(config, Queries::LIST, None);
    race.handle_answer(answer, t0);
    while let Some(action) = race.poll_action(t0) {
        if let Action::Start { id, .. } = action {
            race.handle_outcome(id, Outcome::failed_unsent(), t0);
        }
    }
    race
}

/// No attempt ever has an outcome, but the last, which succeeds: each start waits for its delay.
fn last_wins(config: Config, addresses: &[SocketAddr], t0: Instant) -> Race {
    let mut race = Race::new(config, Queries::LIST, None);
    race.handle_answer(Answer::list(addresses.iter().copied()), t0);
    let mut now = t0;
    let mut started = 0;
    loop {
        while let Some(action) = race.poll_action(now) {
            match action {
                Action::Start { id, .. } => {
                    started += 1;
                    if started == addresses.len() {
                        race.handle_outcome(id, Outcome::Connected, now);
                    }
                }
                Action::Finish(_) => return race,
                _ => {}
            }
        }
        now = race.poll_timeout().unwrap_or(now + Duration::from_secs(1));
    }
}

fn races(criterion: &mut Criterion) {
    let t0 = Instant::now();
    for policy in [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential] {
        let mut group = criterion.benchmark_group(format!("{policy:?}"));
        for length in LENGTHS {
            group.throughput(Throughput::Elements(length.into()));
            let listed = addresses(length);
            let answer = || Answer::list(listed.iter().copied());
            let id = |what: &str| BenchmarkId::new(what, length);
            group.bench_function(id("first wins"), |bencher| {
                bencher.iter_batched(answer, |answer| first_wins(config(policy), answer, t0), BatchSize::SmallInput);
            });
            group.bench_function(id("all fail"), |bencher| {
                bencher.iter_batched(answer, |answer| all_fail(config(policy), answer, t0), BatchSize::SmallInput);
            });
            if policy == Policy::Staggered {
                group.bench_function(id("last wins"), |bencher| {
                    bencher.iter(|| last_wins(config(policy), black_box(&listed), t0));
                });
            }
        }
        group.finish();
    }
}

/// From an answer to the first start: grouping, sorting, interleaving.
fn sorts(criterion: &mut Criterion) {
    let t0 = Instant::now();
    let mut group = criterion.benchmark_group("sort");
    for order in [Order::Resolver, Order::PreferV6, Order::PreferV4] {
        let config = Config::builder().order(order).build().unwrap();
        for length in LENGTHS {
            group.throughput(Throughput::Elements(length.into()));
            let answer = Answer::list(addresses(length));
            group.bench_function(BenchmarkId::new(format!("{order:?}"), length), |bencher| {
                bencher.iter(|| {
                    let mut race = Race::new(config.clone(), Queries::LIST, None);
                    race.handle_answer(black_box(&answer).clone(), t0);
                    black_box(race.poll_action(t0));
                    race
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = races, sorts
}
criterion_main!(benches);
