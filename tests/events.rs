//! The events of `tracing` about a connect.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::future::ready;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::Builder;
use hyper_happy_eyeballs::resolve::{Answer, Answers, FixedResolver, Name, Queries, Query, QueryError, Resolve};
use hyper_happy_eyeballs::{BoxError, HappyEyeballsConnector};
use support::loopback::{BlackHole, ClosedPort};
use support::origin::Origin;
use tower::{Service, ServiceExt, service_fn};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Every field of every event is compared, so that no event contains more of this URI than the host.
const URI: &str = "http://user:secret@origin.example/private?token";

#[tokio::test]
async fn a_race_that_is_won_is_told_from_the_answer_to_the_last_loser() {
    let (closed, silent, origin) = (ClosedPort::new(V4), BlackHole::new(V4), Origin::listen(V4).await);
    let [refused, silent, origin] = [closed.address(), silent.address(), origin.address()];
    // Long enough for a refusal to be noticed on a busy machine.
    let builder = table([refused, silent, origin]).connection_attempt_delay(Duration::from_secs(1));
    assert_eq!(
        log_of_connect(builder, URI).await,
        [
            "the resolver answered host=origin.example query=A and AAAA addresses=3".to_owned(),
            format!("an attempt started host=origin.example attempt=0 endpoint={refused} reason=first"),
            format!(
                "an attempt failed host=origin.example attempt=0 endpoint={refused} \
                 error=could not connect: connection refused"
            ),
            format!("an attempt started host=origin.example attempt=1 endpoint={silent} reason=previous failed"),
            format!("an attempt started host=origin.example attempt=2 endpoint={origin} reason=delay elapsed"),
            format!("connected host=origin.example attempt=2 endpoint={origin} elapsed=(a time)"),
            format!(
                "an attempt was dropped host=origin.example attempt=1 endpoint={silent} reason=lost to another attempt"
            ),
        ]
    );
}

#[tokio::test]
async fn a_race_that_is_lost_ends_with_the_error() {
    let closed = ClosedPort::new(V4);
    let refused = closed.address();
    assert_eq!(
        log_of_connect(table([refused]), URI).await,
        [
            "the resolver answered host=origin.example query=A and AAAA addresses=1".to_owned(),
            format!("an attempt started host=origin.example attempt=0 endpoint={refused} reason=first"),
            format!(
                "an attempt failed host=origin.example attempt=0 endpoint={refused} \
                 error=could not connect: connection refused"
            ),
            format!("no connection error=could not connect to origin.example:80: {refused} connection refused"),
        ]
    );
}

#[tokio::test]
async fn an_attempt_that_ran_out_of_time_is_told() {
    let silent = BlackHole::new(V4);
    let address = silent.address();
    let log = log_of_connect(table([address]).timeout(Duration::from_millis(500)), URI).await;
    assert_eq!(
        log[..3],
        [
            "the resolver answered host=origin.example query=A and AAAA addresses=1".to_owned(),
            format!("an attempt started host=origin.example attempt=0 endpoint={address} reason=first"),
            format!("an attempt was dropped host=origin.example attempt=0 endpoint={address} reason=timed out"),
        ]
    );
    let [result] = &log[3..] else { panic!("{log:?}") };
    assert!(
        result.starts_with("no connection error=could not connect to origin.example:80: timed out after "),
        "{result}"
    );
}

#[tokio::test]
async fn an_address_for_a_host_is_told_without_a_resolution() {
    let origin = Origin::listen(V4).await;
    let address = origin.address();
    assert_eq!(
        log_of_connect(table([]), &format!("http://user:secret@{address}/private?token")).await,
        [
            format!("an attempt started host=127.0.0.1 attempt=0 endpoint={address} reason=first"),
            format!("connected host=127.0.0.1 attempt=0 endpoint={address} elapsed=(a time)"),
        ]
    );
}

#[tokio::test]
async fn a_look_up_that_fails_is_told_family_by_family() {
    let answers = || [Err(QueryError::new(Query::Aaaa, io::Error::other("SERVFAIL"))), Ok(Answer::negative(Query::A))];
    let resolver =
        service_fn(move |_: Name| ready(Ok::<_, io::Error>(Answers::new(Queries::ADDRESSES, stream::iter(answers())))));
    assert_eq!(
        log_of_connect(HappyEyeballsConnector::builder().resolver(resolver), URI).await,
        [
            "a look-up failed host=origin.example query=AAAA error=the look-up of AAAA failed: SERVFAIL",
            "the resolver answered host=origin.example query=A addresses=0",
            "no connection error=could not resolve origin.example: the look-up failed (AAAA: SERVFAIL)",
        ]
    );
}

