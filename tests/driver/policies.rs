//! The policies `TwoFamilies` and `Sequential`: two families in sequence, or one address after the other.

use std::error::Error as _;

use hyper_happy_eyeballs::AttemptOutcome;
use hyper_happy_eyeballs::connect::Builder;
use hyper_happy_eyeballs::race::{DropReason, Policy, StartReason};
use hyper_happy_eyeballs::resolve::{FixedResolver, Queries};

use crate::fakes::{Attempts, Fate, World, connect, ms, tried, untried};

fn two_families(world: &World, names: &str) -> Builder<FixedResolver, Attempts> {
    world.dial(names).policy(Policy::TwoFamilies)
}

fn sequential(world: &World, names: &str) -> Builder<FixedResolver, Attempts> {
    world.dial(names).policy(Policy::Sequential)
}

#[tokio::test(start_paused = true)]
async fn the_other_family_starts_after_300_ms() {
    let world = World::new([("A4", Fate::Connects(20))]);
    let stream = connect(two_families(&world, "A6 B6 A4")).await.unwrap();
    assert_eq!(world.log(), ["0 start A6", "300 start A4", "320 connect A4", "320 drop A6"]);
    assert_eq!(stream.info().winner().reason(), StartReason::DelayElapsed);
    assert_eq!(untried(&stream.info().untried()), "B6 not reached");
}

#[tokio::test(start_paused = true)]
async fn the_other_family_starts_after_the_fallback_delay_that_was_set() {
    let world = World::new([("A4", Fate::Connects(0))]);
    connect(two_families(&world, "A6 A4").fallback_delay(ms(5))).await.unwrap();
    assert_eq!(world.log()[1], "5 start A4");
    let world = World::new([("A4", Fate::Connects(0))]);
    connect(two_families(&world, "A6 A4").fallback_delay(ms(0))).await.unwrap();
    assert_eq!(world.log()[..2], ["0 start A6", "0 start A4"]);
}

#[tokio::test(start_paused = true)]
async fn the_other_family_starts_at_once_when_the_first_has_failed() {
    let world = World::new([("A6", Fate::Refuses(3)), ("B6", Fate::Refuses(4)), ("A4", Fate::Connects(0))]);
    let stream = connect(two_families(&world, "A6 A4 B6")).await.unwrap();
    assert_eq!(world.log()[..5], ["0 start A6", "3 fail A6", "3 start B6", "7 fail B6", "7 start A4"]);
    assert_eq!(stream.info().winner().reason(), StartReason::PreviousFailed);
}

#[tokio::test(start_paused = true)]
async fn each_family_is_a_sequence_of_its_own() {
    let world = World::new([("A6", Fate::Refuses(310)), ("A4", Fate::Refuses(50)), ("B4", Fate::Connects(50))]);
    let stream = connect(two_families(&world, "A6 B6 A4 B4")).await.unwrap();
    assert_eq!(
        world.log(),
        [
            "0 start A6",
            "300 start A4",
            "310 fail A6",
            "310 start B6",
            "350 fail A4",
            "350 start B4",
            "400 connect B4",
            "400 drop B6",
        ]
    );
    assert_eq!(tried(stream.info().attempts()), "A6 A4 B6 B4");
}

#[tokio::test(start_paused = true)]
async fn the_first_error_of_the_first_family_is_the_error() {
    let world = World::new([("A6", Fate::SendsNothing(400)), ("A4", Fate::Refuses(0))]);
    let error = connect(two_families(&world, "A6 A4")).await.unwrap_err();
    assert_eq!(tried(error.attempts()), "A6 A4");
    assert!(error.is_connect() && !error.is_timeout());
    let deciding = error.attempts()[0].error().unwrap();
    let source: *const dyn std::error::Error = error.source().unwrap();
    assert!(std::ptr::addr_eq(source, deciding));
}

#[tokio::test(start_paused = true)]
async fn one_family_arms_no_fallback() {
    let world = World::new([("B4", Fate::Connects(0)), ("A4", Fate::Refuses(5000))]);
    connect(two_families(&world, "A4 B4")).await.unwrap();
    assert_eq!(world.log()[..3], ["0 start A4", "5000 fail A4", "5000 start B4"]);
}

#[tokio::test(start_paused = true)]
async fn each_address_has_its_slice_of_the_timeout() {
    let world = World::new([("C4", Fate::Connects(1))]);
    let stream = connect(sequential(&world, "A4 B4 C4").timeout(ms(12_000))).await.unwrap();
    assert_eq!(
        world.log(),
        ["0 start A4", "4000 drop A4", "4000 start B4", "8000 drop B4", "8000 start C4", "8001 connect C4"]
    );
    for attempt in &stream.info().attempts()[..2] {
        assert!(matches!(attempt.outcome(), AttemptOutcome::Dropped(DropReason::SliceElapsed)));
        assert_eq!(attempt.duration(), ms(4000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_is_two_seconds_at_least() {
    let world = World::new([]);
    let error = connect(sequential(&world, "A4 B4 C4 D4").timeout(ms(5000))).await.unwrap_err();
    assert_eq!(
        world.log(),
        ["0 start A4", "2000 drop A4", "2000 start B4", "4000 drop B4", "4000 start C4", "5000 drop C4",]
    );
    assert_eq!(untried(&error.untried()), "D4 not reached");
    // The attempt that decided had used up its slice.
    assert!(error.is_connect() && error.is_timeout());
}

#[tokio::test(start_paused = true)]
async fn a_family_shares_the_timeout_among_its_own_addresses() {
    let world = World::new([]);
    let error = connect(two_families(&world, "A6 B6 A4").timeout(ms(10_000))).await.unwrap_err();
    assert_eq!(
        world.log(),
        ["0 start A6", "300 start A4", "5000 drop A6", "5000 start B6", "10000 drop A4", "10000 drop B6"]
    );
    assert!(error.is_timeout());
}

#[tokio::test(start_paused = true)]
async fn serial_dialing_goes_on_at_once_and_without_a_floor() {
    let world = World::new([("A6", Fate::Refuses(0)), ("A4", Fate::Refuses(1)), ("B6", Fate::Connects(0))]);
    let stream = connect(sequential(&world, "A6 A4 B6")).await.unwrap();
    assert_eq!(world.log()[..5], ["0 start A6", "0 fail A6", "0 start A4", "1 fail A4", "1 start B6"]);
    assert_eq!(stream.info().elapsed(), ms(1));
}

#[tokio::test(start_paused = true)]
async fn serial_dialing_tries_the_addresses_in_their_order() {
    let fates = ["A4", "B4", "C6", "D6"].map(|name| (name, Fate::Refuses(0)));
    let world = World::new(fates);
    let error = connect(sequential(&world, "A4 B4 C6 D6")).await.unwrap_err();
    assert_eq!(tried(error.attempts()), "A4 B4 C6 D6");
}

#[tokio::test(start_paused = true)]
async fn the_list_is_frozen_when_every_query_is_answered() {
    for policy in [Policy::TwoFamilies, Policy::Sequential] {
        let world = World::new([("A6", Fate::Refuses(10)), ("A4", Fate::Connects(0))]);
        let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4").aaaa(100, "A6").aaaa(105, "A6 B6");
        let stream = connect(world.dial_by(resolver).policy(policy)).await.unwrap();
        assert_eq!(world.log()[1..4], ["100 start A6", "110 fail A6", "110 start A4"]);
        assert!(stream.info().untried().is_empty());
    }
}
