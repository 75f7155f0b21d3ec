//! The instants at which attempts with TLS start and end, exact to the millisecond.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hyper_happy_eyeballs::race::Patience;
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Queries, Query};
use hyper_happy_eyeballs::tls::{RaceUntil, TlsError, TlsErrorKind};
use hyper_happy_eyeballs::{MemoryHandle, QueryError};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, task};
use tower::{Service, ServiceExt, service_fn};

use crate::support::names::Names;
use crate::support::origin::until;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, in_time, trusting, uri};
use crate::tls::conduct::Conduct;
use crate::world::{Path, World, lines, ms};

const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

struct Site {
    authority: Authority,
}

impl Site {
    fn new() -> Self {
        Self { authority: Authority::new("a root") }
    }

    /// Answers a ClientHello after so many milliseconds.
    fn good(&self, tls: u64) -> Conduct {
        Conduct::serves(&self.authority.server(&[HOST])).after(ms(tls))
    }

    /// The same, with a certificate that is not accepted.
    fn bad(&self, tls: u64) -> Conduct {
        Conduct::serves(&self.authority.expired(&[HOST])).after(ms(tls))
    }
}

/// HT13
#[tokio::test(start_paused = true)]
async fn a_handshake_within_its_estimate_has_no_other_attempt_beside_it() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(100, site.good(200))), ("A4", Path::Leads(10, site.good(20)))]);
    let connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    assert_eq!(lines(stream.info().attempts()), ["A6 at 0, first: connected at 300"]);
    let [winner] = stream.info().attempts() else { panic!() };
    assert_eq!(winner.transport_after(), Some(ms(100)));
    assert!(winner.handshake().is_some());
    assert_eq!(stream.info().untried().len(), 1);
    assert_eq!(world.seen().accepted(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_beyond_its_estimate_has_another_attempt_beside_it_and_may_win_all_the_same() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(100, site.good(300))), ("A4", Path::Leads(10, site.good(60)))]);
    let connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    let expected = ["A6 at 0, first: connected at 400", "A4 at 350, delay elapsed: lost to another attempt at 400"];
    assert_eq!(lines(stream.info().attempts()), expected);
    // The loser has come as far as its ClientHello.
    assert_eq!(world.seen().hellos().len(), 2);
    until(|| world.seen().closed() == 1).await;
}

/// HM11
#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_known_to_take_long_has_no_other_attempt_beside_it() {
    let site = Site::new();
    let slow = || ("A6", Path::Leads(20, site.good(400)));
    let (alone, both) = (World::new([slow()]), World::new([slow(), ("A4", Path::Leads(20, site.good(20)))]));
    for (memory, expected) in [
        (MemoryHandle::new(), &["A6 at 0, first: connected at 420"][..]),
        // It says itself that it takes 90 ms.
        (
            MemoryHandle::off(),
            &["A6 at 0, first: lost to another attempt at 290", "A4 at 250, delay elapsed: connected at 290"],
        ),
    ] {
        let connector = |world: &World| {
            let builder = world.builder().memory(memory.clone()).tls(trusting(&site.authority));
            builder.build().unwrap()
        };
        for _ in 0..3 {
            in_time(connector(&alone).oneshot(uri())).await.unwrap();
            sleep(ms(1000)).await;
        }
        let stream = in_time(connector(&both).oneshot(uri())).await.unwrap();
        assert_eq!(lines(stream.info().attempts()), expected, "{memory:?}");
    }
}

/// HT14
#[tokio::test(start_paused = true)]
async fn a_bad_certificate_starts_the_next_attempt_at_once() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(10, site.bad(20))), ("A4", Path::Leads(10, site.good(20)))]);
    let connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    let expected = ["A6 at 0, first: the certificate has expired at 30", "A4 at 30, previous failed: connected at 60"];
    assert_eq!(lines(stream.info().attempts()), expected);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_an_older_attempt_changes_nothing() {
    let site = Site::new();
    let world = World::new([
        ("A6", Path::Leads(10, site.bad(300))),
        ("A4", Path::Leads(10, site.good(600))),
        ("B6", Path::Leads(10, site.good(1))),
    ]);
    let connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    let expected = [
        "A6 at 0, first: the certificate has expired at 310",
        "A4 at 250, delay elapsed: lost to another attempt at 511",
        "B6 at 500, delay elapsed: connected at 511",
    ];
    assert_eq!(lines(stream.info().attempts()), expected);
}

