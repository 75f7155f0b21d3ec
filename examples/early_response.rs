//! A server answers before it has read the request, and closes. Which clients return the answer?
//!
//! This happens to an upload that is too large, or not allowed: `413`, `401`. The client is still writing when the server closes, so its next write
//! fails, although the response has arrived already.
//!
//! Each client below uploads 8 MiB a hundred times, over a connection of its own each time, and never at the same time.
//!
//! ```text
//! cargo run --example early_response
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, Service, ServiceExt};

const UPLOADS: usize = 100;
const SIZE: usize = 8 * 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri: Uri = format!("http://{}/upload", start_server()?).parse()?;
    let connector = HappyEyeballsConnector::new();

    // Three clients over one connector. The second one differs from the first by one line.
    let plain = legacy::Client::builder(TokioExecutor::new()).build(connector.clone());
    let with_layer =
        legacy::Client::builder(TokioExecutor::new()).build(ResponseFirstLayer::new().layer(connector.clone()));
    let ours = Client::new(connector);

    println!("A server refuses {UPLOADS} uploads of 8 MiB: it answers 413 without reading them, and closes.\n");
    println!("{:<42} {:>9} {:>9}", "", "got 413", "got error");
    let plain = upload(plain, &uri).await;
    println!("{:<42} {plain}", "hyper-util's client");
    println!("{:<42} {}", "hyper-util's client, ResponseFirstLayer", upload(with_layer, &uri).await);
    let ours = upload(ours, &uri).await;
    println!("{:<42} {ours}", "this crate's client");

    if let Some(error) = plain.first_error {
        println!("\nAn error of the first: {error}");
    }
    println!(
        "\nWhy: the server has closed, so the next write fails, and a client that gives up at that moment never reads\n\
         the response, which the system has already. With the layer, and in this crate's client, a write that fails\n\
         ends only the writing: they read on, to the response or to the end."
    );
    if ours.delivered < UPLOADS {
        return Err(format!("{} responses were lost", UPLOADS - ours.delivered).into());
    }
    Ok(())
}

/// What became of the uploads.
#[derive(Default)]
struct Tally {
    delivered: usize,
    errors: usize,
    first_error: Option<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9} {:>9}", self.delivered, self.errors)
    }
}

async fn upload<C, B>(client: C, uri: &Uri) -> Tally
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Error + 'static> + Clone,
{
    let mut tally = Tally::default();
    let body = Bytes::from(vec![b'x'; SIZE]);
    for _ in 0..UPLOADS {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        // No client should need the time limit. It makes sure that the example ends.
        let result = tokio::time::timeout(Duration::from_secs(10), client.clone().oneshot(request)).await;
        match result {
            Ok(Ok(response)) if response.status() == StatusCode::PAYLOAD_TOO_LARGE => tally.delivered += 1,
            Ok(Ok(_)) => tally.errors += 1,
            Ok(Err(error)) => {
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| with_causes(&error));
            }
            Err(_elapsed) => tally.errors += 1,
        }
    }
    tally
}

/// Returns the text of an error with those causes that add something.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = text + ": " + &said;
        }
        cause = error.source();
    }
    text
}

/// Starts the server, on a thread of its own.
fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            // If the client has closed its connection, the server goes on with the next one.
            let _refused = stream.and_then(refuse);
        }
    });
    Ok(address)
}

/// Answers when the first bytes of the request have arrived, and closes.
fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.peek(&mut [0])?;
    stream.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large")
}
