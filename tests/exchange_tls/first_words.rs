//! A server that sends before it has the request: its bytes are the response to the request.

use std::sync::Arc;

use hyper::Uri;
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::{BoxError, Client};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::busy::{BUSY, ENDS, assert_busy};
use crate::clients::Origin;
use crate::runs::on_both_runtimes;
use crate::tls::VERSIONS;

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
                assert_busy(&Client::new(late(origin.tls.connector(), &spoken)), &origin.uri(""), end, 15).await;
                // Of another connector nothing is known of what is below TLS.
                assert_busy(&Client::new(late(origin.foreign_connector(), &spoken)), &origin.uri(""), end, 15).await;
            }
        }
    });
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
