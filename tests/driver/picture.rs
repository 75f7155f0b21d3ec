//! The drawing of a race.

use hyper_happy_eyeballs::HappyEyeballsConnector;
use tower::ServiceExt;

use crate::fakes::{Fate, World, connect, ms};

fn world() -> World {
    World::new([("A4", Fate::Refuses(1)), ("B4", Fate::Connects(20))])
}

/// Without the spaces at the ends of lines, which a source file should not have.
fn lines(picture: impl ToString) -> Vec<String> {
    picture.to_string().lines().map(|line| line.trim_end().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_race_that_was_won() {
    let stream = connect(world().dial("A6 A4 B6 B4 C4")).await.unwrap();
    assert_eq!(
        lines(stream.info().timeline()),
        [
            "address           started because                                      took  outcome",
            "[2001:db8::a]:80  first            ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┥   530 ms  lost to another attempt",
            "192.0.2.10:80     delay elapsed    ·          ·  ×        ·            1 ms  connection refused",
            "[2001:db8::b]:80  previous failed  ·          ·   ━━━━━━━━━━━━━━━┥   270 ms  lost to another attempt",
            "192.0.2.11:80     delay elapsed    ·          ·           ·     ━●    20 ms  connected",
            "192.0.2.12:80     (not tried)      ·          ·           ·                  not reached",
            "                                   ┴──────────┴───────────┴───────",
            "                                   0         200         400 ms",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_race_in_ascii_in_fewer_columns() {
    let stream = connect(world().dial("A6 A4 B6 B4 C4")).await.unwrap();
    let picture = stream.info().timeline().ascii(true).width(80);
    assert_eq!(
        lines(&picture),
        [
            "address           started because                           took  outcome",
            "[2001:db8::a]:80  first            ===================|   530 ms  lost to another attempt",
            "192.0.2.10:80     delay elapsed    .      . x    .          1 ms  connection refused",
            "[2001:db8::b]:80  previous failed  .      . ==========|   270 ms  lost to another attempt",
            "192.0.2.11:80     delay elapsed    .      .      .   =O    20 ms  connected",
            "192.0.2.12:80     (not tried)      .      .      .                not reached",
            "                                   +------+------+-----",
            "                                   0     200    400 ms",
        ]
    );
    assert!(picture.to_string().is_ascii());
}

#[tokio::test(start_paused = true)]
async fn a_race_that_was_lost() {
    let error = connect(world().dial("A4 A6").timeout(ms(500))).await.unwrap_err();
    assert_eq!(
        lines(error.timeline()),
        [
            "address           started because                                           took  outcome",
            "192.0.2.10:80     first            ×      ·      ·      ·      ·      ·     1 ms  connection refused",
            "[2001:db8::a]:80  previous failed  ·━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━×   490 ms  timed out",
            "                                   ┴──────┴──────┴──────┴──────┴──────┴",
            "                                   0     100    200    300    400    500 ms",
        ]
    );
    let colours = error.timeline().colour(true).to_string();
    assert!(!colours.is_ascii() && colours.contains("\x1b[31m") && !error.timeline().to_string().contains('\x1b'));
}

#[tokio::test(start_paused = true)]
async fn a_connect_without_a_race() {
    let error = connect(world().dial("")).await.unwrap_err();
    assert_eq!(
        lines(error.timeline()),
        [
            "address         started because                                           took  outcome",
            "(name look-up)                   ×      ·      ·      ·      ·      ·     0 ms  no address",
            "                                 ┴──────┴──────┴──────┴──────┴──────┴",
            "                                 0    0.002  0.004  0.006  0.008  0.01 ms",
        ]
    );
    let connector = HappyEyeballsConnector::new();
    let error = connector.oneshot("ftp://race.example/".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.timeline().to_string(), "nothing was looked up, and nothing was tried");
}
