//! A race for https: the TLS handshake is part of each attempt.
//!
//! The origin has three addresses. The server at the first one accepts connections and sends nothing, so that TCP connects and TLS is dead. The
//! server at the second one has the certificate of another host. The third one works. The race connects to it, and the drawing shows how each attempt
//! ended. Then the origin refuses an upload of 8 MiB without reading it, and the client returns the answer.
//!
//! ```text
//! cargo run --example https --features https
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(clippy::disallowed_methods, reason = "the servers are tasks of their own")]

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tls::{TlsInfo, TlsOptions};
use hyper_happy_eyeballs::{Client, ConnectInfo, HappyEyeballsConnector};

use crate::authority::Authority;

#[path = "../support/authority.rs"]
mod authority;
mod origin;

const HOST: &str = "origin.example";
const UPLOAD: usize = 8 * 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let authority = Authority::new()?;
    let silent = origin::start_silent().await?;
    let wrong = origin::start(&authority, "other.example").await?;
    let good = origin::start(&authority, HOST).await?;
    println!("{HOST} has three addresses:\n");
    for (address, role) in
        [(silent, "accepts TCP, and is silent in TLS"), (wrong, "has the certificate of another host")]
    {
        println!("  {address}  {role}");
    }
    println!("  {good}  works\n");

    let connector = HappyEyeballsConnector::builder()
        .resolver(FixedResolver::new().with(HOST, [silent, wrong, good]))
        .tls(TlsOptions::new().root_certificates([authority.certificate()]))
        .build()?;
    let client = Client::new(connector);

    let response = client.get(format!("https://{HOST}/hello")).await?;
    if let Some(info) = response.extensions().get::<ConnectInfo>() {
        println!("{}\n", info.timeline());
    }
    if let Some(tls) = response.extensions().get::<TlsInfo>() {
        println!("{tls:?}");
    }
    println!("GET: {}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    println!("  {}", String::from_utf8_lossy(&body));

    let upload = Request::put(format!("https://{HOST}/upload")).body(Full::<Bytes>::from(vec![0; UPLOAD]))?;
    let response = client.request(upload).await?;
    println!("PUT of 8 MiB: {}", response.status());
    if response.status() != StatusCode::PAYLOAD_TOO_LARGE {
        return Err("the answer to the upload was lost".into());
    }
    Ok(())
}
