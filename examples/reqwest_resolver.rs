//! Any resolver of this crate as reqwest's `dns_resolver`, and what that changes.
//!
//! reqwest then resolves names like this crate: with overrides like curl's `--resolve`, with another DNS, with separate look-ups of the families.
//!
//! Some things are missing, since reqwest takes only one list from a resolver:
//!
//! 1. No attempt starts before the list is complete. In this crate an AAAA answer can start a race while A is pending. The adapter has to wait, with
//!    a limit: an answer that comes too long after the first address is left out.
//! 2. The race is that of hyper-util's `HttpConnector`, and not that of this crate: two families in parallel, the addresses of each in sequence, and
//!    a timeout divided among them.
//! 3. There is no [`ConnectInfo`](hyper_happy_eyeballs::ConnectInfo), there are no HTTPS records, and a failure of one of the two queries is not
//!    reported.
//! 4. The adapter has to sort the list by RFC 6724, with source addresses.
//!
//! Both treat a port alike: that of the URL, else one that the resolver supplied, else that of the scheme.
//!
//! reqwest 0.13 does not allow another connector: a `connector_layer` must return reqwest's own connection type, which only the connector inside can
//! make. For the whole race use this crate's [`Client`](hyper_happy_eyeballs::Client), or its connector under hyper-util's client.
//!
//! ```text
//! cargo run --example reqwest_resolver
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::collections::BTreeMap;
use std::error::Error;
use std::future::{pending, ready};
use std::iter::successors;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, FuturesUnordered, Stream, StreamExt};
use hyper_happy_eyeballs::race::{PolicyTable, Source};
use hyper_happy_eyeballs::resolve::{
    Answer, Answers, FixedResolver, Name, Queries, Query, QueryError, QueryErrorKind, Resolve,
};
use hyper_happy_eyeballs::tcp::TcpOptions;
use reqwest::dns;
use tokio::time::sleep;
use tower::{BoxError, ServiceExt, service_fn};

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

/// How long the adapter waits for the other answers when there is an address. If a family is never answered, each connect takes that much longer.
/// With less, a slow family is lost.
const PATIENCE: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;

    // Like curl's `--resolve`, in front of another resolver such as `GaiResolver`. This one needs no network.
    let resolver = FixedResolver::new().with("override.example", [origin.address()]).with_fallback(dns());
    // Needed only because this reqwest was built without a provider of cryptography.
    rustls::crypto::ring::default_provider().install_default().map_err(|_installed| "there is a provider already")?;
    let client = reqwest::Client::builder().no_proxy().dns_resolver(ForReqwest::new(resolver.clone())).build()?;

    let response = client.get("http://override.example/").send().await?;
    println!("override.example: {}: {}", response.status(), response.text().await?.trim_end());
    match client.get("http://gone.example/").send().await {
        Ok(response) => println!("gone.example: {}", response.status()),
        Err(error) => println!("gone.example: {}", with_causes(&error)),
    }

    let adapter = ForReqwest::new(resolver);
    for (name, here) in [
        ("both.example", "a race of this crate begins after 10 ms, with the AAAA answer"),
        ("half.example", "a race of this crate begins then too, but takes a late AAAA answer in"),
    ] {
        let began = read_clock();
        let list: Vec<SocketAddr> = dns::Resolve::resolve(&adapter, name.parse()?).await?.collect();
        println!("{name}: reqwest has {list:?} after {} ms; {here}", began.elapsed().as_millis());
    }
    println!("reqwest races two families, one address of each at a time, and its responses have no ConnectInfo");
    Ok(())
}

/// A resolver of this crate as one of reqwest's.
struct ForReqwest<R> {
    resolver: R,
    table: PolicyTable,
}

impl<R> ForReqwest<R> {
    fn new(resolver: R) -> Self {
        Self { resolver, table: PolicyTable::default() }
    }
}

