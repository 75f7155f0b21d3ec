//! A channel of tonic to a name with a dead address: this crate's connector replaces tonic's own.
//!
//! ```text
//! // before: the first address is waited for until the system gives it up, minutes later.
//! let channel = Endpoint::from_static("http://echo.example").connect().await?;
//! // after
//! let channel = Endpoint::from_static("http://echo.example").connect_with_connector(HappyEyeballsConnector::new()).await?;
//! ```
//!
//! If every attempt fails, the connector's error is among the causes of tonic's error.
//!
//! ```text
//! cargo run --example tonic_channel
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(clippy::disallowed_methods, reason = "the server is a task of its own")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::{ConnectError, FixedResolver, HappyEyeballsConnector};
use tokio::net::TcpListener;
use tonic::client::Grpc;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};

use crate::echo::{Echo, SHOUT};
use crate::loopback::{BlackHole, ClosedPort};
use crate::text::Text;
use crate::time::Time;

#[path = "support/echo.rs"]
mod echo;
#[path = "support/loopback.rs"]
mod loopback;
#[path = "support/text.rs"]
mod text;
#[path = "support/time.rs"]
mod time;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (dead, closed) = (BlackHole::new(Ipv4Addr::LOCALHOST)?, ClosedPort::new(Ipv4Addr::LOCALHOST)?);
    let resolver = FixedResolver::new()
        .with("echo.example", [dead.address(), start_server().await?])
        .with("dead.example", [dead.address(), closed.address()]);

    let connector = HappyEyeballsConnector::builder().resolver(resolver).timeout(Duration::from_secs(1)).build()?;
    let begun = Instant::now();
    let channel = Endpoint::from_static("http://echo.example").connect_with_connector(connector.clone()).await?;
    println!("a channel after {}", Time(begun.elapsed()));

    // A client that tonic generates takes this channel as well.
    let mut grpc = Grpc::new(channel);
    grpc.ready().await?;
    let reply = grpc.unary(tonic::Request::new("hello".to_owned()), SHOUT, Text).await?;
    println!("the reply: {}", reply.into_inner());

    let endpoint = Endpoint::from_static("http://dead.example");
    let error = endpoint.connect_with_connector(connector).await.err().ok_or("a channel without a server")?;
    println!("tonic: {error}");
    let cause = ConnectError::find(&error).ok_or("tonic's error has lost the connector's")?;
    println!("the connector: {cause}");
    Ok(())
}

/// Starts a server, on a free port of loopback.
async fn start_server() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(Server::builder().add_service(Echo).serve_with_incoming(TcpIncoming::from(listener)));
    Ok(address)
}
