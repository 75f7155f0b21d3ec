//! A request that goes on when its response is complete.

use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::Client;

use crate::clients::Origin;
use crate::refused::{MEGABYTE, UPLOADS};
use crate::runs::{exchange, on_both_runtimes, request, times, until};
use crate::tls::VERSIONS;

#[test]
fn an_early_success_lets_the_request_go_on_and_the_connection_is_used_again() {
    on_both_runtimes(async || {
        const SIZE: usize = MEGABYTE / 2;
        for version in VERSIONS {
            let origin = Origin::start_one_for_each(version, |mut peer| {
                while let Some(head) = peer.head() {
                    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly");
                    peer.skip_body(&head).unwrap();
                }
            });
            let client = origin.client();
            for (name, upload) in UPLOADS {
                for _ in 0..times(5) {
                    let post = request(Method::POST, origin.uri(""), upload(Bytes::from(vec![b'x'; SIZE])));
                    let (status, body) =
                        exchange(&client, post).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
                    assert!(status == StatusCode::OK && *body == b"early"[..]);
                    // The rest is on its way.
                    until(|| client.pool_statistics().total.idle == 1).await;
                }
            }
            assert_eq!(origin.server.accepted(), 1, "{version:?}");
        }
    });
}

/// There is more left than is sent after a response.
#[test]
fn an_early_success_of_a_server_that_does_not_read_ends_the_connection() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            let origin = Origin::start_one_for_each(version, |mut peer| {
                assert!(peer.head().is_some() && peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly"));
                assert!(peer.sees_the_client_go());
            });
            let builder = Client::builder();
            let client = origin.client_with(builder.upload_after_response(MEGABYTE as u64, Duration::from_millis(100)));
            for (name, upload) in UPLOADS {
                let post = request(Method::POST, origin.uri(""), upload(Bytes::from(vec![b'x'; 16 * MEGABYTE])));
                let (status, body) = exchange(&client, post).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
                assert!(status == StatusCode::OK && *body == b"early"[..]);
            }
            until(|| origin.server.open() == 0).await;
        }
    });
}
