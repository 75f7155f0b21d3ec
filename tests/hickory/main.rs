//! The resolver that asks DNS servers itself, under the connector, against servers on loopback.
//!
//! The time is real: what is asserted of it is the order of events, and bounds that a busy machine does not break.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod caching;
mod failures;
mod foreign;
mod hostile;
#[path = "../support/foreign.rs"]
mod programs;
mod search;
mod server;
mod servers;
mod services;
mod timing;

use std::future::{Future, ready};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::{Builder, HappyEyeballsStream};
use hyper_happy_eyeballs::race::{Endpoint, Families};
use hyper_happy_eyeballs::resolve::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hyper_happy_eyeballs::resolve::{Answer, HickoryAnswers, HickoryResolver, Name, QueryError};
use hyper_happy_eyeballs::{Attempt, AttemptError, ConnectError, HappyEyeballsConnector};
use server::Dns;
use tower::{Service, ServiceExt};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(30);

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Never;
    options
}

fn config(server: SocketAddr) -> ResolverConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = server.port();
    }
    ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, connections)])
}

/// A resolver that asks this server, for both families whatever the machine is connected with.
fn resolver(server: &Dns) -> HickoryResolver {
    resolver_with(server, options())
}

/// The same over TCP alone, where no query is sent again while its answer takes its time.
fn resolver_over_tcp(server: &Dns) -> HickoryResolver {
    let mut config = config(server.address());
    config.name_servers[0].connections.remove(0);
    HickoryResolver::with_config(config, options()).unwrap().families(Families::Both)
}

fn resolver_with(server: &Dns, options: ResolverOpts) -> HickoryResolver {
    HickoryResolver::with_config(config(server.address()), options).unwrap().families(Families::Both)
}

/// An attempt to any address connects at once.
fn connecting(resolver: HickoryResolver) -> Builder<HickoryResolver, impl Attempts<Response = ()>> {
    builder(resolver, |_| Ok(()))
}

/// No attempt connects, and each says so at once: all addresses are tried.
fn trying_all(resolver: HickoryResolver) -> Builder<HickoryResolver, impl Attempts<Response = ()>> {
    // All answers count for the order, so that it is always the same.
    builder(resolver, |_| Err(AttemptError::new("not reached").unsent())).resolution_delay(LONG)
}

fn builder(
    resolver: HickoryResolver,
    attempt: fn(Endpoint) -> Result<(), AttemptError>,
) -> Builder<HickoryResolver, impl Attempts<Response = ()>> {
    let attempts = tower::service_fn(move |request: AttemptRequest| ready(attempt(request.endpoint().clone())));
    HappyEyeballsConnector::builder().resolver(resolver).enforce_http(false).attempt(attempts)
}

trait Attempts: Service<AttemptRequest, Error = AttemptError, Future: Send + 'static> + Clone + Send + 'static {}
impl<A: Service<AttemptRequest, Error = AttemptError, Future: Send + 'static> + Clone + Send + 'static> Attempts for A {}

async fn connect<A>(
    builder: Builder<HickoryResolver, A>,
    uri: &'static str,
) -> Result<HappyEyeballsStream<A::Response>, ConnectError>
where
    A: Attempts<Response = ()>,
{
    let connecting = builder.build().unwrap().oneshot(http::Uri::from_static(uri));
    tokio::time::timeout(LONG, connecting).await.expect("it should have ended long ago")
}

/// Returns where the attempts went, in their order.
fn tried(attempts: &[Attempt]) -> Vec<String> {
    attempts.iter().map(|attempt| attempt.endpoint().address().to_string()).collect()
}

/// Returns all answers of the resolver to a name.
async fn resolve(resolver: &HickoryResolver, name: impl Into<Name>) -> Vec<Result<Answer, QueryError>> {
    let answers = ask(resolver, name).await.collect();
    tokio::time::timeout(LONG, answers).await.expect("it should have ended long ago")
}

async fn ask(resolver: &HickoryResolver, name: impl Into<Name>) -> HickoryAnswers {
    resolver.clone().call(name.into()).await.unwrap().into_parts().2.unwrap()
}

/// `AAAA [2001:db8::1]:0`, `A no data`: answers as text.
fn said(answers: &[Result<Answer, QueryError>]) -> Vec<String> {
    let text = |answer: &Result<Answer, QueryError>| match answer {
        Ok(answer) => {
            let addresses: Vec<String> = answer.destinations().map(|address| address.ip().to_string()).collect();
            format!("{} {}", answer.query(), addresses.join(" "))
        }
        Err(error) => format!("{} {}", error.query(), error.kind()),
    };
    answers.iter().map(text).collect()
}

fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..30_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("waited in vain at {caller}");
    }
}
