//! Dropped connects and lost attempts leave no descriptor open. The test counts the descriptors of the process, so it is the only test of its binary.
#![cfg(all(feature = "connect", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::race::Policy;
use hyper_happy_eyeballs::resolve::FixedResolver;
use support::loopback::{BlackHole, ClosedPort};
use support::origin::{Origin, until};
use tower::ServiceExt;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn connector(addresses: &[SocketAddr], policy: Policy) -> HappyEyeballsConnector<FixedResolver> {
    HappyEyeballsConnector::builder()
        .resolver(FixedResolver::new().with("race.example", addresses.iter().copied()))
        .policy(policy)
        .connection_attempt_delay(Duration::from_millis(10))
        .fallback_delay(Duration::from_millis(1))
        .build()
        .unwrap()
}

async fn connect(connector: HappyEyeballsConnector<FixedResolver>) -> bool {
    connector.oneshot("http://race.example/".parse().unwrap()).await.is_ok()
}

/// A random number below `limit`, the same in every run.
fn next_random(state: &mut u64, limit: u64) -> u64 {
    // The constants of Knuth's MMIX generator, whose high bits are the random ones.
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % limit
}

#[tokio::test]
async fn ten_thousand_races_cancelled_at_random_moments_leave_nothing_behind() {
    let (slow, other_slow, refused) = (BlackHole::new(V4), BlackHole::new(V4), ClosedPort::new(V4));
    let origin = Origin::listen(V4).await;
    let lists = [
        vec![slow.address(), refused.address(), other_slow.address(), origin.address()],
        vec![slow.address(), origin.address()],
        vec![refused.address(), slow.address(), refused.address(), other_slow.address()],
        vec![origin.address()],
        vec![slow.address()],
    ];
    // The runtime is warm, and everything that a test needs is open.
    assert!(connect(connector(&lists[3], Policy::Staggered)).await);
    origin.sees_closed(1).await;
    let before = descriptors();

    let mut state = 0x5EED;
    let (mut cancelled, mut connected) = (0, 0);
    for _ in 0..100 {
        let mut races = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let list = &lists[usize::try_from(next_random(&mut state, 5)).unwrap()];
            let policies = [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential];
            let policy = policies[usize::try_from(next_random(&mut state, 3)).unwrap()];
            let moment = Duration::from_micros(next_random(&mut state, 40_000));
            let race = connect(connector(list, policy));
            races.spawn(tokio::time::timeout(moment, race));
        }
        while let Some(race) = races.join_next().await {
            match race.unwrap() {
                Ok(true) => connected += 1,
                Ok(false) => {}
                Err(_) => cancelled += 1,
            }
        }
    }
    assert!(cancelled > 1000 && connected > 1000, "{cancelled} cancelled, {connected} connected");
    // The origin still has to notice the last ends.
    until(|| descriptors() == before).await;

    // Ten at a time, left to themselves.
    let mut races = tokio::task::JoinSet::new();
    for _ in 0..10 {
        races.spawn(connect(connector(&lists[0], Policy::Staggered)));
    }
    while let Some(race) = races.join_next().await {
        assert!(race.unwrap());
    }
    until(|| descriptors() == before).await;
}