impl<R> dns::Resolve for ForReqwest<R>
where
    R: Resolve<Future: Send, Stream: Send> + Clone + Send + Sync + 'static,
{
    fn resolve(&self, name: dns::Name) -> dns::Resolving {
        let (resolver, table) = (self.resolver.clone(), self.table.clone());
        async move {
            // The name has no scheme, so no HTTPS records are queried.
            let answers = resolver.oneshot(Name::from(name.as_str())).await.map_err(Into::into)?;
            let list = into_list(collect(answers).await?, &table);
            Ok(Box::new(list.into_iter()) as dns::Addrs)
        }
        .boxed()
    }
}

/// Returns the answers that come before the time is over. At least one has an address.
///
/// Until there is an address the adapter waits without a limit of its own: reqwest's `connect_timeout` is the limit.
async fn collect<S>(answers: Answers<S>) -> Result<BTreeMap<Query, Answer>, BoxError>
where
    S: Stream<Item = Result<Answer, QueryError>>,
{
    let (_, first, stream) = answers.into_parts();
    let mut stream = pin!(stream::iter(first).map(Ok).chain(stream::iter(stream).flatten()));
    let mut patience = pin!(sleep(Duration::MAX));
    let (mut collected, mut errors) = (BTreeMap::new(), Vec::new());
    let mut has_address = false;
    loop {
        let said = tokio::select! {
            biased;
            said = stream.next() => said,
            () = &mut patience => None,
        };
        match said {
            Some(Ok(answer)) => {
                if answer.addresses().len() > 0 && !has_address {
                    has_address = true;
                    patience.set(sleep(PATIENCE));
                }
                // A second answer to a query replaces the first.
                collected.insert(answer.query(), answer);
            }
            Some(Err(error)) => errors.push(error),
            None if has_address => return Ok(collected),
            None => {
                // A failure is reported before a negative answer.
                errors.sort_by_key(QueryError::is_negative);
                return Err(errors.into_iter().next().map_or_else(|| "the name has no addresses".into(), Into::into));
            }
        }
    }
}

/// A list keeps its order, since the resolver has sorted it. Separate answers are sorted by RFC 6724.
fn into_list(mut answers: BTreeMap<Query, Answer>, table: &PolicyTable) -> Vec<SocketAddr> {
    if let Some(list) = answers.remove(&Query::List) {
        return list.addresses().collect();
    }
    // These are the sockets of reqwest's connector, unless it has a local address or an interface.
    let sockets = TcpOptions::new();
    let pair = |address| (address, sockets.source_address(address));
    let mut pairs: Vec<(SocketAddr, Source)> = answers.values().flat_map(Answer::addresses).map(pair).collect();
    table.sort(&mut pairs, |(address, source)| (address.ip(), *source));
    pairs.into_iter().map(|(address, _)| address).collect()
}

/// Answers A and AAAA separately: soon, late, or never.
fn dns() -> impl Resolve<Future: Send, Stream: Send> + Clone + Send + Sync + 'static {
    service_fn(|name: Name| {
        let no_such_name = |query| Err(QueryError::new(query, "says the zone").with_kind(QueryErrorKind::NxDomain));
        let aaaa = || Ok(Answer::aaaa([SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 0))]));
        let a = || Ok(Answer::a([SocketAddr::from(([192, 0, 2, 1], 0))]));
        let answers = match name.as_str() {
            "both.example" => [after(10, aaaa()), after(40, a())],
            "half.example" => [pending().boxed(), after(10, a())],
            _ => [after(10, no_such_name(Query::Aaaa)), after(10, no_such_name(Query::A))],
        };
        ready(Ok::<_, BoxError>(Answers::new(Queries::ADDRESSES, FuturesUnordered::from_iter(answers))))
    })
}

fn after(milliseconds: u64, said: Result<Answer, QueryError>) -> BoxFuture<'static, Result<Answer, QueryError>> {
    sleep(Duration::from_millis(milliseconds)).map(|()| said).boxed()
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[expect(clippy::disallowed_methods, reason = "an example may look at the clock")]
fn read_clock() -> Instant {
    Instant::now()
}
