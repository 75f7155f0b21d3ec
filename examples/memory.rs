//! Shows what a connector remembers: in a network whose IPv6 is broken the first connect loses one attempt delay, and later ones lose none.
//!
//! Loopback addresses are not remembered. So the addresses of this example are made up, and its attempts only pretend to connect to them: attempts to
//! IPv6 are never answered, and attempts to IPv4 connect to an origin of the example.
//!
//! ```text
//! cargo run --example memory
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::future::pending;
use std::net::Ipv4Addr;

use http::Uri;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::{HappyEyeballsConnector, MemoryHandle};
use tokio::net::TcpStream;
use tower::{ServiceExt, service_fn};

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;
    let address = origin.address();
    let attempt = service_fn(move |request: AttemptRequest| async move {
        if request.endpoint().address().is_ipv6() { pending().await } else { TcpStream::connect(address).await }
    });
    let addresses = ["[2001:db8::1]:80".parse()?, "192.0.2.1:80".parse()?];
    let memory = MemoryHandle::new();
    let connector = HappyEyeballsConnector::builder()
        .resolver(FixedResolver::new().with("race.example", addresses))
        .attempt(attempt)
        // The memory is off for custom attempt services, which may go through a proxy.
        .memory(memory.clone())
        .build()?;

    for (which, uri) in
        ["the first connect", "the second"].map(|which| (which, Uri::from_static("http://race.example/")))
    {
        let stream = connector.clone().oneshot(uri).await?;
        println!("{which}\n\n{}\n", stream.info().timeline());
    }
    println!("{memory:#?}");

    // The program learns that this machine is in another network now.
    connector.network_changed();
    let stream = connector.oneshot(Uri::from_static("http://race.example/")).await?;
    println!("\nafter a change of the network\n\n{}", stream.info().timeline());
    Ok(())
}
