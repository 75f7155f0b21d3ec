//! The connector under the client of hyper-util, where `HttpConnector` would be.
//!
//! It asks for `http://localhost:PORT/`, which most systems resolve to `[::1]` and `127.0.0.1`, of an origin that listens on
//! IPv4 alone. What the race did is an extension of the response.
//!
//! ```text
//! cargo run --example hyper_client
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_happy_eyeballs::{ConnectInfo, HappyEyeballsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpInfo;
use hyper_util::rt::TokioExecutor;

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;

    // `HappyEyeballsConnector::new()` would do; without a timeout a connect can take as long as the system allows.
    let connector = HappyEyeballsConnector::builder().timeout(Duration::from_secs(10)).build()?;
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);

    let uri = format!("http://localhost:{}/", origin.address().port()).parse()?;
    let response = client.get(uri).await?;

    println!("status: {}", response.status());
    if let Some(info) = response.extensions().get::<ConnectInfo>() {
        println!("connected to {} in {:.1?}", info.host(), info.elapsed());
        for attempt in info.attempts() {
            println!("  {attempt}");
        }
        println!("winner: {}", info.winner().endpoint());
    }
    // The addresses of the socket itself, as with `HttpConnector`.
    if let Some(info) = response.extensions().get::<HttpInfo>() {
        println!("socket: {} -> {}", info.local_addr(), info.remote_addr());
    }
    let body = response.into_body().collect().await?.to_bytes();
    println!("body: {}", String::from_utf8_lossy(&body).trim_end());
    Ok(())
}
