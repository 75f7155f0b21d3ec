//! A server that speaks first: what it says before it has the request is the answer to the request.

use std::sync::Arc;

use hyper::{Method, StatusCode, Uri};
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::{BoxError, Client};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::clients::Origin;
use crate::refusals::MEGABYTE;
use crate::runs::{empty, exchange, full, on_both_runtimes, request, times};
use crate::server::Peer;
use crate::tls::VERSIONS;

const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy";

/// How a server ends a connection on which it has said what it has to say.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    HalfCloseAndDrain,
    /// Once the other system has all of it.
    Reset,
}

const ENDS: [End; 3] = [End::Close, End::HalfCloseAndDrain, End::Reset];

impl End {
    fn end(self, mut peer: Peer) {
        match self {
            Self::Close => {}
            Self::HalfCloseAndDrain => {
                peer.end_writing();
                peer.drain_wire();
            }
            // On loopback the other system has it when the write returns.
            Self::Reset => peer.reset(),
        }
    }
}

#[test]
fn an_answer_that_comes_before_the_request_is_its_answer() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for end in ENDS {
                let spoken = Arc::new(Semaphore::new(0));
                let origin = Origin::start_one_for_each(version, {
                    let spoken = Arc::clone(&spoken);
                    move |mut peer| {
                        peer.send(BUSY);
                        peer.send_closing_alert();
                        spoken.add_permits(1);
                        end.end(peer);
                    }
                });
                assert_busy(&Client::new(late(origin.tls.connector(), &spoken)), &origin.uri(""), end).await;
                // Of another connector nothing is known of what is below TLS.
                assert_busy(&Client::new(late(origin.foreign_connector(), &spoken)), &origin.uri(""), end).await;
            }
        }
    });
}

async fn assert_busy<C: Connector>(client: &Client<C>, uri: &Uri, end: End) {
    for number in 0..times(15) {
        let (method, body) = match number % 3 {
            0 => (Method::GET, empty()),
            1 => (Method::POST, full("hello".into())),
            _ => (Method::POST, full(vec![0; MEGABYTE].into())),
        };
        let (status, text) = exchange(client, request(method, uri.clone(), body)).await.unwrap_or_else(|error| {
            panic!("{end:?}, request {number}: {error:?}");
        });
        assert_eq!((status, &*text), (StatusCode::SERVICE_UNAVAILABLE, &b"busy"[..]), "{end:?}");
    }
}

/// The same connector, whose connections are there only once the server has spoken.
fn late<C: Connector>(connector: C, spoken: &Arc<Semaphore>) -> impl Connector + use<C>
where
    C::Response: Send,
{
    let spoken = Arc::clone(spoken);
    tower::service_fn(move |uri: Uri| {
        let (connecting, spoken) = (connector.clone().oneshot(uri), Arc::clone(&spoken));
        async move {
            let connection = connecting.await.map_err(Into::into)?;
            spoken.acquire().await.unwrap().forget();
            Ok::<_, BoxError>(connection)
        }
    })
}
