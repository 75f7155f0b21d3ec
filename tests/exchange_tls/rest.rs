//! The rest of an upload that was refused is not sent, over TLS as in clear text (RFC 9112 §9.5).

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper::{Method, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::Connector;

use crate::clients::Origin;
use crate::refused::{MEGABYTE, UPLOADS, assert_refused, refusal, zeros};
use crate::runs::{client, exchange, on_both_runtimes, request, say, times, until};
use crate::server::{Peer, Server};
use crate::tls::VERSIONS;

/// How many bytes of each upload arrived after it was refused.
type Rest = Arc<Mutex<Vec<usize>>>;

/// When a server refuses an upload, and how it goes on.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// So much has been read by then.
    after: usize,
    reads: Reads,
}

#[derive(Clone, Copy, Debug)]
enum Reads {
    /// It takes no more than its system does.
    Nothing,
    Slowly,
    AsFastAsItCan,
}

impl Refusal {
    fn all() -> impl Iterator<Item = Self> {
        let reads = [Reads::Nothing, Reads::Slowly, Reads::AsFastAsItCan];
        [0, 2 * MEGABYTE].into_iter().flat_map(move |after| reads.map(|reads| Self { after, reads }))
    }

    /// Refuses an upload, and counts what comes after that.
    fn refuse(self, mut peer: Peer, rest: &Rest) {
        assert!(peer.head().is_some() && peer.skip(self.after).is_some());
        let arrived = peer.arrived();
        assert!(peer.send(refusal(true)));
        let bytes = match self.reads {
            Reads::Nothing => {
                assert!(peer.sees_the_client_go());
                peer.drain_wire()
            }
            Reads::Slowly => peer.drain_wire_slowly(),
            Reads::AsFastAsItCan => peer.drain_wire(),
        };
        rest.lock().unwrap().push(bytes - arrived);
    }
}

/// How much of an upload comes after its refusal, at the median.
async fn rest<C: Connector>(client: &Client<C>, uri: Uri, server: &Server, rest: &Rest, bytes: &Bytes) -> usize {
    rest.lock().unwrap().clear();
    for (name, upload) in UPLOADS {
        for _ in 0..times(8) {
            let post = request(Method::POST, uri.clone(), upload(bytes.clone()));
            assert_refused(exchange(client, post).await, || name.to_owned());
            until(|| server.open() == 0).await;
        }
    }
    let mut rest = rest.lock().unwrap();
    rest.sort_unstable();
    rest[rest.len() / 2]
}

#[test]
fn no_more_is_sent_after_a_refusal_than_in_clear_text() {
    on_both_runtimes(async || {
        let bytes = zeros();
        for refusal in Refusal::all() {
            let counted = Rest::default();
            let serve = |counted: &Rest| {
                let counted = Arc::clone(counted);
                move |peer| refusal.refuse(peer, &counted)
            };
            let in_clear = {
                let server = Server::with_threads(1, serve(&counted));
                rest(&client(), server.uri(""), &server, &counted, &bytes).await
            };
            say(format_args!("{refusal:?}, in clear text: {} KiB", in_clear / 1024));
            for version in VERSIONS {
                let origin = Origin::with_threads(1, version, serve(&counted));
                let over_tls = rest(&origin.client(), origin.uri(""), &origin.server, &counted, &bytes).await;
                say(format_args!("{refusal:?}, {:?}: {} KiB", version.version, over_tls / 1024));
                assert!(over_tls <= in_clear + MEGABYTE, "{refusal:?}, {version:?}: {over_tls}, not {in_clear}");
            }
        }
    });
}
