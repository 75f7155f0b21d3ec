//! A resolver of your own that answers AAAA and A separately, each as soon as it is known.
//!
//! The race does not wait for both: when there is an IPv4 address, it waits at most the resolution delay (50 ms, RFC 8305 §3) for IPv6 addresses,
//! which then go first. In this example the AAAA answer comes once within that time, once after it, and once it fails.
//!
//! ```text
//! cargo run --example custom_resolver
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Queries, Query, QueryError};
use tokio::time::sleep;
use tower::{Service, ServiceExt};

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let v4 = Origin::start(Ipv4Addr::LOCALHOST).await?;
    // Without IPv6 on this machine the attempt fails, and the race goes on to IPv4.
    let v6 = Origin::start(Ipv6Addr::LOCALHOST).await.ok();
    let v6_address = match &v6 {
        Some(origin) => origin.address(),
        None => (Ipv6Addr::LOCALHOST, 9).into(),
    };

    let milliseconds = Duration::from_millis;
    for (story, v6) in [
        ("AAAA 20 ms after A: it is waited for", (milliseconds(30), Some(v6_address))),
        ("AAAA 200 ms after A: IPv4 goes first", (milliseconds(210), Some(v6_address))),
        ("AAAA fails 20 ms after A: no reason to wait any longer", (milliseconds(30), None)),
    ] {
        let resolver = SlowDns { v4: (milliseconds(10), v4.address()), v6 };
        let connector = HappyEyeballsConnector::builder().resolver(resolver).build()?;

        // A connector is a tower service of a URI: no HTTP is needed to run it.
        let connection = connector.oneshot("http://slow.example/".parse()?).await?;
        let info = connection.info();
        println!("{story}");
        println!("  first address known after {:>3} ms", info.resolved_after().unwrap_or_default().as_millis());
        println!("  first attempt started at  {:>3} ms", info.attempts()[0].offset().as_millis());
        for attempt in info.attempts() {
            println!("  {attempt}");
        }
    }
    Ok(())
}

/// Answers A and AAAA after these delays. `None` is a query that fails.
#[derive(Clone)]
struct SlowDns {
    v4: (Duration, SocketAddr),
    v6: (Duration, Option<SocketAddr>),
}

impl Service<Name> for SlowDns {
    type Response = Answers<Responses>;
    // A resolver that cannot send its queries fails here. Then there is no race.
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let (v4_after, v4) = self.v4;
        let (v6_after, v6) = self.v6;
        let responses = Responses::new();
        responses.push(after(v4_after, Ok(Answer::a([v4]))));
        responses.push(after(
            v6_after,
            match v6 {
                Some(v6) => Ok(Answer::aaaa([v6])),
                None => Err(QueryError::new(Query::Aaaa, "SERVFAIL")),
            },
        ));
        // The queries tell the race which answers to wait for, before the first answer is there.
        ready(Ok(Answers::new(Queries::ADDRESSES, responses)))
    }
}

type Response = Result<Answer, QueryError>;

/// A stream that returns each answer as soon as it is there, in any order.
type Responses = FuturesUnordered<BoxFuture<'static, Response>>;

fn after(time: Duration, response: Response) -> BoxFuture<'static, Response> {
    sleep(time).map(|()| response).boxed()
}
