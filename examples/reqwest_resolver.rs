//! Any resolver of this crate as reqwest's `dns_resolver`; and what that is worth.
//!
//! What it brings: the names that reqwest connects to are found as here: overrides as curl's `--resolve`, another DNS, separate
//! look-ups of the families.
//!
//! What it does not bring, since reqwest takes from a resolver one list, and no more:
//!
//! 1. Nothing starts before the list is complete. Here AAAA would start a race while A is pending; the adapter has to wait, and
//!    bounds it: what is not there so long after the first address stays out of the list for good.
//! 2. The race is the one of hyper-util's `HttpConnector`: two families beside each other, the addresses of each in sequence, a
//!    timeout divided among them. Not the one of this crate.
//! 3. No [`ConnectInfo`](hyper_happy_eyeballs::ConnectInfo), no HTTPS records, and of a look-up that failed in part, no word.
//! 4. That the list is sorted by RFC 6724 is up to the adapter, source addresses included.
//!
//! A port means the same to both: that of the URL, else one that the resolver supplied, else that of the scheme.
//!
//! reqwest 0.13 does not let its connector be replaced: a `connector_layer` must answer with reqwest's own type of connection, which
//! only the connector inside can make. Whoever wants the whole race has it in this crate's [`Client`](hyper_happy_eyeballs::Client)
//! or under hyper-util's.
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

/// How long the other answers are waited for once there is an address. More costs that much wherever one family is not answered; less
/// loses the family that is slow.
const PATIENCE: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;

    // As curl's `--resolve`, in front of another resolver: `GaiResolver`, say. This one needs no network.
    let resolver = FixedResolver::new().with("override.example", [origin.address()]).with_fallback(dns());
    // Only since this reqwest was built without a provider of cryptography of its own.
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
            // The name says nothing of a scheme, so that nobody asks for HTTPS records.
            let answers = resolver.oneshot(Name::from(name.as_str())).await.map_err(Into::into)?;
            let list = into_list(collect(answers).await?, &table);
            Ok(Box::new(list.into_iter()) as dns::Addrs)
        }
        .boxed()
    }
}

/// The answers that come before patience is at an end. There must be an address among them.
///
/// Until there is one, they are waited for: that has its limit in reqwest's `connect_timeout`.
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
                // A second answer to a query takes the place of the first.
                collected.insert(answer.query(), answer);
            }
            Some(Err(error)) => errors.push(error),
            None if has_address => return Ok(collected),
            None => {
                // What failed says more than what is not there.
                errors.sort_by_key(QueryError::is_negative);
                return Err(errors.into_iter().next().map_or_else(|| "the name has no addresses".into(), Into::into));
            }
        }
    }
}

/// A list has been sorted by whoever made it. Separate answers are sorted by RFC 6724.
fn into_list(mut answers: BTreeMap<Query, Answer>, table: &PolicyTable) -> Vec<SocketAddr> {
    if let Some(list) = answers.remove(&Query::List) {
        return list.addresses().collect();
    }
    // The sockets of reqwest's connector, unless it has been given a local address or an interface.
    let sockets = TcpOptions::new();
    let pair = |address| (address, sockets.source_address(address));
    let mut pairs: Vec<(SocketAddr, Source)> = answers.values().flat_map(Answer::addresses).map(pair).collect();
    table.sort(&mut pairs, |(address, source)| (address.ip(), *source));
    pairs.into_iter().map(|(address, _)| address).collect()
}

/// Answers A and AAAA one by one: soon, late, or never.
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
