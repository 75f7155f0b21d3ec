//! The connector in a stack of tower layers: a limit on concurrent connects, a retry, a time limit.
//!
//! The first look-up of the name fails in this example, so that the retry is used.
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
        // The error of the connector's own limit says which queries or attempts were pending. The limit of a tower layer drops the race, and the
        // record of the race with it.
        .timeout(Duration::from_secs(3))
        .build()?;
    let stack = ServiceBuilder::new()
        .timeout(Duration::from_secs(10))
        .retry(RetryLookUp { left: 2 })
        .concurrency_limit(64)
        .service(connector);

    // hyper-util's client needs a future that is `Unpin`. The future of tower's timeout is not, so it is boxed.
    let boxed = BoxCloneSyncService::new(stack);
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(boxed);

    let response = client.get("http://stack.example/".parse()?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("{status}: {}", String::from_utf8_lossy(&body).trim_end());
    Ok(())
}

/// Connects again if the look-up failed. It does not if addresses could not be reached, since all of them have just been tried.
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
