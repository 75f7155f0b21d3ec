//! A client that runs for long, on a machine that moves from network to network.
//!
//! ```text
//! cargo run --package hyper-happy-eyeballs-roaming -- http://example.com/
//! ```
//!
//! It sends a request every ten seconds and says over which address it went. An interface that gets or loses an address is a change of the network
//! ([`Client::network_changed`]): idle connections are closed, and the next connect believes nothing that was learned before.
//!
//! [if-watch](https://docs.rs/if-watch) reports such changes on Linux, Windows, macOS, iOS and Android. A program may use any other source, for example
//! the notice of an operating system that the machine has woken from sleep.

#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use http::Uri;
use hyper_happy_eyeballs::{Client, ConnectInfo, HappyEyeballsConnector};
use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use tokio::time::{MissedTickBehavior, interval};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri: Uri = std::env::args().nth(1).ok_or("which http URI?")?.parse()?;
    let client = Client::new(HappyEyeballsConnector::builder().timeout(Duration::from_secs(10)).build()?);
    // Both run concurrently: a request that hangs on a connection of the old network must not delay the notice of the change.
    tokio::try_join!(watch(&client), get_again_and_again(&client, &uri))?;
    Ok(())
}

/// Tells the client of each change. Addresses that exist at the start are reported as changes too, which does no harm.
async fn watch(client: &Client<HappyEyeballsConnector>) -> Result<(), Box<dyn Error>> {
    let mut interfaces = IfWatcher::new()?;
    loop {
        let event = interfaces.select_next_some().await?;
        if is_a_change(&event) {
            println!("{event:?}: the network has changed");
            client.network_changed();
        }
    }
}

async fn get_again_and_again(client: &Client<HappyEyeballsConnector>, uri: &Uri) -> Result<(), Box<dyn Error>> {
    let mut ticks = interval(Duration::from_secs(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        println!("{}", get(client, uri).await);
    }
}

/// Whether the event may change how other hosts are reached. Loopback and link-local addresses also change with containers and cables, and reach no
/// other network.
fn is_a_change(event: &IfEvent) -> bool {
    let (IfEvent::Up(network) | IfEvent::Down(network)) = event;
    match network.addr() {
        IpAddr::V6(address) => !(address.is_loopback() || address.is_unicast_link_local()),
        IpAddr::V4(address) => !(address.is_loopback() || address.is_link_local()),
    }
}

/// Sends a request, and returns the outcome in one line.
async fn get(client: &Client<HappyEyeballsConnector>, uri: &Uri) -> String {
    match client.get(uri.clone()).await {
        Ok(response) => {
            let status = response.status();
            match response.extensions().get::<ConnectInfo>() {
                Some(info) => format!("{status} over {}", info.winner()),
                None => status.to_string(),
            }
        }
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_leads_somewhere_is_a_change() {
        let is_a_change = |network: &str| {
            let network = network.parse().expect("it is a network");
            let [up, down] = [IfEvent::Up(network), IfEvent::Down(network)].map(|event| is_a_change(&event));
            assert_eq!(up, down);
            up
        };
        assert!(is_a_change("192.168.1.23/24") && is_a_change("2001:db8::1/64") && is_a_change("fd00::1/64"));
        assert!(!is_a_change("127.0.0.1/8") && !is_a_change("::1/128"));
        assert!(!is_a_change("169.254.0.7/16") && !is_a_change("fe80::1/64"));
    }
}
