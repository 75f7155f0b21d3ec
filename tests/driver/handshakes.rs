//! What an attempt reports through its handle, and what the race answers: progress, its choice, and the permission to begin its handshake.

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper_happy_eyeballs::attempt::{Admission, AttemptHandle, AttemptOver, AttemptRequest};
use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::race::{DropReason, Patience, ServiceRecord, StartReason};
use hyper_happy_eyeballs::resolve::{Answer, FixedResolver, Queries, Query};
use hyper_happy_eyeballs::{AttemptError, AttemptOutcome, ConnectError, HappyEyeballsConnector, HappyEyeballsLayer};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service as _, ServiceExt, service_fn};

use crate::fakes::{Resolver, World, address, connect, ms, tried, uri};
use crate::plan::Plan;
use crate::plan::Step::{Chooses, Distrusts, Fails, Gate, Hangs, Progress, Takes};

/// More milliseconds than any test needs.
const LONG: u64 = 1_000_000;

/// AAAA and A at once, HTTPS later or never.
fn resolver(https: Option<(u64, ServiceRecord)>) -> Resolver {
    let resolver = World::new([]).resolver(Queries::ADDRESSES.with(Query::Https)).aaaa(0, "A6").a(0, "A4");
    match https {
        Some((at, record)) => resolver.says(at, Ok(Answer::https([record], 80))),
        None => resolver,
    }
}

/// A connect whose attempts wait for the answer to the HTTPS query, which is open; and the handle of the first, which has started.
async fn connecting_with_patience(
    plan: &Plan,
    resolver: Resolver,
) -> (task::Spawn<impl Future<Output = Result<HappyEyeballsStream<String>, ConnectError>> + use<>>, AttemptHandle) {
    let connector = HappyEyeballsConnector::builder().resolver(resolver).attempt(plan.attempts());
    let mut connecting = task::spawn(connector.handshake_patience(Patience::Strict).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(50)).await;
    assert_pending!(connecting.poll());
    (connecting, plan.handle(0))
}

fn record(ech: &str) -> ServiceRecord {
    let mut record = ServiceRecord::new(1);
    record.ech = Some(ech.into());
    record
}

#[tokio::test(start_paused = true)]
async fn progress_of_the_first_attempt_puts_the_next_start_off() {
    let plan = Plan::new([("A6", &[Takes(200), Progress(400), Takes(399)])]);
    let stream = connect(plan.dial("A6 A4")).await.unwrap();
    assert_eq!(stream.info().elapsed(), ms(599));
    assert_eq!(plan.log(), ["0 start A6"]);
}

