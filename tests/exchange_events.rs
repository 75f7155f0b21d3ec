//! The events of `tracing` about a client's connections, and what they must not contain.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "exchange_manners/peer.rs"]
mod peer;
mod support;

use std::fmt::{self, Write as _};
use std::future::Ready;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::CONTENT_LENGTH;
use hyper::{Request, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::{Builder, Connector};
use hyper_util::rt::TokioIo;
use peer::{Conn, OK, Peer, both, broken, fed, full, get, in_time, post, read};
use support::origin::until;
use tokio::net::TcpStream;
use tokio_test::{assert_ready_err, task};
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Every field of every event is compared, so that no event contains more of this URI than the host.
const URI: &str = "http://alice:s3cret@origin.example/private?token";
const OPENED: &str = "a connection was opened host=origin.example";

#[tokio::test]
async fn a_connection_is_told_once_and_not_with_every_request() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    let server = async {
        let mut conn = peer.accept().await;
        [conn.answer(OK).await, conn.answer(OK).await]
    };
    both(server, async {
        for _ in 0..2 {
            read(client.get(uri()).await.unwrap()).await;
        }
    })
    .await;
    assert_eq!(log.lines(), [OPENED]);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_told() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.head().await;
        drop(conn);
        peer.accept().await.answer(OK).await;
    };
    both(server, async {
        for _ in 0..2 {
            read(client.get(uri()).await.unwrap()).await;
        }
    })
    .await;
    assert_eq!(log.lines(), [OPENED, "a request is sent again host=origin.example method=GET", OPENED]);
}

#[tokio::test]
async fn an_idle_connection_that_turns_out_to_be_dead_is_told() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    let conn = first_exchange(&peer, &client).await;
    // The runtime has not been polled, so it has not noticed the close before the request checks the connection.
    drop(conn);
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        conn.body("hello").await;
        conn.send(OK).await;
    };
    let (response, ()) = both(client.request(post(uri(), full("hello"))), server).await;
    read(response.unwrap()).await;
    assert_eq!(log.lines(), [OPENED, "an idle connection was dead host=origin.example", OPENED]);
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closes_is_told_when_it_does() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    drop(first_exchange(&peer, &client).await);
    let expected = [OPENED, "idle connections were closed by the server connections=1"];
    until(|| log.lines() == expected).await;
}

#[tokio::test]
async fn what_a_server_says_on_an_idle_connection_is_no_alarm() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    let mut conn = first_exchange(&peer, &client).await;
    conn.send("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(conn.rest().await, "");
    until(|| log.lines().last().is_some_and(|line| line.starts_with("idle connections were closed"))).await;
}

#[tokio::test]
async fn an_idle_connection_that_has_expired_is_told() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder.idle_timeout(Duration::from_millis(20)));
    let conn = first_exchange(&peer, &client).await;
    assert_eq!(conn.rest().await, "");
    assert_eq!(log.lines(), [OPENED, "idle connections have expired connections=1"]);
}

#[tokio::test]
async fn an_upload_that_is_stopped_is_told() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    let (feed, body) = fed();
    let (delivered, is_delivered) = tokio::sync::oneshot::channel();
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\n").await;
        is_delivered.await.unwrap();
        conn.send("big").await;
        // The client closes the connection.
        conn.rest().await;
    };
    both(server, async {
        let response = client.request(post(uri(), body)).await.unwrap();
        delivered.send(()).unwrap();
        assert_eq!(read(response).await.0, "big");
    })
    .await;
    drop(feed);
    let stopped = "the rest of a request is not sent: the response came first status=413 Payload Too Large";
    assert_eq!(log.lines(), [OPENED, stopped]);
}

