//! A crawler: fetches 200 URLs of 20 hosts, 32 at a time, with at most four connections to a host, and prints what that took.
//!
//! The first address of every fifth host is dead, which costs one attempt delay and no page. One host is down.
//!
//! ```text
//! cargo run --example crawler
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::collections::HashSet;
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::http::response::Parts;
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::{Client, ClientError, ConnectInfo, ConnectionUse, FixedResolver, HappyEyeballsConnector};

use crate::loopback::{BlackHole, ClosedPort};
use crate::origin::Origin;
use crate::time::Time;

#[path = "support/loopback.rs"]
mod loopback;
#[path = "support/origin.rs"]
mod origin;
#[path = "support/time.rs"]
mod time;

const HOSTS: usize = 20;
const PAGES_PER_HOST: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (dead, closed) = (BlackHole::new(Ipv4Addr::LOCALHOST)?, ClosedPort::new(Ipv4Addr::LOCALHOST)?);
    let mut origins = Vec::new();
    let mut resolver = FixedResolver::new().with("host-0.example", [closed.address()]);
    for host in 1..HOSTS {
        let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;
        let addresses = [dead.address(), origin.address()];
        resolver = resolver.with(&format!("host-{host}.example"), addresses[usize::from(host % 5 != 0)..].to_vec());
        origins.push(origin);
    }

    let connector = HappyEyeballsConnector::builder().resolver(resolver).build()?;
    let client = Client::builder().timeout(Duration::from_secs(10)).max_connections_per_host(4).build(connector)?;
    // Goes through the pages in turn, so that no host is asked for all of its pages at once.
    let urls =
        (0..PAGES_PER_HOST).flat_map(|page| (0..HOSTS).map(move |host| format!("http://host-{host}.example/{page}")));

    let begun = read_clock();
    let (mut pages, mut bytes, mut attempts, mut reused) = (0, 0, 0, 0);
    let (mut connections, mut errors) = (HashSet::new(), Vec::new());
    let mut fetched = stream::iter(urls).map(|url| fetch(&client, url)).buffer_unordered(32);
    while let Some(page) = fetched.next().await {
        match page {
            Ok((head, size)) => {
                pages += 1;
                bytes += size;
                let connection: &ConnectionUse = head.extensions.get().ok_or("no connection")?;
                reused += usize::from(connection.is_reused());
                // Each response over a connection has the record of the connection's attempts: count them once.
                if connections.insert(connection.id()) {
                    attempts += head.extensions.get().map_or(0, |info: &ConnectInfo| info.attempts().len());
                }
            }
            Err(error) => {
                attempts += error.connect_error().map_or(0, |error| error.attempts().len());
                errors.push(error);
            }
        }
    }

    println!("{pages} pages, {bytes} bytes in {}; {} errors", Time(begun.elapsed()), errors.len());
    println!("{attempts} attempts, {} connections; {reused} pages came over one that was there", connections.len());
    println!("{} connections are idle", client.pool_statistics().total.idle);
    println!("first error: {}", errors.first().map(ToString::to_string).unwrap_or_default());
    if pages == (HOSTS - 1) * PAGES_PER_HOST { Ok(()) } else { Err("pages are missing".into()) }
}

/// The head of a page, and its size in bytes.
async fn fetch<C: Connector>(client: &Client<C>, url: String) -> Result<(Parts, usize), ClientError> {
    let (head, body) = client.get(url).await?.into_parts();
    Ok((head, body.collect().await?.to_bytes().len()))
}

#[expect(clippy::disallowed_methods, reason = "an example may look at the clock")]
fn read_clock() -> Instant {
    Instant::now()
}
