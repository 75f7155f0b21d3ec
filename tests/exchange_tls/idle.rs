//! What happens on an idle connection: its end is noticed before it is used again, and what TLS says by itself ends nothing.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http_body_util::Full;
use hyper::{Method, StatusCode};

use crate::clients::Origin;
use crate::runs::{empty, exchange, full, get, on_both_runtimes, request, times, until};
use crate::server::Peer;
use crate::tls::VERSIONS;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What a server does to a connection that is idle.
type Act = fn(&mut Peer);

/// Ends of a connection, each of which must be noticed before the next request.
const ENDS: [(&str, Act); 5] = [
    ("an end without an alert", |peer| peer.stream.shutdown(Shutdown::Write).unwrap()),
    ("an alert and an end", Peer::end_writing),
    ("an alert, and the connection stays open", |peer| {
        peer.tls().unwrap().send_close_notify();
        peer.flush().unwrap();
    }),
    ("a stray response", |peer| assert!(peer.send("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"))),
    ("garbage in the place of TLS", |peer| peer.stream.write_all(b"HTTP/1.1 400 \r\n\r\n").unwrap()),
];

/// Answers a request, acts when it is told, and says so; and so on, while there are requests. What comes after `act` is counted.
fn act_between(
    act: Act,
    told: &Arc<Mutex<mpsc::Receiver<()>>>,
    acted: mpsc::Sender<()>,
    strays: &Arc<AtomicUsize>,
) -> impl Fn(Peer) + Send + Sync + 'static {
    let (told, strays) = (Arc::clone(told), Arc::clone(strays));
    let acted = Mutex::new(acted);
    move |mut peer| {
        let mut answered = 0;
        while peer.request().is_some() {
            if answered > 0 {
                strays.fetch_add(1, SeqCst);
            }
            if !peer.send(OK) || told.lock().unwrap().recv().is_err() {
                return;
            }
            act(&mut peer);
            answered += 1;
            acted.lock().unwrap().send(()).unwrap();
        }
    }
}

/// Sends `count` requests, and has the server act after each. Nothing of the runtime runs between that and the next request, unless it
/// has other threads: the client has to look for itself. Returns how many connections there were, and how many requests came over
/// one that was used before.
async fn requests_with_acts_between(
    version: &'static rustls::SupportedProtocolVersion,
    act: Act,
    count: usize,
    heard: bool,
) -> (usize, usize) {
    let (tell, told) = mpsc::channel();
    let (acted, has_acted) = mpsc::channel();
    let (told, strays) = (Arc::new(Mutex::new(told)), Arc::new(AtomicUsize::new(0)));
    let origin = Origin::start_one_for_each(version, act_between(act, &told, acted, &strays));
    let client = origin.client();
    for number in 0..count {
        // The one cannot be sent again, and the other has been idle for long enough to be worth a look.
        let (status, _) = if number % 2 == 0 {
            exchange(&client, request(Method::POST, origin.uri(""), full("once".into()))).await
        } else {
            get(&client, origin.uri("")).await
        }
        .unwrap();
        assert_eq!(status, StatusCode::OK);
        tell.send(()).unwrap();
        has_acted.recv().unwrap();
        std::thread::sleep(Duration::from_millis(2));
        if heard {
            // The sweeper comes first.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    drop((client, tell));
    let accepted = origin.server.accepted();
    drop(origin);
    (accepted, strays.load(SeqCst))
}

/// T29, T44, T45, T48.
#[test]
fn a_connection_that_has_ended_is_not_used_again() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for (what, act) in ENDS {
                for heard in [false, true] {
                    let count = times(6);
                    let (connections, strays) = requests_with_acts_between(version, act, count, heard).await;
                    assert_eq!((connections, strays), (count, 0), "{version:?}, {what}, heard before: {heard}");
                }
            }
        }
    });
}

/// Session tickets and new keys are no answer to anything, and no end (RFC 8446 §4.6).
#[test]
fn what_tls_says_by_itself_on_an_idle_connection_does_not_end_it() {
    on_both_runtimes(async || {
        for heard in [false, true] {
            let renew: Act = |peer| {
                peer.tls().unwrap().refresh_traffic_keys().unwrap();
                peer.flush().unwrap();
            };
            let count = times(10);
            let (connections, reused) = requests_with_acts_between(&rustls::version::TLS13, renew, count, heard).await;
            assert_eq!((connections, reused), (1, count - 1), "heard before: {heard}");
        }
    });
}

/// T52: tickets that come after the first handshake, keys and all.
#[test]
fn requests_in_sequence_use_one_connection() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            let origin =
                Origin::start_one_for_each(version, |mut peer| while peer.request().is_some() && peer.send(OK) {});
            let client = origin.client();
            for number in 0..times(200) {
                let (method, body) =
                    if number % 2 == 0 { (Method::GET, empty()) } else { (Method::POST, full("x".into())) };
                let (status, _) = exchange(&client, request(method, origin.uri(""), body)).await.unwrap();
                assert_eq!(status, StatusCode::OK);
            }
            assert_eq!(origin.server.accepted(), 1, "{version:?}");
        }
    });
}

/// A server that has gone is noticed while the connection is idle, without a request.
#[test]
fn an_idle_connection_that_the_server_has_closed_is_closed() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for (what, act) in ENDS {
                let origin = Origin::start_one_for_each(version, move |mut peer| {
                    if peer.request().is_some() {
                        peer.send(OK);
                        act(&mut peer);
                        peer.drain_wire();
                    }
                });
                let client = origin.client();
                let (status, _) =
                    exchange(&client, request(Method::POST, origin.uri(""), Full::<bytes::Bytes>::default()))
                        .await
                        .unwrap();
                assert_eq!(status, StatusCode::OK);
                until(|| origin.server.open() == 0).await;
                assert_eq!(client.pool_statistics().total.idle, 0, "{version:?}, {what}");
            }
        }
    });
}
