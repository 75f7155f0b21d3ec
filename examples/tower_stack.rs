//! The connector in a stack of tower layers: a limit on connects at one time, a retry, a time limit.
//!
//! The first look-up of the name fails here, so the retry has something to do.
//!
//! ```text
//! cargo run --example tower_stack
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper_happy_eyeballs::resolve::{Answers, Name};
use hyper_happy_eyeballs::{ConnectError, HappyEyeballsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::retry::Policy;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, service_fn};

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;
    let address = origin.address();

    let failed_before = Arc::new(AtomicBool::new(false));
    let resolver = service_fn(move |name: Name| {
        let first = !failed_before.swap(true, Ordering::Relaxed);
        println!("looking up {name}: {}", if first { "no server answers" } else { "found" });
        ready(if first { Err("no server answers") } else { Ok(Answers::list([address])) })
    });
    let connector = HappyEyeballsConnector::builder()
        .resolver(resolver)
        // The connector's own limit ends in an error that says what it was waiting for. That of a tower layer is for the
        // layers below it as a whole: it drops the race, and what the race knew goes with it.
        .timeout(Duration::from_secs(3))
        .build()?;
    let stack = ServiceBuilder::new()
        .timeout(Duration::from_secs(10))
        .retry(RetryLookUp { left: 2 })
        .concurrency_limit(64)
        .service(connector);

    // hyper-util's client wants a future that is `Unpin`, which that of tower's timeout is not: the box makes it so.
    let boxed = BoxCloneSyncService::new(stack);
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(boxed);

    let response = client.get("http://stack.example/".parse()?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("{status}: {}", String::from_utf8_lossy(&body).trim_end());
    Ok(())
}

/// Connects again if the name could not be looked up. Addresses that could not be reached have just been tried, all of them.
#[derive(Clone)]
struct RetryLookUp {
    left: usize,
}

impl<C> Policy<Uri, C, ConnectError> for RetryLookUp {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Uri, result: &mut Result<C, ConnectError>) -> Option<Self::Future> {
        let error = result.as_ref().err().filter(|error| error.is_dns())?;
        self.left = self.left.checked_sub(1)?;
        println!("once more: {error}");
        Some(ready(()))
    }

    fn clone_request(&mut self, uri: &Uri) -> Option<Uri> {
        Some(uri.clone())
    }
}