#[tokio::test(start_paused = true)]
async fn without_progress_the_same_attempt_has_another_beside_it() {
    let plan = Plan::new([("A6", &[Takes(200), Takes(399)])]);
    let _stream = connect(plan.dial("A6 A4")).await.unwrap();
    assert_eq!(plan.log(), ["0 start A6", "250 start A4"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_is_put_off_no_longer_than_the_estimate_says() {
    let plan = Plan::new([("A6", &[Takes(200), Progress(400), Hangs]), ("A4", &[Takes(5)])]);
    let stream = connect(plan.dial("A6 A4")).await.unwrap();
    assert_eq!(plan.log(), ["0 start A6", "600 start A4"]);
    assert_eq!(stream.info().winner().reason(), StartReason::DelayElapsed);
}

#[tokio::test(start_paused = true)]
async fn progress_of_a_later_attempt_counts_no_less() {
    let plan = Plan::new([("A6", &[Hangs]), ("A4", &[Takes(100), Progress(500), Hangs]), ("B6", &[])]);
    let _stream = connect(plan.dial("A6 A4 B6")).await.unwrap();
    assert_eq!(plan.log(), ["0 start A6", "250 start A4", "850 start B6"]);
}

#[tokio::test(start_paused = true)]
async fn progress_at_the_call_itself_counts() {
    let plan = Plan::new([("A6", &[Progress(700), Hangs]), ("A4", &[Progress(300), Hangs]), ("B6", &[])]);
    let _stream = connect(plan.dial("A6 A4 B6")).await.unwrap();
    assert_eq!(plan.log(), ["0 start A6", "700 start A4", "1000 start B6"]);
}

#[tokio::test(start_paused = true)]
async fn progress_from_another_task_wakes_the_driver_once() {
    let plan = Plan::new([("A6", &[Hangs]), ("A4", &[Hangs])]);
    let mut connecting = task::spawn(plan.dial("A6 A4").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    assert!(!connecting.is_woken());
    advance(ms(100)).await;
    plan.handle(0).progress(ms(500));
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    assert!(!connecting.is_woken());
    advance(ms(499)).await;
    assert!(!connecting.is_woken());
    advance(ms(1)).await;
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    assert_eq!(plan.log(), ["0 start A6", "600 start A4"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_says_while_it_is_polled_wakes_nobody() {
    let plan = Plan::new([("A6", &[Progress(500), Takes(10), Progress(500), Gate(LONG), Progress(100), Hangs])]);
    let mut connecting = task::spawn(plan.dial("A6 A4").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    assert!(!connecting.is_woken());
    advance(ms(10)).await;
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    assert!(!connecting.is_woken());
    assert_eq!(plan.log(), ["0 start A6", "10 admit A6 -"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_may_shake_hands_at_once_is_over_in_one_poll() {
    let plan = Plan::new([("A6", &[Progress(100), Gate(LONG), Progress(100), Gate(LONG)])]);
    let mut connecting = task::spawn(plan.dial("A6 A4").build().unwrap().call(uri()));
    let stream = assert_ready_ok!(connecting.poll());
    assert!(!connecting.is_woken());
    assert_eq!(stream.into_inner(), "A6");
    assert_eq!(plan.log(), ["0 start A6", "0 admit A6 -", "0 admit A6 -"]);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_no_record_changes_does_not_wait() {
    let plan = Plan::new([("A6", &[Takes(10), Gate(LONG), Takes(20)])]);
    let connector =
        HappyEyeballsConnector::builder().resolver(resolver(Some((400, record("keys"))))).attempt(plan.attempts());
    let stream = connect(connector).await.unwrap();
    assert_eq!(plan.log(), ["50 start A6", "60 admit A6 -"]);
    assert_eq!(stream.info().elapsed(), ms(80));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_waits_for_the_record_and_no_other_is_started_meanwhile() {
    let plan = Plan::new([("A6", &[Takes(10), Gate(LONG), Takes(20)])]);
    let layer = HappyEyeballsLayer::builder()
        .resolver(resolver(Some((400, record("keys")))))
        .handshake_patience(Patience::Strict);
    let stream = layer.layer().unwrap().layer(plan.attempts()).oneshot(uri()).await.unwrap();
    assert_eq!(plan.log(), ["50 start A6", "400 admit A6 keys"]);
    assert_eq!(stream.info().elapsed(), ms(420));
}

#[tokio::test(start_paused = true)]
async fn bounded_patience_ends() {
    let plan = Plan::new([("A6", &[Takes(10), Gate(LONG), Takes(20)])]);
    let connector = HappyEyeballsConnector::builder().resolver(resolver(None)).attempt(plan.attempts());
    let stream = connect(connector.handshake_patience(Patience::Bounded(ms(300)))).await.unwrap();
    assert_eq!(plan.log(), ["50 start A6", "300 admit A6 -"]);
    assert_eq!(stream.info().elapsed(), ms(320));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_loses_while_it_waits_is_told_wherever_it_asked() {
    let plan = Plan::new([("A6", &[Hangs]), ("A4", &[Takes(5)])]);
    let (mut connecting, handle) = connecting_with_patience(&plan, resolver(None)).await;
    let mut asking = task::spawn(handle.admission());
    assert_pending!(asking.poll());
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    advance(ms(2000)).await;
    assert_pending!(connecting.poll());
    assert!(!asking.is_woken());
    advance(ms(5)).await;
    let stream = assert_ready_ok!(connecting.poll());
    assert_eq!(tried(stream.info().attempts()), "A6 A4");
    assert!(asking.is_woken());
    let over = asking.poll();
    assert!(matches!(over, std::task::Poll::Ready(Err(AttemptOver { .. }))), "{over:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_race_that_is_dropped_is_told() {
    let plan = Plan::new([("A6", &[Hangs])]);
    let (mut connecting, handle) = connecting_with_patience(&plan, resolver(None)).await;
    let mut asking = task::spawn(handle.admission());
    assert_pending!(asking.poll());
    assert_pending!(connecting.poll());
    drop(connecting);
    assert!(asking.is_woken());
    assert_eq!(asking.poll().map(|admission| admission.is_err()), std::task::Poll::Ready(true));
}

#[tokio::test(start_paused = true)]
async fn a_task_beside_the_attempt_may_ask_for_it() {
    let plan = Plan::new([("A6", &[Hangs])]);
    let (mut connecting, handle) = connecting_with_patience(&plan, resolver(Some((400, record("keys"))))).await;
    let mut asking = task::spawn(handle.admission());
    assert_pending!(asking.poll());
    assert_pending!(connecting.poll());
    advance(ms(350)).await;
    assert!(connecting.is_woken() && !asking.is_woken());
    assert_pending!(connecting.poll());
    assert!(asking.is_woken());
    let admission = assert_ready_ok!(asking.poll());
    assert_eq!(admission.service(), Some(&record("keys")));
}

#[tokio::test(start_paused = true)]
async fn a_waker_of_the_attempts_own_making_is_woken() {
    let attempt = service_fn(|request: AttemptRequest| async move {
        let handle = request.handle();
        let mut asking: FuturesUnordered<_> = [handle.admission()].into_iter().collect();
        let admission = asking.next().await.unwrap().map_err(AttemptError::new)?;
        Ok::<_, AttemptError>(admission.service().cloned())
    });
    let connector = HappyEyeballsConnector::builder().resolver(resolver(Some((400, record("keys"))))).attempt(attempt);
    let stream = connect(connector.handshake_patience(Patience::Strict)).await.unwrap();
    assert_eq!(stream.info().elapsed(), ms(400));
    assert_eq!(stream.into_inner(), Some(record("keys")));
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_kept_beyond_the_end_of_its_attempt_does_nothing() {
    let plan = Plan::new([("A6", &[Takes(20), Fails]), ("A4", &[Hangs])]);
    let mut connecting = task::spawn(plan.dial("A6 A4 B6").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(20)).await;
    assert_pending!(connecting.poll());
    advance(ms(80)).await;
    let handle = plan.handle(0);
    handle.progress(ms(1000));
    assert!(handle.admission().now_or_never().unwrap().is_err());
    assert!(!connecting.is_woken());
    advance(ms(170)).await;
    assert!(connecting.is_woken());
    let _stream = assert_ready_ok!(connecting.poll());
    assert_eq!(plan.log(), ["0 start A6", "20 start A4", "270 start B6"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_gives_up_at_the_gate_lets_the_time_run_again() {
    let plan = Plan::new([("A6", &[Takes(270), Gate(80)]), ("A4", &[Hangs]), ("B4", &[])]);
    let resolver = World::new([]).resolver(Queries::ADDRESSES.with(Query::Https)).aaaa(0, "A6").a(0, "A4 B4");
    let connector = HappyEyeballsConnector::builder().resolver(resolver).attempt(plan.attempts());
    let _stream = connect(connector.handshake_patience(Patience::Strict)).await.unwrap();
    // 230 ms of the delay were left when A6 began to wait, at 320, and so they are when it gives up, at 400.
    assert_eq!(plan.log(), ["50 start A6", "300 start A4", "630 start B4"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_the_record_has_no_place_for_is_superseded() {
    let plan = Plan::new([("A6", &[Takes(10), Gate(LONG)]), ("A6:8443", &[Takes(10), Gate(LONG)])]);
    let mut service = record("keys");
    service.port = Some(8443);
    let connector = HappyEyeballsConnector::builder().resolver(resolver(Some((80, service)))).attempt(plan.attempts());
    let stream = connect(connector.handshake_patience(Patience::Strict)).await.unwrap();
    assert_eq!(plan.log(), ["50 start A6", "80 start A6:8443", "90 admit A6:8443 keys"]);
    let [superseded, winner] = stream.info().attempts() else { panic!("{:?}", stream.info()) };
    assert!(matches!(superseded.outcome(), AttemptOutcome::Dropped(DropReason::Superseded)));
    let says = "[2001:db8::a]:80 superseded by a service record after 30 ms (transport 10 ms, handshake 20 ms)";
    assert_eq!(superseded.to_string(), says);
    assert_eq!(winner.reason(), StartReason::AnswerArrived);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_accepted_is_the_failure_of_its_attempt_alone() {
    let plan = Plan::new([("A6", &[Takes(10), Progress(100), Takes(20), Distrusts]), ("A4", &[Takes(30)])]);
    let stream = connect(plan.dial("A6 A4")).await.unwrap();
    assert_eq!(plan.log(), ["0 start A6", "30 start A4"]);
    assert_eq!(stream.info().winner().reason(), StartReason::PreviousFailed);
    assert!(stream.info().attempts()[0].error().unwrap().is_untrusted());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_accepted_is_the_error_whatever_else_failed() {
    let plan = Plan::new([("A6", &[Takes(10), Fails]), ("A4", &[Takes(30), Distrusts]), ("B6", &[Takes(5), Fails])]);
    let error = connect(plan.dial("A6 A4 B6")).await.unwrap_err();
    assert!(error.is_untrusted() && error.is_connect() && !error.is_permanent(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: [2001:db8::a]:80 it fails, \
         192.0.2.10:80 the certificate has expired, [2001:db8::b]:80 it fails"
    );
    let plan = Plan::new([("A6", &[Takes(10), Distrusts])]);
    let error = connect(plan.dial("A6")).await.unwrap_err();
    assert!(error.is_untrusted() && error.is_permanent(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_decides_has_no_handshake_beside_it() {
    let plan = Plan::new([("A6", &[Takes(300), Chooses, Takes(900)]), ("A4", &[Hangs])]);
    let stream = connect(plan.dial("A6 A4 B6")).await.unwrap();
    assert_eq!(plan.log(), ["0 start A6", "250 start A4"]);
    let [winner, overtaken] = stream.info().attempts() else { panic!("{:?}", stream.info()) };
    assert_eq!(winner.duration(), ms(1200));
    assert!(matches!(overtaken.outcome(), AttemptOutcome::Dropped(DropReason::Overtaken)));
    assert_eq!(overtaken.to_string(), "192.0.2.10:80 another transport stood first after 50 ms");
}

#[tokio::test(start_paused = true)]
async fn the_race_goes_on_with_what_was_overtaken_when_the_handshake_fails() {
    let plan = Plan::new([("A6", &[Takes(300), Chooses, Takes(400), Distrusts]), ("A4", &[Takes(60)])]);
    let stream = connect(plan.dial("A6 A4 B6")).await.unwrap();
    assert_eq!(plan.log(), ["0 start A6", "250 start A4", "700 start A4"]);
    assert_eq!(tried(stream.info().attempts()), "A6 A4 A4");
    assert_eq!(stream.info().winner().reason(), StartReason::PreviousFailed);
    assert_eq!(stream.info().elapsed(), ms(760));
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_may_decide_at_its_call_and_wait_for_the_record() {
    let plan = Plan::new([("A6", &[Chooses, Gate(LONG), Takes(20)])]);
    let connector =
        HappyEyeballsConnector::builder().resolver(resolver(Some((9000, record("keys"))))).attempt(plan.attempts());
    let stream = connect(connector.handshake_patience(Patience::Strict)).await.unwrap();
    assert_eq!(plan.log(), ["50 start A6", "9000 admit A6 keys"]);
    assert_eq!(stream.info().elapsed(), ms(9020));
}

#[tokio::test(start_paused = true)]
async fn a_choice_from_another_task_wakes_the_driver_which_has_no_timer_then() {
    let plan = Plan::new([("A6", &[Hangs])]);
    let mut connecting = task::spawn(plan.dial("A6 A4").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(100)).await;
    plan.handle(0).choose();
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    advance(ms(100_000)).await;
    assert!(!connecting.is_woken());
    assert_eq!(plan.log(), ["0 start A6"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_the_instant_of_a_choice_wins() {
    let plan = Plan::new([("A6", &[Takes(300), Chooses, Takes(20)]), ("A4", &[Takes(50)])]);
    let stream = connect(plan.dial("A6 A4")).await.unwrap();
    assert_eq!(stream.info().elapsed(), ms(300));
    assert!(matches!(stream.info().attempts()[0].outcome(), AttemptOutcome::Dropped(DropReason::Lost)));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_the_connect_ends_a_handshake_that_nothing_is_beside() {
    let plan = Plan::new([("A6", &[Takes(20), Chooses, Hangs])]);
    let error = connect(plan.dial("A6 A4").timeout(ms(5000))).await.unwrap_err();
    assert!(error.is_timeout() && error.elapsed() == ms(5000), "{error:?}");
    assert_eq!(plan.log(), ["0 start A6"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_over_decides_nothing() {
    let plan = Plan::new([("A6", &[Takes(20), Fails]), ("A4", &[Hangs])]);
    let mut connecting = task::spawn(plan.dial("A6 A4 B6").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(20)).await;
    assert_pending!(connecting.poll());
    plan.handle(0).choose();
    assert!(!connecting.is_woken());
    advance(ms(250)).await;
    let _stream = assert_ready_ok!(connecting.poll());
    assert_eq!(plan.log(), ["0 start A6", "20 start A4", "270 start B6"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_has_the_host_and_the_security_of_the_uri() {
    for (uri, host, is_secure) in [
        ("http://race.example/", "race.example", false),
        ("https://user@race.example:8443/", "race.example", true),
        ("wss://Race.Example/", "Race.Example", true),
        ("https://[2001:db8::a]/", "2001:db8::a", true),
        ("https://192.0.2.10/", "192.0.2.10", true),
    ] {
        let attempt = service_fn(|request: AttemptRequest| async move {
            Ok::<_, AttemptError>((request.host().to_owned(), request.is_secure()))
        });
        let resolver = FixedResolver::new().with("race.example", [address("A6")]);
        let connector = HappyEyeballsConnector::builder().resolver(resolver).attempt(attempt).enforce_http(false);
        let stream = connector.build().unwrap().oneshot(uri.parse().unwrap()).await.unwrap();
        assert_eq!(stream.into_inner(), (host.to_owned(), is_secure), "{uri}");
    }
}

#[tokio::test]
async fn a_request_outside_a_race_is_admitted_at_once() {
    let request = AttemptRequest::new(address("A6"), "race.example", true);
    request.handle().progress(ms(100));
    request.handle().choose();
    let admission = request.handle().admission().now_or_never().unwrap().unwrap();
    assert_eq!(admission.service(), None);
    let elsewhere = request.clone().with_endpoint(address("B4"));
    assert_eq!((elsewhere.host(), elsewhere.is_secure()), ("race.example", true));
    assert_eq!(elsewhere.endpoint().address(), address("B4"));
    let endpoint = request.endpoint().clone();
    assert_eq!(endpoint.address(), address("A6"));
}

#[test]
fn requests_and_handles_may_go_to_any_task() {
    fn is_shared<T: Clone + Send + Sync + Unpin + 'static>() {}
    is_shared::<AttemptRequest>();
    is_shared::<AttemptHandle>();
    is_shared::<Admission>();
}
