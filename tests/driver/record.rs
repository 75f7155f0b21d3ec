//! What the record of a race tells a caller.

use hyper_happy_eyeballs::race::{DropReason, Families, Query, StartReason, UntriedReason};
use hyper_happy_eyeballs::resolve::Queries;
use hyper_happy_eyeballs::{Attempt, AttemptOutcome};

use crate::fakes::{Fate, World, address, connect, ms, tried, untried};

/// Reason, offset, duration and outcome.
fn line(attempt: &Attempt) -> (StartReason, u128, u128, &'static str) {
    let outcome = match attempt.outcome() {
        AttemptOutcome::Connected => "connected",
        AttemptOutcome::Failed(_) => "failed",
        AttemptOutcome::Dropped(DropReason::Lost) => "lost",
        AttemptOutcome::Dropped(DropReason::Pruned) => "pruned",
        AttemptOutcome::Dropped(DropReason::SliceElapsed) => "slice elapsed",
        AttemptOutcome::Dropped(DropReason::DeadlineElapsed) => "deadline elapsed",
        other => panic!("an unknown outcome: {other:?}"),
    };
    (attempt.reason(), attempt.offset().as_millis(), attempt.duration().as_millis(), outcome)
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_won_alone_has_its_record() {
    let world = World::new([("A6", Fate::Connects(30))]);
    let stream = connect(world.dial_by(world.resolver(Queries::LIST).list(12, "A6 A4 B4"))).await.unwrap();
    let info = stream.info();
    assert_eq!((info.host(), info.port()), ("race.example", 80));
    assert_eq!(info.elapsed(), ms(42));
    assert_eq!(info.resolved_after(), Some(ms(12)));
    assert_eq!(info.attempts().len(), 1);
    assert_eq!(line(info.winner()), (StartReason::First, 12, 30, "connected"));
    assert_eq!(info.winner().endpoint().address(), address("A6"));
    assert_eq!(untried(&info.untried()), "A4 not reached, B4 not reached");
}

#[tokio::test(start_paused = true)]
async fn what_the_first_attempt_left_untried_is_in_the_order_of_the_race() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let stream = connect(world.dial("A4 B4 B4 A4 C4 A6 B6")).await.unwrap();
    assert_eq!(untried(&stream.info().untried()), "A6 not reached, B4 not reached, B6 not reached, C4 not reached");
    let stream = connect(world.dial("A4 B4 A6").families(Families::V4Only)).await.unwrap();
    assert_eq!(untried(&stream.info().untried()), "B4 not reached, A6 its address family is switched off");
    let stream = connect(world.dial("A4")).await.unwrap();
    assert!(stream.info().untried().is_empty());
}

#[tokio::test(start_paused = true)]
async fn attempts_are_recorded_in_start_order_whatever_order_they_end_in() {
    let world = World::new([
        ("A6", Fate::Hangs),
        ("A4", Fate::Refuses(270)),
        ("B6", Fate::Refuses(5)),
        ("B4", Fate::Connects(40)),
    ]);
    let stream = connect(world.dial("A6 A4 B6 B4 C6")).await.unwrap();
    let info = stream.info();
    assert_eq!(tried(info.attempts()), "A6 A4 B6 B4");
    let lines: Vec<_> = info.attempts().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            (StartReason::First, 0, 550, "lost"),
            (StartReason::DelayElapsed, 250, 270, "failed"),
            (StartReason::DelayElapsed, 500, 5, "failed"),
            (StartReason::PreviousFailed, 510, 40, "connected"),
        ]
    );
    assert_eq!(info.winner().endpoint().address(), address("B4"));
    assert_eq!(untried(&info.untried()), "C6 not reached");
    assert_eq!(info.elapsed(), ms(550));
    assert_eq!(info.resolved_after(), Some(ms(0)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_has_the_same_record() {
    let world = World::new([("A6", Fate::Refuses(300)), ("A4", Fate::SendsNothing(20))]);
    let resolver = world.resolver(Queries::LIST).list(10, "A6 A4");
    let error = connect(world.dial_by(resolver)).await.unwrap_err();
    let lines: Vec<_> = error.attempts().iter().map(line).collect();
    assert_eq!(lines, [(StartReason::First, 10, 300, "failed"), (StartReason::DelayElapsed, 260, 20, "failed")]);
    assert!(error.untried().is_empty());
    assert_eq!(error.elapsed(), ms(310));
    assert_eq!(error.resolved_after(), Some(ms(10)));
    assert!(error.attempts()[0].error().unwrap().was_sent());
    assert!(!error.attempts()[1].error().unwrap().was_sent());
}

#[tokio::test(start_paused = true)]
async fn a_race_that_ran_out_of_time_has_the_same_record() {
    let world = World::new([("A6", Fate::Refuses(20))]);
    let error = connect(world.dial("A6 A4 B6 B4").families(Families::Both).timeout(ms(100))).await.unwrap_err();
    let lines: Vec<_> = error.attempts().iter().map(line).collect();
    assert_eq!(
        lines,
        [(StartReason::First, 0, 20, "failed"), (StartReason::PreviousFailed, 20, 80, "deadline elapsed")]
    );
    assert_eq!(untried(&error.untried()), "B6 not reached, B4 not reached");
}

#[tokio::test(start_paused = true)]
async fn a_pruned_attempt_is_recorded_as_such() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let stream = connect(world.dial("A6 A4").max_concurrent_attempts(1)).await.unwrap();
    assert_eq!(line(&stream.info().attempts()[0]), (StartReason::First, 0, 250, "pruned"));
}

#[tokio::test(start_paused = true)]
async fn every_reason_for_an_untried_address_is_given() {
    let world = World::new([("A4", Fate::Connects(200))]);
    let resolver = world.resolver(Queries::LIST).list(0, "A4 B4 A6").list(100, "A4 C4 B6");
    let stream = connect(world.dial_by(resolver).families(Families::V4Only)).await.unwrap();
    let untried = stream.info().untried();
    let reason = |name| untried.iter().find(|u| u.endpoint().address() == address(name)).map(|u| u.reason());
    assert_eq!(reason("C4"), Some(UntriedReason::NotReached));
    assert_eq!(reason("B4"), Some(UntriedReason::Withdrawn));
    assert_eq!(reason("B6"), Some(UntriedReason::FamilyDisabled));
    assert_eq!(reason("A4"), None);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_failed_is_told_beside_a_connection() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).fails(5, Query::Aaaa, "SERVFAIL").a(20, "A4");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    let [error] = stream.info().query_errors() else { panic!("{:?}", stream.info()) };
    assert_eq!(error.query(), Query::Aaaa);
    assert_eq!(stream.info().resolved_after(), Some(ms(20)));
}

#[tokio::test(start_paused = true)]
async fn a_negative_answer_is_not_yet_an_address() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let stream = connect(world.dial_by(world.resolver(Queries::ADDRESSES).aaaa(5, "").a(20, "A4"))).await.unwrap();
    assert_eq!(stream.info().resolved_after(), Some(ms(20)));
}
