//! After an upgrade, write errors are returned again (T28), under any client. After a declined upgrade they are not.

use hyper::header::{CONNECTION, UPGRADE};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use crate::clients::Origin;
use crate::refused::{MEGABYTE, UPLOADS, assert_refused, exchange_by_hyper_util, refusal, zeros};
use crate::runs::{AnyBody, empty, in_time, on_both_runtimes, read, times};
use crate::server::Peer;
use crate::tls::VERSIONS;

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n";

fn upgrade(uri: Uri) -> Request<AnyBody> {
    Request::get(uri).header(CONNECTION, "upgrade").header(UPGRADE, "chat").body(empty()).unwrap()
}

/// Agrees to an upgrade, and closes.
fn switch_and_reset(mut peer: Peer) {
    assert!(peer.request().is_some() && peer.send(SWITCHING));
    // Once the client has it.
    assert!(peer.peek());
    peer.reset();
}

async fn assert_writes_fail<B>(response: Response<B>) {
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut stream = TokioIo::new(in_time(hyper::upgrade::on(response)).await.unwrap());
    in_time(async {
        while stream.write_all(b"is there anybody?").await.is_ok() && stream.flush().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn writes_to_an_upgraded_stream_whose_server_has_gone_fail() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for _ in 0..times(10) {
                let origin = Origin::with_threads(1, version, switch_and_reset);
                let response = in_time(origin.client().request(upgrade(origin.uri("")))).await.unwrap();
                assert_writes_fail(response).await;
                let response = in_time(origin.of_hyper_util().request(upgrade(origin.uri("")))).await.unwrap();
                assert_writes_fail(response).await;
            }
        }
    });
}

#[test]
fn an_upload_after_a_declined_upgrade_is_refused_like_any_other() {
    on_both_runtimes(async || {
        let bytes = zeros();
        for version in VERSIONS {
            let origin = Origin::with_threads(2, version, |mut peer| {
                if peer.request().is_some() && peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") {
                    assert!(peer.head().is_some() && peer.send(refusal(true)));
                }
            });
            for (name, upload) in UPLOADS {
                for _ in 0..times(5) {
                    let client = origin.of_hyper_util_with_idle_connections();
                    in_time(async { read(client.request(upgrade(origin.uri(""))).await.unwrap()).await })
                        .await
                        .unwrap();
                    let body = upload(bytes.slice(..8 * MEGABYTE));
                    let answered = exchange_by_hyper_util(&client, Method::PUT, origin.uri(""), body).await;
                    assert_refused(answered, || format!("{version:?}, {name}"));
                }
            }
        }
    });
}