#[tokio::test]
async fn a_resolver_that_goes_on_answering_is_told_once() {
    let resolver = service_fn(|_: Name| {
        let answers = stream::repeat_with(|| Ok(Answer::negative(Query::A)));
        ready(Ok::<_, io::Error>(Answers::new(Queries::ADDRESSES, answers)))
    });
    let log = log_of_connect(HappyEyeballsConnector::builder().resolver(resolver), URI).await;
    let warnings: Vec<_> = log.iter().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(
        warnings,
        [
            "warning: the resolver goes on answering: no more of its answers are taken in host=origin.example answers=256"
        ]
    );
}

#[tokio::test]
async fn a_name_without_addresses_is_told_as_an_answer_of_none() {
    assert_eq!(
        log_of_connect(table([]), URI).await,
        [
            "the resolver answered host=origin.example query=A and AAAA addresses=0",
            "no connection error=could not resolve origin.example: the name has no addresses",
        ]
    );
}

#[tokio::test]
async fn a_resolver_that_cannot_even_ask_is_told_by_the_result() {
    let resolver = service_fn(|_: Name| ready(Err::<Answers, _>(io::Error::other("no configuration"))));
    assert_eq!(
        log_of_connect(HappyEyeballsConnector::builder().resolver(resolver), URI).await,
        ["no connection error=could not resolve origin.example: no configuration"]
    );
}

/// No socket is needed to see what an attempt says.
#[tokio::test]
async fn what_an_attempt_says_is_told() {
    let attempt = service_fn(|request: AttemptRequest| async move {
        let handle = request.handle();
        handle.progress(Duration::from_millis(300));
        handle.admission().await.map(|_| ())
    });
    let address = SocketAddr::from(([192, 0, 2, 10], 80));
    assert_eq!(
        log_of_connect(table([address]).attempt(attempt), URI).await,
        [
            "the resolver answered host=origin.example query=A and AAAA addresses=1",
            "an attempt started host=origin.example attempt=0 endpoint=192.0.2.10:80 reason=first",
            "an attempt made progress host=origin.example attempt=0 endpoint=192.0.2.10:80 remaining=300 ms",
            "an attempt is ready for its handshake host=origin.example attempt=0 endpoint=192.0.2.10:80",
            "an attempt may begin its handshake host=origin.example attempt=0 endpoint=192.0.2.10:80",
            "connected host=origin.example attempt=0 endpoint=192.0.2.10:80 elapsed=(a time)",
        ]
    );
}

fn table(addresses: impl IntoIterator<Item = SocketAddr>) -> Builder<FixedResolver> {
    HappyEyeballsConnector::builder().resolver(FixedResolver::new().with("origin.example", addresses))
}

/// What is told while a connection is made or not.
async fn log_of_connect<R, A>(builder: Builder<R, A>, uri: &str) -> Vec<String>
where
    R: Resolve + Clone,
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    // The subscriber is set for this thread, and so for this test alone.
    let _guard = tracing::subscriber::set_default(subscriber);
    let connecting = builder.build().unwrap().oneshot(uri.parse().unwrap());
    // The log says how it ended.
    drop(tokio::time::timeout(Duration::from_secs(20), connecting).await.expect("it should have ended long ago"));
    let lines = log.lines.lock().unwrap();
    lines.clone()
}

/// Keeps the events of this library, each as a line.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("hyper_happy_eyeballs") {
            let mut line = Line::default();
            event.record(&mut line);
            match *event.metadata().level() {
                Level::WARN => line.message.insert_str(0, "warning: "),
                level => assert_eq!(level, Level::DEBUG),
            }
            self.lines.lock().unwrap().push(line.message + &line.fields);
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_error(&mut self, field: &Field, error: &(dyn StdError + 'static)) {
        write!(self.fields, " {field}={error}").unwrap();
        let mut cause = error.source();
        while let Some(error) = cause {
            // The kind of the error is the same on every system, its text is not.
            match error.downcast_ref::<io::Error>().filter(|error| error.get_ref().is_none()) {
                Some(system) => write!(self.fields, ": {}", system.kind()).unwrap(),
                None => write!(self.fields, ": {error}").unwrap(),
            }
            cause = error.source();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => write!(self.message, "{value:?}").unwrap(),
            "elapsed" => self.fields.push_str(" elapsed=(a time)"),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}
