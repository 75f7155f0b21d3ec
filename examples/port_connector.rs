//! From hyper-util's `HttpConnector` to this crate's connector. The client and the resolver stay hyper-util's.
//!
//! `before` and `after` are the same program. The host has two addresses, and the first of them is dead.
//!
//! ```text
//! cargo run --example port_connector
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::array;
use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_happy_eyeballs::resolve::HyperUtilResolver;
use hyper_happy_eyeballs::{ConfigError, ConnectInfo, HappyEyeballsConnector, TcpOptions};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connect, HttpConnector, HttpInfo};
use hyper_util::rt::TokioExecutor;
use tower::Service;

use crate::loopback::BlackHole;
use crate::origin::Origin;
use crate::time::Time;

#[expect(dead_code, reason = "other examples need the closed port as well")]
#[path = "support/loopback.rs"]
mod loopback;
#[path = "support/origin.rs"]
mod origin;
#[path = "support/time.rs"]
mod time;

fn before(resolver: Table) -> HttpConnector<Table> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.set_connect_timeout(Some(Duration::from_secs(4)));
    connector.set_keepalive(Some(Duration::from_secs(60)));
    connector.set_nodelay(true);
    connector
}

fn after(resolver: Table) -> Result<HappyEyeballsConnector<HyperUtilResolver<Table>>, ConfigError> {
    HappyEyeballsConnector::builder()
        .resolver(HyperUtilResolver::new(resolver))
        // One limit for the look-up and all addresses. hyper-util gives each of the two addresses half of it.
        .timeout(Duration::from_secs(4))
        // `nodelay` is on by default.
        .tcp(TcpOptions::new().keepalive_time(Duration::from_secs(60)))
        .build()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (dead, origin) = (BlackHole::new(Ipv4Addr::LOCALHOST)?, Origin::start(Ipv4Addr::LOCALHOST).await?);
    let resolver = Table([dead.address(), origin.address()]);
    println!("before: HttpConnector");
    fetch(before(resolver)).await?;
    println!("after: HappyEyeballsConnector");
    fetch(after(resolver)?).await
}

/// How the rest of the program uses the connector, which is the same for both.
async fn fetch<C: Connect + Clone + Send + Sync + 'static>(connector: C) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let begun = read_clock();
    let response = client.get("http://two.example/".parse()?).await?;
    println!("  {} after {}", response.status(), Time(begun.elapsed()));
    if let Some(info) = response.extensions().get::<HttpInfo>() {
        println!("  the socket: {} -> {}", info.local_addr(), info.remote_addr());
    }
    // Only this crate's connector has this record.
    for attempt in response.extensions().get::<ConnectInfo>().map(ConnectInfo::attempts).unwrap_or_default() {
        println!("  after {}: {attempt}", Time(attempt.offset()));
    }
    let body = response.into_body().collect().await?.to_bytes();
    println!("  {}", String::from_utf8_lossy(&body).trim_end());
    Ok(())
}

/// A resolver that was made for hyper-util: two addresses for every name.
#[derive(Clone, Copy)]
struct Table([SocketAddr; 2]);

impl Service<Name> for Table {
    type Response = array::IntoIter<SocketAddr, 2>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.into_iter()))
    }
}

#[expect(clippy::disallowed_methods, reason = "an example may look at the clock")]
fn read_clock() -> Instant {
    Instant::now()
}
