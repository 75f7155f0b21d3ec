//! How a connection ends under TLS (RFC 9112 §9.8): the closing alert tells an end from a cut.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;
#[path = "support/exchange_tls.rs"]
mod tls;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Method, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::Connector;
use runs::{empty, exchange, in_time, on_both_runtimes, request, until};
use rustls::{ServerConnection, StreamOwned};
use server::{Peer, Server};

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Reads a request over TLS, and goes on with `serve`.
fn over_tls(serve: impl Fn(Stream) + Send + Sync + 'static) -> (Server, Client<impl Connector>) {
    let (config, roots) = tls::configs();
    let server = Server::start_one_for_each(move |peer: Peer| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, peer.stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        serve(stream);
    });
    (server, Client::new(tls::https(roots)))
}

fn uri(server: &Server) -> Uri {
    server.uri("").to_string().replace("http:", "https:").parse().unwrap()
}

#[test]
fn a_body_that_ends_with_the_connection_is_complete_with_a_closing_alert_alone() {
    on_both_runtimes(async || {
        for (head, alert, complete) in [
            ("", true, true),
            ("", false, false),
            // Their ends are known without it.
            ("content-length: 5\r\n", false, true),
        ] {
            let (server, client) = over_tls(move |mut stream| {
                stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\nhello").as_bytes()).unwrap();
                if alert {
                    stream.conn.send_close_notify();
                }
                stream.flush().unwrap();
            });
            let get = request(Method::GET, uri(&server), empty());
            let response = in_time(client.request(get)).await.unwrap();
            let body = in_time(response.into_body().collect()).await;
            assert_eq!(body.is_ok(), complete, "{head:?}, an alert: {alert}: {body:?}");
            match body {
                Ok(body) => assert_eq!(body.to_bytes(), "hello"),
                Err(error) => assert!(error.is_body(), "{error:?}"),
            }
        }
    });
}

#[test]
fn a_connection_that_is_not_kept_is_closed_with_an_alert() {
    on_both_runtimes(async || {
        let ends = Arc::new(Mutex::new(Vec::new()));
        let (server, client) = over_tls({
            let ends = Arc::clone(&ends);
            move |mut stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").unwrap();
                stream.flush().unwrap();
                let end = stream.read(&mut [0; 16]);
                ends.lock().unwrap().push(end.map_err(|error| error.kind()));
            }
        });
        let (_, body) = exchange(&client, request(Method::GET, uri(&server), empty())).await.unwrap();
        assert_eq!(body, Bytes::from("ok"));
        until(|| !ends.lock().unwrap().is_empty()).await;
        assert_eq!(*ends.lock().unwrap(), [Ok::<usize, ErrorKind>(0)]);
    });
}
