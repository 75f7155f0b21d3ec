//! Uploads 50 MB and shows the progress: once the server takes the body, and once it refuses the body with `413`.
//!
//! The second time the server closes without reading the upload. The client returns the answer all the same.
//!
//! ```text
//! cargo run --example upload
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::convert::Infallible;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const SIZE: usize = 50_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = start_server().await?;
    let client = Client::builder().timeout(Duration::from_secs(30)).build(HappyEyeballsConnector::new())?;
    let file = Bytes::from(vec![b'x'; SIZE]);

    for (path, expected) in [("taken", StatusCode::CREATED), ("refused", StatusCode::PAYLOAD_TOO_LARGE)] {
        println!("PUT /{path}, {SIZE} bytes");
        // The body is a stream, which does not know its length: the field declares it.
        let request = Request::put(format!("http://{address}/{path}"))
            .header("content-length", SIZE)
            .body(with_progress(file.clone()))?;
        let response = client.request(request).await?;
        let status = response.status();
        let text = response.into_body().collect().await?.to_bytes();
        println!("  {status}: {}", String::from_utf8_lossy(&text));
        if status != expected {
            return Err("that is not the server's answer".into());
        }
    }
    Ok(())
}

/// Sends `file` in pieces, and prints each fifth of it. A piece is taken when the system has taken the pieces before it.
fn with_progress(file: Bytes) -> impl Body<Data = Bytes, Error = Infallible> + Send {
    let pieces = (0..SIZE).step_by(64 * 1024).map(move |at| file.slice(at..SIZE.min(at + 64 * 1024)));
    let (mut sent, mut shown) = (0, 0);
    StreamBody::new(stream::iter(pieces.map(|piece| Ok(Frame::data(piece))))).inspect_frame(move |frame| {
        sent += frame.data_ref().map_or(0, Bytes::len);
        if sent * 5 / SIZE > shown {
            shown = sent * 5 / SIZE;
            println!("  {:>3} %", shown * 20);
        }
    })
}

/// Starts the server, on a free port of loopback.
#[expect(clippy::disallowed_methods, reason = "the server is a task of its own")]
async fn start_server() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (status, text) = if request.uri().path() == "/taken" {
        let size = request.into_body().collect().await?.to_bytes().len();
        (StatusCode::CREATED, format!("{size} bytes are kept"))
    } else {
        (StatusCode::PAYLOAD_TOO_LARGE, "10 MB is the limit".to_owned())
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}
