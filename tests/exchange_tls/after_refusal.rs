//! How much of an upload still comes to a server that has refused it, by who makes TLS and whether the wrapper that keeps a response knows the socket.

use std::sync::{Arc, Mutex};

use hyper::{Method, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::Connector;

use crate::clients::Origin;
use crate::refused::{MEGABYTE, UPLOADS, assert_refused, refusal, zeros};
use crate::runs::{client, exchange, on_both_runtimes, request, say, times, until};
use crate::server::{Peer, Server};
use crate::tls::VERSIONS;

/// What a server says before it refuses an upload. In TLS 1.3 its session tickets come before that.
const FIRST: [&str; 3] = ["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"];

/// The most that may come after a refusal, at the median, where the wrapper knows the socket: it asks whether there is a response, and bounds what the
/// system holds.
const SOCKET_IS_KNOWN: usize = MEGABYTE;

/// The same where it does not: the system takes four megabytes more, by default.
const SOCKET_IS_UNKNOWN: usize = 6 * MEGABYTE;

/// How much came of each upload after it was refused.
type Rest = Arc<Mutex<Vec<usize>>>;

/// Refuses an upload of which so much has come, reads on as fast as it can, and counts.
fn refuse(mut peer: Peer, first: &str, after: usize, rest: &Rest) {
    assert!(peer.head().is_some() && peer.send(first) && peer.skip(after).is_some());
    let arrived = peer.arrived();
    assert!(peer.send(refusal(true)));
    rest.lock().unwrap().push(peer.drain_wire().saturating_sub(arrived));
}

/// Has uploads refused, and checks that no more than `most` bytes come after that.
async fn check<C: Connector>(client: Client<C>, (server, uri): (&Server, Uri), rest: &Rest, most: usize, cell: &str) {
    let bytes = zeros();
    for (name, upload) in UPLOADS {
        rest.lock().unwrap().clear();
        for _ in 0..times(3) {
            let post = request(Method::POST, uri.clone(), upload(bytes.clone()));
            assert_refused(exchange(&client, post).await, || format!("{cell}, {name}"));
            until(|| server.open() == 0).await;
        }
        let mut rest = rest.lock().unwrap();
        rest.sort_unstable();
        let median = rest[rest.len() / 2];
        say(format_args!("{cell}, {name}: {} KiB, at the most {}", median / 1024, rest[rest.len() - 1] / 1024));
        assert!(median <= most, "{cell}, {name}: {median} bytes after the refusal");
    }
}

#[test]
fn little_is_sent_after_a_refusal_whoever_makes_tls_and_whatever_came_before() {
    on_both_runtimes(async || {
        for after in [0, 2 * MEGABYTE] {
            for first in FIRST {
                let rest = Rest::default();
                let serve = || {
                    let rest = Arc::clone(&rest);
                    move |peer| refuse(peer, first, after, &rest)
                };
                let cell = |by| format!("{by}, after {after} and {:?}", first.lines().next().unwrap_or_default());
                {
                    let server = Server::with_threads(1, serve());
                    let to = (&server, server.uri(""));
                    check(client(), to, &rest, SOCKET_IS_KNOWN, &cell("in clear text")).await;
                }
                let origin = Origin::with_threads(1, VERSIONS[0], serve());
                let to = || (&origin.server, origin.uri(""));
                check(origin.client(), to(), &rest, SOCKET_IS_KNOWN, &cell("TLS of the connector")).await;
                let layered = Client::new(origin.foreign_connector_over_the_layer());
                check(layered, to(), &rest, SOCKET_IS_KNOWN, &cell("foreign TLS over the layer")).await;
                let foreign = Client::new(origin.foreign_connector());
                check(foreign, to(), &rest, SOCKET_IS_UNKNOWN, &cell("foreign TLS")).await;
            }
        }
    });
}
