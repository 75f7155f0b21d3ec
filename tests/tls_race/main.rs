//! TLS within the race, over real sockets: connects some of whose addresses fail in TLS, and what a connector keeps between connects.
//!
//! Times that matter to the millisecond are in `tls_virtual`.
#![cfg(all(feature = "client", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificates;
mod failover;
mod names;
mod pacing;
mod providers;
mod sessions;
mod settings;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls/mod.rs"]
mod tls;
mod until_tcp;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hyper_happy_eyeballs::connect::Builder;
use hyper_happy_eyeballs::tls::TlsOptions;
use hyper_happy_eyeballs::{Attempt, FixedResolver, HappyEyeballsConnector};

use crate::tls::clients::{Connector, resolver};
use crate::tls::conduct::Conduct;
use crate::tls::server::Server;

/// Servers of several addresses, all on one, so that nothing depends on the machine having IPv6.
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn listen(conduct: Conduct) -> Server {
    Server::listen(V4, conduct).await
}

/// One whose next attempt comes at once or not at all, as far as a busy machine can tell.
fn patient_connector(options: TlsOptions, servers: &[&Server]) -> Connector {
    builder(servers).connection_attempt_delay(Duration::from_secs(2)).tls(options).build().unwrap()
}

fn builder(servers: &[&Server]) -> Builder<FixedResolver> {
    HappyEyeballsConnector::builder().resolver(resolver(servers.iter().map(|server| server.address())))
}

/// `[0]: connected`, by the place of the server in the list.
fn outcomes(attempts: &[Attempt], servers: &[&Server]) -> Vec<String> {
    let line = |attempt: &Attempt| {
        let address = attempt.endpoint().address();
        let place = servers.iter().position(|server| server.address() == address).unwrap();
        format!("[{place}] {}: {}", attempt.reason(), attempt.outcome())
    };
    attempts.iter().map(line).collect()
}
