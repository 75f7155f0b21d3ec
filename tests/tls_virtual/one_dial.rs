//! A client of this crate's connector, which says how far it is with TLS: when does a second dial begin beside the first?

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_happy_eyeballs::Client;
use tokio::time::{Instant, sleep_until, timeout};

use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, trusting};
use crate::tls::conduct::{Conduct, Tls};
use crate::world::{Path, World, ms};

/// A client of a server that TCP takes 400 ms to reach.
macro_rules! far_client {
    ($authority:expr, $conduct:expr) => {{
        let world = World::new([("A4", Path::Leads(400, $conduct))]);
        let client = Client::new(world.builder().tls(trusting(&$authority)).build().unwrap());
        (world, client)
    }};
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
        let (world, client) = far_client!(authority, conduct);
        let begun = Instant::now();
        let requests = futures_util::future::join_all((0..10).map(|_| client.request(request())));
        assert!(requests.await.iter().all(Result::is_ok));
        assert!(begun.elapsed() >= ms(400 + handshake) && begun.elapsed() < ms(450 + handshake));
        assert_eq!((world.seen().accepted(), world.seen().handshakes()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_silent_has_a_second_dial_beside_it_300_ms_after_it_should_be_done() {
    let authority = Authority::new("a root");
    let (world, client) = far_client!(authority, Conduct::IsSilent);
    let begun = Instant::now();
    let request = client.request(request());
    let watching = async {
        // TCP, twice that and 50 ms for TLS, 300 ms, and TCP again.
        let second = begun + ms(400 + 850 + 300 + 400);
        sleep_until(second - ms(5)).await;
        assert_eq!(world.seen().accepted(), 1);
        sleep_until(second + ms(5)).await;
        assert_eq!(world.seen().accepted(), 2);
    };
    let (answered, ()) = tokio::join!(timeout(ms(5000), request), watching);
    assert!(answered.is_err());
    assert_eq!(world.seen().accepted(), 2);
}