#[tokio::test]
async fn a_request_that_fails_is_told_with_its_error() {
    for (end, error) in [
        ("", "the connection to origin.example was closed before a response arrived"),
        ("HTTP/1.1 200", "the connection to origin.example was closed before a response arrived"),
        ("nonsense\r\n\r\n", "the response of origin.example is invalid"),
    ] {
        let (log, peer) = (Log::start(), Peer::listen().await);
        let client = client(&peer, |builder| builder);
        let server = async {
            peer.accept().await.answer(end).await;
        };
        both(server, async { client.get(uri()).await.unwrap_err() }).await;
        assert_eq!(log.lines(), [OPENED, &format!("a request failed error={error}")], "{end:?}");
    }
}

#[tokio::test]
async fn a_body_of_a_request_that_fails_is_told() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    let (feed, body) = fed();
    feed.send(broken()).unwrap();
    let server = async { peer.accept().await.rest().await };
    both(server, async { client.request(post(uri(), body)).await.unwrap_err() }).await;
    assert_eq!(log.lines(), [OPENED, "a request failed error=the body of the request to origin.example failed"]);
}

#[tokio::test]
async fn a_body_that_fails_where_none_is_promised_is_told_and_its_request_is_not_sent_after_all() {
    let log = Log::start();
    let client = Client::new(tower::service_fn(|_: Uri| -> Ready<io::Result<TokioIo<TcpStream>>> {
        unreachable!("the request has failed")
    }));
    let (feed, body) = fed();
    feed.send(broken()).unwrap();
    let mut request = post(uri(), body);
    request.headers_mut().insert(CONTENT_LENGTH, "0".parse().unwrap());
    let mut responding = task::spawn(client.request(request));
    assert!(assert_ready_err!(responding.poll()).is_request_body());
    assert_eq!(log.lines(), ["a request failed error=the body of the request to origin.example failed"]);
    let panic = catch_unwind(AssertUnwindSafe(|| responding.poll().is_ready())).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().map(|said| &**said), Some("not polled after completion"));
}

#[tokio::test]
async fn a_connect_that_fails_is_told() {
    let log = Log::start();
    let connector = tower::service_fn(async |_: Uri| Err::<TokioIo<TcpStream>, _>(io::Error::other("no route")));
    let client = Client::new(connector);
    in_time(client.request(get(uri()))).await.unwrap_err();
    assert_eq!(log.lines(), ["a request failed error=no connection to origin.example: no route"]);
}

#[tokio::test]
async fn a_retry_that_fails_is_told_as_such() {
    let (log, peer) = (Log::start(), Peer::listen().await);
    let client = client(&peer, |builder| builder);
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.head().await;
        drop(conn);
        peer.accept().await.head().await;
    };
    both(server, async {
        read(client.get(uri()).await.unwrap()).await;
        client.get(uri()).await.unwrap_err();
    })
    .await;
    let failed = "a request failed error=the connection to origin.example was closed before a response arrived, when the \
                  request was sent again";
    assert_eq!(log.lines(), [OPENED, "a request is sent again host=origin.example method=GET", OPENED, failed]);
}

fn uri() -> Uri {
    URI.parse().unwrap()
}

/// A client whose every connection goes to `peer`. The connector emits no events.
fn client(peer: &Peer, set: fn(Builder) -> Builder) -> Client<impl Connector + use<>> {
    set(Client::builder()).build(peer.connector()).unwrap()
}

/// A request and its response, after which the connection is idle.
async fn first_exchange<C: Connector>(peer: &Peer, client: &Client<C>) -> Conn {
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn
    };
    let (conn, response) = both(server, client.request(Request::get(URI).body(peer::empty()).unwrap())).await;
    read(response.unwrap()).await;
    conn
}

/// Records the events of this library, each as a line, for this thread, and so for this test alone.
struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Log {
    fn start() -> Self {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().clone()
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with("hyper_happy_eyeballs") {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let text = line.message + &line.fields;
        for secret in ["alice", "s3cret", "private", "token"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        // What users should know of is returned as an error.
        let level = *event.metadata().level();
        assert!(level >= Level::DEBUG, "{level}: {text}");
        if level == Level::DEBUG {
            self.0.lock().unwrap().push(text);
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => write!(self.message, "{value:?}").unwrap(),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.fields, " {field}={value}").unwrap();
    }
}
