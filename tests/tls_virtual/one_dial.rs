//! When a second dial begins beside the first, in a client over this crate's connector, which reports how far TLS is.

#![allow(clippy::disallowed_methods, reason = "a test reads the clock of the runtime")]

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::{AttemptError, Client, HappyEyeballsConnector};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::service_fn;

use crate::memory_stream::MemoryStream;
use crate::support::names::Names;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, resolver, trusting};
use crate::tls::conduct::{Conduct, Tls};
use crate::tls::memory;
use crate::tls::seen::Seen;
use crate::world::ms;

/// A client of a server that TCP takes 400 ms to reach.
fn far_client(authority: &Authority, conduct: Conduct) -> (Arc<Seen>, Client<impl Connector + use<>>) {
    let seen = Arc::<Seen>::default();
    let of_attempts = Arc::clone(&seen);
    let attempt = service_fn(move |_: AttemptRequest| {
        let (conduct, seen) = (conduct.clone(), Arc::clone(&of_attempts));
        async move {
            sleep(ms(400)).await;
            Ok::<_, AttemptError>(TokioIo::new(MemoryStream::new(memory::dial(memory::BUFFER, &conduct, &seen))))
        }
    });
    let address = Names::default().address("A4").unwrap();
    let builder = HappyEyeballsConnector::builder().resolver(resolver([address])).attempt(attempt);
    (seen, Client::new(builder.tls(trusting(authority)).build().unwrap()))
}

fn request() -> Request<Empty<Bytes>> {
    Request::get(format!("https://{HOST}/")).body(Empty::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_path_of_400_ms_is_dialled_once() {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    // TLS takes one round trip, or two.
    for handshake in [400, 800] {
        let conduct = Tls::new(&identity).alpn(&["h2"]).serves().after(ms(handshake));
        let (seen, client) = far_client(&authority, conduct);
        let begun = Instant::now();
        let requests = futures_util::future::join_all((0..10).map(|_| client.request(request())));
        assert!(requests.await.iter().all(Result::is_ok));
        assert!(begun.elapsed() >= ms(400 + handshake) && begun.elapsed() < ms(450 + handshake));
        assert_eq!((seen.accepted(), seen.handshakes()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_silent_has_a_second_dial_beside_it_300_ms_after_it_should_be_done() {
    let authority = Authority::new("a root");
    let (seen, client) = far_client(&authority, Conduct::IsSilent);
    let begun = Instant::now();
    let request = client.request(request());
    let watching = async {
        // TCP, twice that and 50 ms for TLS, 300 ms, and TCP again.
        let second = begun + ms(400 + 850 + 300 + 400);
        sleep_until(second - ms(5)).await;
        assert_eq!(seen.accepted(), 1);
        sleep_until(second + ms(5)).await;
        assert_eq!(seen.accepted(), 2);
    };
    let (answered, ()) = tokio::join!(timeout(ms(5000), request), watching);
    assert!(answered.is_err());
    assert_eq!(seen.accepted(), 2);
}
