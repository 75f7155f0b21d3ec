//! Events on an idle connection: its end is noticed before it is used again, and messages of TLS itself do not end it.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use hyper::{Method, StatusCode};
use rustls::SupportedProtocolVersion;
use rustls::version::TLS13;

use crate::clients::Origin;
use crate::runs::{empty, exchange, full, on_both_runtimes, request, spin, times, until};
use crate::server::Peer;
use crate::tls::VERSIONS;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What a server does to a connection that is idle.
type Act = fn(&mut Peer);

/// Ends of a connection, each of which must be noticed before the next request.
const ENDS: [(&str, Act); 5] = [
    ("an end without an alert", |peer| peer.stream.shutdown(Shutdown::Write).unwrap()),
    ("an alert and an end", Peer::end_writing),
    ("an alert, and the connection stays open", Peer::send_closing_alert),
    ("a stray response", |peer| assert!(peer.send("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"))),
    ("garbage in the place of TLS", |peer| peer.stream.write_all(b"HTTP/1.1 400 \r\n\r\n").unwrap()),
];

/// A server that answers each request and then, when it is told to, acts.
struct Acting {
    origin: Origin,
    tell: mpsc::Sender<()>,
    acted: mpsc::Receiver<()>,
    /// Requests that came after an act, on the same connection.
    again: Arc<AtomicUsize>,
}

impl Acting {
    /// `None` is clear text.
    fn start(version: Option<&'static SupportedProtocolVersion>, act: Act) -> Self {
        let (tell, told) = mpsc::channel();
        let (acts, acted) = mpsc::channel();
        let (told, acts, again) = (Mutex::new(told), Mutex::new(acts), Arc::<AtomicUsize>::default());
        let serve = {
            let again = Arc::clone(&again);
            move |mut peer: Peer| {
                for number in 0.. {
                    if peer.request().is_none() {
                        return;
                    }
                    again.fetch_add(usize::from(number > 0), SeqCst);
                    if !peer.send(OK) || told.lock().unwrap().recv().is_err() {
                        return;
                    }
                    act(&mut peer);
                    acts.lock().unwrap().send(()).unwrap();
                }
            }
        };
        let origin = match version {
            Some(version) => Origin::start_one_for_each(version, serve),
            None => Origin::in_clear(serve),
        };
        Self { origin, tell, acted, again }
    }

    /// Sends `count` requests, and has the server act after each. Returns how many connections there were, and how many requests came
    /// after an act.
    ///
    /// A runtime without other threads does not hear of the act before the next request, unless it `hears`: the client has to look for itself.
    async fn ask(self, count: usize, hears: bool) -> (usize, usize) {
        let client = self.origin.client();
        for number in 0..count {
            // The one cannot be sent again, and the other's connection has been idle for long enough to be worth a look.
            let (method, body) =
                if number % 2 == 0 { (Method::POST, full("once".into())) } else { (Method::GET, empty()) };
            let (status, _) = exchange(&client, request(method, self.origin.uri(""), body)).await.unwrap();
            assert_eq!(status, StatusCode::OK);
            self.tell.send(()).unwrap();
            self.acted.recv().unwrap();
            spin(Duration::from_millis(2));
            if hears {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        let Self { origin, tell, again, .. } = self;
        let accepted = origin.server.accepted();
        drop((client, tell, origin));
        (accepted, again.load(SeqCst))
    }
}

/// T29, T44, T45, T48.
#[test]
fn a_connection_that_has_ended_is_not_used_again() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for (what, act) in ENDS {
                for hears in [false, true] {
                    let count = times(6);
                    let (connections, again) = Acting::start(Some(version), act).ask(count, hears).await;
                    assert_eq!((connections, again), (count, 0), "{version:?}, {what}, hears: {hears}");
                }
            }
        }
    });
}

/// Session tickets and key updates are neither a response nor an end (RFC 8446 §4.6).
#[test]
fn what_tls_says_by_itself_on_an_idle_connection_does_not_end_it() {
    on_both_runtimes(async || {
        let renew: Act = |peer| {
            peer.tls().unwrap().refresh_traffic_keys().unwrap();
            peer.flush().unwrap();
        };
        for hears in [false, true] {
            let count = times(10);
            let (connections, again) = Acting::start(Some(&TLS13), renew).ask(count, hears).await;
            assert_eq!((connections, again), (1, count - 1), "hears: {hears}");
        }
    });
}

/// The same client and connector for a URI of http.
#[test]
fn a_connection_without_tls_of_a_connector_with_tls_is_looked_at_as_well() {
    on_both_runtimes(async || {
        let ends: [(&str, Act); 2] = [
            ("an end", Peer::end_writing),
            ("a stray response", |peer| {
                assert!(peer.send("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"))
            }),
        ];
        for (what, act) in ends {
            let count = times(6);
            let (connections, again) = Acting::start(None, act).ask(count, false).await;
            assert_eq!((connections, again), (count, 0), "{what}");
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

/// The close by the server is noticed while the connection is idle, without a request.
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
                let (status, _) = exchange(&client, request(Method::POST, origin.uri(""), empty())).await.unwrap();
                assert_eq!(status, StatusCode::OK);
                until(|| origin.server.open() == 0).await;
                assert_eq!(client.pool_statistics().total.idle, 0, "{version:?}, {what}");
            }
        }
    });
}
