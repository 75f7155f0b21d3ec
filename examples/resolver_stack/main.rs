//! A stack of tower layers around a resolver: a cache, figures, a time limit.
//!
//! A resolver first returns which queries it makes, and then a *stream* with an answer to each. A layer has to wrap that stream. The future of the
//! service is finished before the first answer is there, so a layer for futures alone does little: tower's `TimeoutLayer` limits the time until the
//! resolver has returned its queries, and no answer after that.
//!
//! Each layer is a file that you can copy: [`limit`], [`figures`], [`cache`].
//!
//! ```text
//! cargo run --example resolver_stack
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, pending, ready};
use futures_util::stream::FuturesUnordered;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Queries, Query, QueryError, QueryErrorKind, Resolve};
use tokio::time::sleep;
use tower::timeout::TimeoutLayer;
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

use crate::cache::CacheLayer;
use crate::figures::Figures;
use crate::limit::LimitLayer;
use crate::origin::Origin;

mod cache;
mod figures;
mod limit;
#[path = "../support/origin.rs"]
mod origin;

/// What a resolver says to one query.
type Said = Result<Answer, QueryError>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;
    let dns = dns(origin.address());

    println!("tower's TimeoutLayer of 100 ms, and a limit of 300 ms for the whole connect:");
    let futures_only = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_millis(100))).service(dns.clone());
    connect(futures_only, "dead.example").await?;

    println!("\na cache, figures, and a limit of 100 ms for all answers:");
    let figures = Figures::default();
    let stack = ServiceBuilder::new()
        .layer(CacheLayer::new(Duration::from_secs(60)))
        .layer(figures.layer())
        .layer(LimitLayer::new(Duration::from_millis(100)))
        .service(dns);
    for name in ["web.example", "web.example", "half.example", "gone.example", "gone.example", "dead.example"] {
        connect(stack.clone(), name).await?;
    }

    println!("\nwhat got past the cache:\n{figures}");
    Ok(())
}

async fn connect<R: Resolve + Clone>(resolver: R, name: &str) -> Result<(), Box<dyn Error>> {
    let builder = HappyEyeballsConnector::builder().resolver(resolver);
    let connector = builder.timeout(Duration::from_millis(300)).build()?;
    match connector.oneshot(format!("http://{name}/").parse()?).await {
        Ok(connection) => println!("  {name}: connected after {} ms", connection.info().elapsed().as_millis()),
        Err(error) => println!("  {error} ({} ms)", error.elapsed().as_millis()),
    }
    Ok(())
}

/// Answers A and AAAA separately: soon, late, or never.
fn dns(
    web: SocketAddr,
) -> impl Resolve<Future: Send, Stream: Send + 'static, Error = BoxError> + Clone + Send + 'static {
    service_fn(move |name: Name| {
        let nothing = |query, kind| Err(QueryError::new(query, "so says the server").with_kind(kind));
        let (aaaa, a) = match name.as_str() {
            "web.example" => (after(10, nothing(Query::Aaaa, QueryErrorKind::NoData)), after(20, Ok(Answer::a([web])))),
            "half.example" => (never(), after(10, Ok(Answer::a([web])))),
            "gone.example" => (
                after(10, nothing(Query::Aaaa, QueryErrorKind::NxDomain)),
                after(10, nothing(Query::A, QueryErrorKind::NxDomain)),
            ),
            _ => (never(), never()),
        };
        ready(Ok(Answers::new(Queries::ADDRESSES, [aaaa, a].into_iter().collect::<FuturesUnordered<_>>())))
    })
}

fn after(milliseconds: u64, said: Said) -> BoxFuture<'static, Said> {
    sleep(Duration::from_millis(milliseconds)).map(|()| said).boxed()
}

fn never() -> BoxFuture<'static, Said> {
    pending().boxed()
}
