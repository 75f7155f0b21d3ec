//! When the next attempt starts (`Staggered`).

use std::future::pending;
use std::io;

use futures_util::FutureExt;
use hyper_happy_eyeballs::AttemptError;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::HappyEyeballsLayer;
use hyper_happy_eyeballs::race::StartReason;
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, service_fn};
use tower_test::mock;

use crate::fakes::{Fate, World, address, connect, list, ms, name, tried, untried, uri};

#[tokio::test(start_paused = true)]
async fn the_second_attempt_is_pending_at_249_ms_and_starts_at_250_ms() {
    let (attempt, mut attempts) = mock::pair::<AttemptRequest, &str>();
    let layer = HappyEyeballsLayer::builder().resolver(list("A6 A4")).layer().unwrap();
    let mut connecting = task::spawn(layer.layer(attempt).call(uri()));
    assert_pending!(connecting.poll());
    let (first, _first_hangs) = attempts.next_request().now_or_never().unwrap().unwrap();
    assert_eq!(first.endpoint().address(), address("A6"));

    advance(ms(249)).await;
    assert!(!connecting.is_woken());
    assert_pending!(connecting.poll());
    assert!(attempts.next_request().now_or_never().is_none());

    advance(ms(1)).await;
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    let (second, answer) = attempts.next_request().now_or_never().unwrap().unwrap();
    assert_eq!(second.endpoint().address(), address("A4"));

    answer.send_response("the second connection");
    assert!(connecting.is_woken());
    let stream = assert_ready_ok!(connecting.poll());
    assert_eq!(stream.into_inner(), "the second connection");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_not_aborted_because_the_next_one_starts() {
    let world = World::new([("A6", Fate::Connects(300)), ("A4", Fate::Hangs)]);
    let stream = connect(world.dial("A6 A4")).await.unwrap();
    assert_eq!(stream.get_ref().name(), "A6");
    assert_eq!(world.log(), ["0 start A6", "250 start A4", "300 connect A6", "300 drop A4"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_starts_the_next_attempt_ten_milliseconds_after_the_last() {
    let world = World::new([("A6", Fate::Refuses(0)), ("A4", Fate::Refuses(3)), ("B6", Fate::Connects(1))]);
    let stream = connect(world.dial("A6 A4 B6")).await.unwrap();
    assert_eq!(world.log(), ["0 start A6", "0 fail A6", "10 start A4", "13 fail A4", "20 start B6", "21 connect B6"]);
    assert_eq!(stream.info().winner().reason(), StartReason::PreviousFailed);
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_ten_milliseconds_starts_the_next_attempt_at_once() {
    let world = World::new([("A6", Fate::Refuses(40)), ("A4", Fate::Connects(5))]);
    connect(world.dial("A6 A4")).await.unwrap();
    assert_eq!(world.log()[..3], ["0 start A6", "40 fail A6", "40 start A4"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_on_loopback_starts_the_next_attempt_at_once() {
    let world = World::new([("L6", Fate::Refuses(0)), ("L4", Fate::Connects(0))]);
    let stream = connect(world.dial("L6 L4")).await.unwrap();
    assert_eq!(world.log(), ["0 start L6", "0 fail L6", "0 start L4", "0 connect L4"]);
    assert_eq!(stream.info().elapsed(), ms(0));
}

#[tokio::test(start_paused = true)]
async fn a_loopback_address_waits_for_the_floor_of_the_wire_before_it() {
    let world = World::new([("A6", Fate::Refuses(2)), ("L4", Fate::Connects(0))]);
    connect(world.dial("A6 L4")).await.unwrap();
    assert_eq!(world.log()[..3], ["0 start A6", "2 fail A6", "10 start L4"]);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_an_older_attempt_hastens_nothing() {
    let world = World::new([("A6", Fate::Refuses(300)), ("A4", Fate::Hangs), ("B6", Fate::Connects(0))]);
    connect(world.dial("A6 A4 B6")).await.unwrap();
    assert_eq!(world.log()[..4], ["0 start A6", "250 start A4", "300 fail A6", "500 start B6"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_sent_nothing_spares_the_wait_of_ten_milliseconds() {
    let world = World::new([("A6", Fate::SendsNothing(0)), ("A4", Fate::SendsNothing(1)), ("B6", Fate::Connects(0))]);
    let _stream = connect(world.dial("A6 A4 B6")).await.unwrap();
    assert_eq!(world.log(), ["0 start A6", "0 fail A6", "0 start A4", "1 fail A4", "1 start B6", "1 connect B6"]);
}

/// When the second of two attempts starts if the first fails at once with `error`.
async fn next_start_after(error: fn() -> BoxError) -> u128 {
    let attempt = service_fn(move |request: AttemptRequest| async move {
        if request.endpoint().address() == address("A6") { Err(error()) } else { Ok(()) }
    });
    let connector = HappyEyeballsConnector::builder().resolver(list("A6 A4")).attempt(attempt);
    connect(connector).await.unwrap().info().winner().offset().as_millis()
}

#[tokio::test(start_paused = true)]
async fn only_an_error_that_says_so_counts_as_unsent() {
    assert_eq!(next_start_after(|| AttemptError::new("no socket").unsent().into()).await, 0);
    assert_eq!(next_start_after(|| AttemptError::new("no socket").at_step("could not bind").unsent().into()).await, 0);
    assert_eq!(next_start_after(|| AttemptError::new("reset").into()).await, 10);
    assert_eq!(next_start_after(|| "a text".into()).await, 10);
    assert_eq!(next_start_after(|| io::Error::from(io::ErrorKind::AddrNotAvailable).into()).await, 10);
    assert_eq!(next_start_after(|| io::Error::other("a handshake").into()).await, 10);
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_the_oldest_attempt_makes_room() {
    let world = World::new([("D4", Fate::Connects(1))]);
    let stream = connect(world.dial("A4 B4 C4 D4").max_concurrent_attempts(2)).await.unwrap();
    assert_eq!(
        world.log(),
        [
            "0 start A4",
            "250 start B4",
            "500 drop A4",
            "500 start C4",
            "750 drop B4",
            "750 start D4",
            "751 connect D4",
            "751 drop C4",
        ]
    );
    assert_eq!(tried(stream.info().attempts()), "A4 B4 C4 D4");
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_the_one_that_was_set() {
    let world = World::new([("A4", Fate::Connects(0))]);
    connect(world.dial("A6 A4").connection_attempt_delay(ms(40))).await.unwrap();
    assert_eq!(world.log()[1], "40 start A4");
}

#[tokio::test(start_paused = true)]
async fn eight_refusals_take_seven_floors() {
    let fate = |name| (name, Fate::Refuses(0));
    let world = World::new(["A4", "B4", "C4", "D4", "E4", "F4", "G4", "H4"].map(fate));
    let error = connect(world.dial("A4 B4 C4 D4 E4 F4 G4 H4")).await.unwrap_err();
    assert_eq!(tried(error.attempts()), "A4 B4 C4 D4 E4 F4 G4 H4");
    assert_eq!(untried(&error.untried()), "");
    let offsets: Vec<_> = error.attempts().iter().map(|attempt| attempt.offset().as_millis()).collect();
    assert_eq!(offsets, [0, 10, 20, 30, 40, 50, 60, 70]);
}

#[tokio::test(start_paused = true)]
async fn one_address_arms_no_timer() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial("A6").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    for _ in 0..3 {
        advance(ms(24 * 60 * 60 * 1000)).await;
        assert!(!connecting.is_woken());
    }
    assert_pending!(connecting.poll());
    assert_eq!(world.log(), ["0 start A6"]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_arms_no_timer() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial("A6 A6 A6").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(1000)).await;
    assert!(!connecting.is_woken());
    assert_eq!(world.log(), ["0 start A6"]);
}

#[tokio::test(start_paused = true)]
async fn no_timer_is_left_when_every_address_has_been_started() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial("A6 A4").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(250)).await;
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    advance(ms(24 * 60 * 60 * 1000)).await;
    assert!(!connecting.is_woken());
    assert_eq!(world.log(), ["0 start A6", "250 start A4"]);
}

#[tokio::test(start_paused = true)]
async fn progress_of_the_opening_counts_though_its_handle_is_gone() {
    assert_eq!(starts_after_last_words("A6", 700).await, [0, 700, 950]);
}

#[tokio::test(start_paused = true)]
async fn progress_of_a_later_attempt_counts_though_its_handle_is_gone() {
    assert_eq!(starts_after_last_words("A4", 500).await, [0, 250, 750]);
}

/// When the attempts to A6, A4 and B6 start, in milliseconds. Only B6 connects; the one to `speaker` says by a handle that it does not keep
/// that the rest takes `remaining` milliseconds.
async fn starts_after_last_words(speaker: &'static str, remaining: u64) -> Vec<u128> {
    let attempt = service_fn(move |request: AttemptRequest| async move {
        let (endpoint, handle) = (request.endpoint().clone(), request.handle());
        match name(endpoint.address()) {
            name if name == "B6" => return Ok::<_, AttemptError>(()),
            name if name == speaker => handle.progress(ms(remaining)),
            _ => {}
        }
        drop(handle);
        pending().await
    });
    let connector = HappyEyeballsConnector::builder().resolver(list("A6 A4 B6")).attempt(attempt);
    let stream = connect(connector).await.unwrap();
    stream.info().attempts().iter().map(|attempt| attempt.offset().as_millis()).collect()
}
