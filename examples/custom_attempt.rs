//! A race around an attempt service of your own: a guard that refuses addresses which no request should reach.
//!
//! A program that fetches URLs from others must not connect to the link-local addresses at which clouds keep their secrets. A check of the name is
//! not enough, since a name can resolve to any address. An attempt service gets every address before its socket is opened.
//!
//! If you need no more than that, use `HappyEyeballsConnector::builder().allow(public_addresses_only)`, a rule for addresses. An attempt service gets
//! more than the address (the host, the port, the service record), and may connect elsewhere, through a proxy, say.
//!
//! ```text
//! cargo run --example custom_attempt
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http_body_util::{BodyExt, Empty};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tcp::TcpConnector;
use hyper_happy_eyeballs::{AttemptError, ConnectInfo, HappyEyeballsLayer};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder};

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;
    let metadata_service = (Ipv4Addr::new(169, 254, 169, 254), 80).into();
    let resolver = FixedResolver::new()
        .with("mixed.example", [metadata_service, origin.address()])
        .with("trap.example", [metadata_service]);

    let connector = ServiceBuilder::new()
        .layer(HappyEyeballsLayer::builder().resolver(resolver).layer()?)
        .layer(layer_fn(|inner| Guard { inner }))
        .service(TcpConnector::default());
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);

    let response = client.get("http://mixed.example/".parse()?).await?;
    println!("mixed.example: {}", response.status());
    if let Some(info) = response.extensions().get::<ConnectInfo>() {
        for attempt in info.attempts() {
            println!("  after {} ms: {attempt}", attempt.offset().as_millis());
        }
    }
    let body = response.into_body().collect().await?.to_bytes();
    println!("  {}", String::from_utf8_lossy(&body).trim_end());

    // No address is left, so the refusal is the error.
    if let Err(error) = client.get("http://trap.example/".parse()?).await {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        println!("trap.example: {cause}");
    }
    Ok(())
}

/// Lets attempts through to `inner`, but for those to link-local addresses.
#[derive(Clone)]
struct Guard<A> {
    inner: A,
}

impl<A> Service<AttemptRequest> for Guard<A>
where
    A: Service<AttemptRequest, Error = AttemptError>,
{
    type Response = A::Response;
    type Error = AttemptError;
    type Future = Either<Ready<Result<A::Response, AttemptError>>, A::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: AttemptRequest) -> Self::Future {
        if is_link_local(request.endpoint().address().ip()) {
            // Nothing was sent, so the next attempt need not wait for the 10 ms between starts.
            return Either::Left(ready(Err(AttemptError::new("refused by the guard").unsent())));
        }
        Either::Right(self.inner.call(request))
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
