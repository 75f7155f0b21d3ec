//! Calls of gRPC over this crate's client, without a channel of tonic.
//!
//! The client takes the place of a `Channel`: it is the service of tonic's `Grpc`, and of the clients that tonic generates from a `.proto` file. If a
//! server is reached without TLS, the client has to know that the server speaks HTTP/2. With `.tls(…)` on the connector, and `https` in the origin,
//! ALPN tells the client.
//!
//! The server of this example is tonic's. Every tenth of a second a new server replaces the old one, which shuts down: it sends GOAWAY, and answers
//! the calls that it has. No call fails.
//!
//! ```text
//! cargo run --example grpc --features http2
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(clippy::disallowed_methods, reason = "the server is a task of its own")]

use std::collections::HashSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use http::Response;
use hyper_happy_eyeballs::client::{ClientError, ConnectionUse, ResponseBody};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::client::Grpc;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, ConnectError, Status};
use tower::ServiceBuilder;

use crate::echo::{Echo, SHOUT, TALK};
use crate::text::Text;

#[path = "support/echo.rs"]
mod echo;
#[path = "support/text.rs"]
mod text;

const CALLS: usize = 1000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = start_server().await?;
    let client = Client::builder().http2_prior_knowledge(true).build(HappyEyeballsConnector::new())?;
    // Layers can be put between the two: this one counts the connections.
    let connections = Arc::new(Mutex::new(HashSet::new()));
    let count = Arc::clone(&connections);
    let counted = ServiceBuilder::new()
        .map_err(into_status)
        .map_response(move |response: Response<ResponseBody>| {
            if let (Some(connection), Ok(mut count)) = (response.extensions().get::<ConnectionUse>(), count.lock()) {
                count.insert(connection.id());
            }
            response
        })
        .service(client);
    let mut grpc = Grpc::with_origin(counted, format!("http://{address}").parse()?);

    // Meanwhile a call with streams in both directions goes on.
    let texts = stream::iter(["one", "two", "three"].map(str::to_owned)).chain(stream::pending());
    let mut heard = grpc.streaming(tonic::Request::new(texts), TALK, Text).await?.into_inner();

    println!("{CALLS} calls, to a server that is replaced each tenth of a second:");
    for number in 0..CALLS {
        let mut request = tonic::Request::new(format!("call {number}"));
        request.set_timeout(Duration::from_secs(10));
        let reply = grpc.unary(request, SHOUT, Text).await?;
        assert_eq!(reply.into_inner(), format!("CALL {number}"));
    }
    let connections = connections.lock().map_or(0, |connections| connections.len());
    println!("  answered, over {connections} connections; no call failed");

    print!("A call with a stream in each direction, which went on beside them:");
    for _ in 0..3 {
        print!(" {}", heard.message().await?.unwrap_or_default());
    }
    println!();

    let status = grpc.unary(tonic::Request::new(String::new()), SHOUT, Text).await.err();
    println!("A call that the server refuses: {:?}", status.map(|status| (status.code(), status.message().to_owned())));

    // A port without a listener.
    let nowhere = Client::builder().http2_prior_knowledge(true).build(HappyEyeballsConnector::new())?;
    let mut grpc =
        Grpc::with_origin(ServiceBuilder::new().map_err(into_status).service(nowhere), "http://127.0.0.1:1".parse()?);
    let status = grpc.unary(tonic::Request::new(String::new()), SHOUT, Text).await.err();
    println!("A call without a server: {:?}", status.as_ref().map(Status::code));
    if status.is_none_or(|status| status.code() != Code::Unavailable) {
        return Err("a call without a server has another status".into());
    }
    Ok(())
}

/// tonic makes `Unavailable` of its own error type for a server that is not reached.
fn into_status(error: ClientError) -> Box<dyn Error + Send + Sync> {
    if error.is_connect() { Box::new(ConnectError(error.into())) } else { error.into() }
}

/// Starts a server, and then its successors.
async fn start_server() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?.into_std()?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        ticks.tick().await;
        while let Ok(incoming) = listener.try_clone().and_then(TcpListener::from_std) {
            let (shut_down, is_over) = oneshot::channel::<()>();
            let server = tonic::transport::Server::builder().add_service(Echo);
            tokio::spawn(server.serve_with_incoming_shutdown(TcpIncoming::from(incoming), is_over.map(drop)));
            ticks.tick().await;
            drop(shut_down);
        }
    });
    Ok(address)
}
