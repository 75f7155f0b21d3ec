//! From hyper-util's client to this crate's client. The connector stays.
//!
//! `before` and `after` are the same program: a GET, and a PUT, with a limit on the idle connections. The differences:
//!
//! - One client takes requests with any type of body, and its own type does not name the type of the bodies.
//! - The client needs no executor and no timer. Time limits are settings.
//! - A response says which connection it came over.
//!
//! ```text
//! cargo run --example port_client
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Uri};
use hyper_happy_eyeballs::{Client, ConnectionUse, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

async fn before(connector: HappyEyeballsConnector, uri: &Uri) -> Result<(), Box<dyn Error>> {
    let client = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(8)
        .build::<_, Full<Bytes>>(connector);

    let response = tokio::time::timeout(Duration::from_secs(10), client.get(uri.clone())).await??;
    println!("  {}", response.status());
    let body = tokio::time::timeout(Duration::from_secs(10), response.into_body().collect()).await??.to_bytes();
    println!("  {}", String::from_utf8_lossy(&body).trim_end());

    let request = Request::put(uri).body(Full::from("Ada"))?;
    match tokio::time::timeout(Duration::from_secs(10), client.request(request)).await? {
        Ok(response) => println!("  {}", response.status()),
        Err(error) if error.is_connect() => println!("  no connection: {error:?}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn after(connector: HappyEyeballsConnector, uri: &Uri) -> Result<(), Box<dyn Error>> {
    let client = Client::builder()
        .timeout(Duration::from_secs(10))
        .idle_timeout(Duration::from_secs(30))
        .max_idle_per_host(8)
        .build(connector)?;

    let response = client.get(uri.clone()).await?;
    println!("  {}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    println!("  {}", String::from_utf8_lossy(&body).trim_end());

    let request = Request::put(uri).body("Ada".to_owned())?;
    match client.request(request).await {
        Ok(response) => println!("  {}, {:?}", response.status(), response.extensions().get::<ConnectionUse>()),
        Err(error) if error.is_connect() => println!("  {error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;
    let uri = format!("http://{}/name", origin.address()).parse()?;
    let connector = HappyEyeballsConnector::builder().timeout(Duration::from_secs(5)).build()?;
    println!("before: hyper-util's client");
    before(connector.clone(), &uri).await?;
    println!("after: this crate's client");
    after(connector, &uri).await
}
