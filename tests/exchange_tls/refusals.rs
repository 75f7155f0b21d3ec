//! A response that comes while the request is still being sent, and whose server then closes with the rest unread (T12 to T15, T27).

use std::fmt::Debug;
use std::time::Duration;

use hyper::Method;

use crate::clients::Origin;
use crate::refused::{LARGEST, MEGABYTE, UPLOADS, assert_refused, exchange_by_hyper_util, refusal, zeros};
use crate::runs::{descriptors, exchange, full, on_both_runtimes, request, say, times, until};
use crate::server::Peer;
use crate::tls::VERSIONS;

const SIZES: [usize; 4] = [1024, 256 * 1024, MEGABYTE, LARGEST];

/// How a server refuses an upload.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    says_close: bool,
    end: End,
}

/// How it ends the connection, with a part of the upload unread.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    /// After the alert that TLS has for it.
    AlertAndClose,
    Reset,
    HalfCloseAndDrain,
}

impl Refusal {
    fn all() -> impl Iterator<Item = Self> {
        let ends = [End::Close, End::AlertAndClose, End::Reset, End::HalfCloseAndDrain];
        ends.into_iter().flat_map(|end| [false, true].map(|says_close| Self { says_close, end }))
    }

    /// Refuses what begins with a head, of which the server has read no more than came along with it.
    fn refuse(self, mut peer: Peer) {
        assert!(peer.head().is_some() && peer.send(refusal(self.says_close)), "the client went without an answer");
        match self.end {
            End::Close => {}
            End::AlertAndClose => peer.send_closing_alert(),
            End::Reset => peer.reset(),
            End::HalfCloseAndDrain => {
                peer.end_writing();
                peer.drain_wire();
            }
        }
    }
}

#[test]
fn a_refusal_of_an_upload_is_always_returned_and_leaves_no_socket() {
    on_both_runtimes(async || {
        let (before, bytes, mut sent) = (descriptors(), zeros(), 0);
        for version in VERSIONS {
            for refusal in Refusal::all() {
                let origin = Origin::with_threads(2, version, move |peer| refusal.refuse(peer));
                let client = origin.client();
                for (name, upload) in UPLOADS {
                    for size in SIZES {
                        for _ in 0..times(1) {
                            let post = request(Method::POST, origin.uri(""), upload(bytes.slice(..size)));
                            let cell = || format!("{version:?}, {refusal:?}, {name} {size}");
                            assert_refused(exchange(&client, post).await, cell);
                            // A connection that was closed without a word is for other tests.
                            client.close_idle();
                            sent += 1;
                        }
                    }
                }
                drop((client, origin));
            }
        }
        say(format_args!("{sent} uploads, all of them refused"));
        until(|| descriptors() == before).await;
    });
}

/// The client knows nothing of what is below TLS.
#[test]
fn a_refusal_of_an_upload_is_always_returned_under_the_client_of_hyper_util() {
    on_both_runtimes(async || {
        let (before, bytes, mut sent) = (descriptors(), zeros(), 0);
        for version in VERSIONS {
            for refusal in Refusal::all() {
                let origin = Origin::with_threads(2, version, move |peer| refusal.refuse(peer));
                let client = origin.of_hyper_util();
                for (name, upload) in UPLOADS {
                    for size in SIZES {
                        for _ in 0..times(1) {
                            let body = upload(bytes.slice(..size));
                            let answered = exchange_by_hyper_util(&client, Method::POST, origin.uri(""), body).await;
                            assert_refused(answered, || format!("{version:?}, {refusal:?}, {name} {size}"));
                            sent += 1;
                        }
                    }
                }
                drop(client);
                // A task of that client closes them.
                until(|| origin.server.open() == 0).await;
            }
        }
        say(format_args!("{sent} uploads, all of them refused"));
        until(|| descriptors() == before).await;
    });
}

/// T16: it must not have to wait for the server to give up.
#[test]
fn a_server_that_refuses_and_then_does_nothing_sees_the_client_go() {
    on_both_runtimes(async || {
        let bytes = zeros();
        for version in VERSIONS {
            let origin = Origin::with_threads(2, version, |mut peer| {
                assert!(peer.head().is_some() && peer.send(refusal(true)) && peer.sees_the_client_go());
            });
            let client = origin.client();
            for size in [16 * 1024, MEGABYTE, 16 * MEGABYTE] {
                let post = request(Method::POST, origin.uri(""), full(bytes.slice(..size)));
                assert_refused(exchange(&client, post).await, || format!("{version:?}, {size}"));
            }
            until(|| origin.server.open() == 0).await;
        }
    });
}

/// T24, T25: where there is no response, the error is the one that tells.
#[test]
fn an_upload_that_is_cut_off_without_a_response_says_why() {
    on_both_runtimes(async || {
        let bytes = zeros();
        for version in VERSIONS {
            let origin = Origin::with_threads(2, version, |mut peer| {
                assert!(peer.head().is_some());
                peer.reset();
            });
            let client = origin.client();
            for (name, upload) in UPLOADS {
                let post = request(Method::POST, origin.uri(""), upload(bytes.clone()));
                let error = exchange(&client, post).await.unwrap_err();
                assert!(error.is_closed_before_response() && !error.is_body(), "{name}: {error:?}");
                assert!(error.bytes_written() > 0 && error.bytes_read() == 0, "{name}: {error:?}");
                assert!(!error.may_retry(), "{name}: {error:?}");
                let source = io_error(&error).unwrap_or_else(|| panic!("{error:?}"));
                use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
                assert!(matches!(source, BrokenPipe | ConnectionReset), "{name}: {error:?}");
            }
        }
    });
}

fn io_error(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let of_cause = || error.source().and_then(io_error);
    error.downcast_ref().map(std::io::Error::kind).or_else(of_cause)
}

/// Whoever dawdles over the response gets all of it (T21).
#[test]
fn the_whole_of_an_early_response_is_read_however_slowly() {
    on_both_runtimes(async || {
        const PIECES: usize = 25;
        let (piece, bytes) = ("p".repeat(4096), zeros());
        for version in VERSIONS {
            let origin = Origin::with_threads(2, version, {
                let piece = piece.clone();
                move |mut peer| {
                    assert!(peer.head().is_some());
                    peer.send("HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n");
                    for _ in 0..PIECES {
                        peer.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
                    }
                    peer.send("0\r\nx-end: yes\r\n\r\n");
                    assert!(peer.sees_the_client_go());
                }
            });
            let client = origin.client();
            for (name, upload) in UPLOADS {
                let post = request(Method::POST, origin.uri(""), upload(bytes.clone()));
                let mut body = crate::runs::in_time(client.request(post)).await.unwrap().into_body();
                let (mut length, mut end) = (0, None);
                while let Some(frame) = crate::runs::in_time(http_body_util::BodyExt::frame(&mut body)).await {
                    match frame.unwrap().into_data() {
                        Ok(data) => length += data.len(),
                        Err(frame) => end = frame.into_trailers().ok(),
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert_eq!((length, &end.unwrap()["x-end"]), (PIECES * piece.len(), &"yes".parse().unwrap()), "{name}");
            }
        }
    });
}
