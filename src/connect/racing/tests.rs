//! Tests: which attempts have the system asked again for its source addresses.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tower::{ServiceExt, service_fn};

use super::*;
use crate::connect::HappyEyeballsConnector;
use crate::connect::choices::Choices;
use crate::network::{Epoch, Heard};
use crate::race::Policy;
use crate::resolve::FixedResolver;
use crate::tcp::TcpOptions;

const ADDRESSES: [&str; 2] = ["[2001:db8::a]:80", "192.0.2.10:80"];

/// How an attempt ends, 10 ms after its start. [`Fate::Hangs`] never ends.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Connects,
    Fails(io::ErrorKind),
    SendsNothing(io::ErrorKind),
    Hangs,
}

/// Whether a connect to two addresses, the first of which has this fate, raises a doubt about what the system has said of its network.
async fn doubts(policy: Policy, first: Fate) -> bool {
    let [v6, v4] = ADDRESSES.map(|address| address.parse::<SocketAddr>().unwrap());
    let attempt = service_fn(move |request: AttemptRequest| {
        let fate = if request.endpoint().address() == v6 { first } else { Fate::Connects };
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            match fate {
                Fate::Connects => Ok(()),
                Fate::Fails(kind) => Err(AttemptError::new(io::Error::from(kind))),
                Fate::SendsNothing(kind) => Err(AttemptError::new(io::Error::from(kind)).unsent()),
                Fate::Hangs => std::future::pending().await,
            }
        }
    });
    let sources = SourceAddresses::of_system(TcpOptions::new());
    let mut choices = Choices::new();
    choices.race = choices.race.policy(policy);
    choices.sources = Some(sources.clone());
    choices.timeout = Some(Duration::from_secs(30));
    let settings = choices.settings(false).unwrap();
    let network = Arc::clone(&settings.network);
    let resolver = FixedResolver::new().with("race.example", [v6, v4]);
    let connector = HappyEyeballsConnector::from_parts(settings.into(), resolver, attempt);
    connector.oneshot("http://race.example/".parse().unwrap()).await.unwrap();
    assert_eq!(network.epoch().get(), Epoch::default(), "a doubt is no change");
    network.heard() != Heard::default()
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_its_first_attempt_decides_doubts_nothing() {
    assert!(!doubts(Policy::Staggered, Fate::Connects).await);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_contradicts_the_routes_has_the_sources_doubted() {
    for fate in [
        Fate::SendsNothing(io::ErrorKind::NetworkUnreachable),
        Fate::SendsNothing(io::ErrorKind::AddrNotAvailable),
        Fate::Fails(io::ErrorKind::HostUnreachable),
        Fate::Fails(io::ErrorKind::TimedOut),
    ] {
        assert!(doubts(Policy::Staggered, fate).await, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_contradicts_nothing() {
    assert!(!doubts(Policy::Staggered, Fate::Fails(io::ErrorKind::ConnectionRefused)).await);
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_stays_silent_has_the_sources_doubted() {
    for policy in [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential] {
        assert!(doubts(policy, Fate::Hangs).await, "{policy:?}");
    }
}
