//! Requirements of HTTP/2 that a scenario file cannot express.
#![cfg(all(feature = "http2", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "callers have tasks of their own")]

#[path = "support/exchange/mod.rs"]
mod exchange;
#[path = "support/http2/mod.rs"]
mod http2;
#[path = "support/exchange_runs.rs"]
mod runs;

use std::sync::Arc;

use exchange::Stage;
use exchange::body::ScriptedBody;
use exchange::clients::{Ask, Which};
use exchange::running::read;
use http::{Method, StatusCode, Uri};
use http_body_util::BodyExt;
use http2::clients::Http2Client;
use http2::frame::{self, Frame};
use http2::heard::Heard;
use http2::script::{Http2, Settings};
use http2::server::Server;
use http2::tls::Tls;
use runs::{Random, in_time, on_both_runtimes, request};

/// W35. RFC 9113 §5.1.2: 200 requests, of which 50 are dropped at any time. The server allows five streams, and would log a sixth.
#[test]
fn dropped_requests_never_make_more_streams_than_are_allowed() {
    const SCRIPT: &str = "
        connection *
          SETTINGS max-streams=5
          loop
          serve? 1 200 5
        client
          GET
        ---
        no log";
    on_both_runtimes(|| async {
        for seed in 0..5 {
            let tls = Tls::new().alpn(&["h2"]);
            let (scenario, _) = read::<Http2>(SCRIPT).unwrap();
            let mut server = Server::start(Arc::new(scenario), Stage::default(), None).unwrap();
            let client = Http2Client::new(Which::Ours, &Settings::default(), &tls, false).unwrap();
            let mut random = Random(seed);
            let mut tasks = Vec::new();
            for number in 0..200 {
                let uri = format!("http://{}/{number}", server.host.address).parse::<Uri>().unwrap();
                let responding = client.request(request(Method::GET, uri, ScriptedBody::default()));
                let whole = async move {
                    let response = responding.await.unwrap();
                    assert_eq!(response.status(), StatusCode::OK);
                    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 5);
                };
                if number % 4 > 0 {
                    tasks.push(tokio::task::spawn(whole));
                } else {
                    let turns = random.below(100);
                    let given_up = async move {
                        for _ in 0..turns {
                            tokio::task::yield_now().await;
                        }
                    };
                    tasks.push(tokio::task::spawn(async move {
                        tokio::select! {
                            () = given_up => {}
                            () = whole => {}
                        }
                    }));
                }
            }
            for task in tasks {
                in_time(task).await.unwrap();
            }
            drop(client);
            in_time(server.host.finish()).await.unwrap();
            let log = server.log();
            let of_connections: Vec<_> = log.iter().filter(|line| line.starts_with("connection ")).collect();
            assert!(of_connections.is_empty(), "seed {seed}: {of_connections:?}");
        }
    });
}

/// Shows that the test above can fail.
#[test]
fn the_server_notices_streams_that_it_has_not_allowed() {
    let mut heard = Heard::new();
    heard.limits.push((1, 1));
    let mut hear = |kind, flags, stream, payload| heard.handle(Frame { kind, flags, stream, payload });
    let mut head = Vec::new();
    frame::put_field(&mut head, ":method", b"GET");
    frame::put_field(&mut head, ":path", b"/1");
    let whole = frame::END_HEADERS | frame::END_STREAM;
    // Before the client has acknowledged the limit there is none.
    hear(frame::HEADERS, whole, 1, head.clone()).unwrap();
    hear(frame::HEADERS, whole, 3, head.clone()).unwrap();
    hear(frame::SETTINGS, frame::ACK, 0, Vec::new()).unwrap();
    hear(frame::HEADERS, whole, 5, head.clone()).unwrap_err();
    hear(frame::RST_STREAM, 0, 1, vec![0, 0, 0, 8]).unwrap();
    hear(frame::HEADERS, whole, 5, head.clone()).unwrap_err();
    hear(frame::RST_STREAM, 0, 3, vec![0, 0, 0, 8]).unwrap();
    hear(frame::HEADERS, whole, 5, head).unwrap();
}