#[tokio::test(start_paused = true)]
async fn of_a_bad_certificate_and_a_refusal_the_certificate_is_the_error_whichever_comes_last() {
    let site = Site::new();
    for (bad, refused) in [(10, 200), (200, 10)] {
        let world = World::new([("A6", Path::Leads(0, site.bad(bad))), ("A4", Path::Refuses(refused))]);
        let connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
        let error = in_time(connector.oneshot(uri())).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not connect to origin.example:443: [2001:db8::a]:443 the certificate has expired, 192.0.2.10:443 connection refused"
        );
        assert!(error.is_untrusted() && error.elapsed() == ms(bad + refused), "{:?}", lines(error.attempts()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_fails_its_attempt_ten_seconds_after_the_transport_stands() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(40, Conduct::IsSilent))]);
    let mut connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
    let mut connecting = task::spawn(connector.call(uri()));
    assert_pending!(connecting.poll());
    sleep(ms(40)).await;
    assert_pending!(connecting.poll());
    until(|| world.seen().hellos().len() == 1).await;
    sleep(ms(9_900)).await;
    assert_pending!(connecting.poll());
    let error = in_time(connecting).await.unwrap_err();
    assert_eq!(error.elapsed(), ms(10_040));
    let says = "[2001:db8::a]:443 TLS handshake timed out after 10 s";
    assert_eq!(error.to_string(), format!("could not connect to origin.example:443: {says}"));
    assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Timeout);
    assert!(!error.is_permanent() && !error.is_untrusted());
    until(|| world.seen().closed() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn each_silent_server_has_ten_seconds_of_its_own() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(40, Conduct::IsSilent)), ("A4", Path::Leads(10, Conduct::IsSilent))]);
    let connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
    let error = in_time(connector.oneshot(uri())).await.unwrap_err();
    let expected = [
        "A6 at 0, first: TLS handshake timed out after 10 s at 10040",
        "A4 at 250, delay elapsed: TLS handshake timed out after 10 s at 10260",
    ];
    assert_eq!(lines(error.attempts()), expected);
    until(|| world.seen().closed() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_silent_server_is_waited_for_until_the_connector_has_no_more_time() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(40, Conduct::IsSilent))]);
    let options = trusting(&site.authority).handshake_timeout(None);
    let connector = world.builder().timeout(Duration::from_secs(3600)).tls(options.clone()).build().unwrap();
    let error = timeout(A_YEAR, connector.oneshot(uri())).await.unwrap().unwrap_err();
    assert!(error.is_timeout() && error.elapsed() == Duration::from_secs(3600), "{error}");

    let connector = world.builder().tls(options).build().unwrap();
    assert!(timeout(A_YEAR, connector.oneshot(uri())).await.is_err());
    until(|| world.seen().closed() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_race_that_the_transport_decides_waits_for_its_handshake_alone() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(100, site.good(5000))), ("A4", Path::Leads(10, site.good(0)))]);
    let options = trusting(&site.authority).race_until(RaceUntil::Tcp);
    let connector = world.builder().tls(options).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    assert_eq!(lines(stream.info().attempts()), ["A6 at 0, first: connected at 5100"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_transports_that_stand_in_one_instant_one_shakes_hands() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(300, site.good(20))), ("A4", Path::Leads(50, site.good(20)))]);
    let options = trusting(&site.authority).race_until(RaceUntil::Tcp);
    let connector = world.builder().tls(options).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    let expected =
        ["A6 at 0, first: connected at 320", "A4 at 250, delay elapsed: another transport stood first at 300"];
    assert_eq!(lines(stream.info().attempts()), expected);
    until(|| world.seen().closed() == 1).await;
    assert_eq!(world.seen().hellos().len(), 1);
}

/// HT4
#[tokio::test(start_paused = true)]
async fn a_handshake_without_ech_does_not_wait_for_the_https_query() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(10, site.good(20)))]);
    let asked = Queries::ADDRESSES.with(Query::Https);
    let resolver = service_fn(|_: Name| {
        let addresses = [Ok(Answer::aaaa([Names::default().address("A6").unwrap()])), Ok(Answer::negative(Query::A))];
        let answers = stream::iter(addresses).chain(stream::pending::<Result<_, QueryError>>());
        ready(Ok::<_, Infallible>(Answers::new(asked, answers)))
    });
    let builder = world.builder().resolver(resolver).handshake_patience(Patience::Strict);
    let stream = in_time(builder.tls(trusting(&site.authority)).build().unwrap().oneshot(uri())).await.unwrap();
    assert_eq!(lines(stream.info().attempts()), ["A6 at 50, first: connected at 80"]);
}

#[tokio::test(start_paused = true)]
async fn a_race_that_the_transport_decided_goes_on_with_those_that_were_overtaken() {
    let site = Site::new();
    let world = World::new([
        ("A6", Path::Leads(400, site.good(10))),
        ("A4", Path::Leads(100, site.bad(1000))),
        ("B4", Path::Leads(10, site.good(10))),
    ]);
    let options = trusting(&site.authority).race_until(RaceUntil::Tcp);
    let connector = world.builder().tls(options).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    let expected = [
        "A6 at 0, first: another transport stood first at 350",
        "A4 at 250, delay elapsed: the certificate has expired at 1350",
        "A6 at 1350, previous failed: connected at 1760",
    ];
    assert_eq!(lines(stream.info().attempts())[..2], expected[..2]);
    assert_eq!(stream.info().attempts()[2].offset(), ms(1350), "{:?}", lines(stream.info().attempts()));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_comes_in_small_pieces_is_a_handshake() {
    let site = Site::new();
    let world = World::new([("A6", Path::Leads(10, site.good(0)))]).buffer(16);
    let connector = world.builder().tls(trusting(&site.authority)).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    assert_eq!(lines(stream.info().attempts()), ["A6 at 0, first: connected at 10"]);
    drop(stream);
    until(|| world.seen().closed() == 1).await;
}
