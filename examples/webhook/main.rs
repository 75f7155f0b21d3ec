//! A sender of webhooks: each customer sets the URI that events are sent to.
//!
//! - A customer must not make the sender connect to its own network: addresses that are not public are refused, whichever name leads to them.
//! - An event is sent again, after a pause, if that is safe and may help. It is safe because of `Idempotency-Key`: the receiver recognises an event
//!   that it already has.
//!
//! The receiver of this example closes the connection at the first request, answers `503` to the second, and accepts the third.
//!
//! ```text
//! cargo run --example webhook --features https
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(clippy::disallowed_methods, reason = "the receiver is a task of its own")]

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::{Request, StatusCode, Uri};
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::{
    Client, ConnectError, FixedResolver, HappyEyeballsConnector, TlsOptions, public_addresses_only,
};

use crate::receiver::Receiver;

#[path = "../support/authority.rs"]
mod authority;
mod receiver;

const TRIES: u32 = 4;

/// How many bytes of a body are read for the sake of its connection.
const MOST_READ: usize = 64 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::start("hooks.example").await?;
    let resolver = FixedResolver::new()
        .with("hooks.example", [receiver.address()])
        .with("metadata.example", ["169.254.169.254:443".parse()?])
        .with("printer.example", ["10.0.0.7:443".parse()?, "[fd00::7]:443".parse()?]);

    // In production, without a receiver on loopback, the rule would be `.allow(public_addresses_only)`.
    let partner = receiver.address().ip();
    let connector = HappyEyeballsConnector::builder()
        .resolver(resolver)
        .tls(TlsOptions::new().root_certificates([receiver.certificate()]))
        .allow(move |ip| public_addresses_only(ip) || ip == partner)
        .timeout(Duration::from_secs(5))
        .build()?;
    let client = Client::builder().timeout(Duration::from_secs(10)).build(connector)?;

    let mut refused = 0;
    for uri in ["https://metadata.example/latest", "https://printer.example/", "https://[::1]/", "https://127.0.0.2/"] {
        let error = deliver(&client, uri, "event-1").await.err().ok_or("a private address was reached")?;
        println!("{uri}\n  {error}");
        refused += u32::from(ConnectError::find(&*error).is_some_and(ConnectError::is_not_allowed));
    }
    let uri = "https://hooks.example/events";
    println!("{uri}");
    let status = deliver(&client, uri, "event-1").await?;
    println!("  {status}");
    if refused == 4 && status == StatusCode::ACCEPTED { Ok(()) } else { Err("that is not as it should be".into()) }
}

/// Sends the event until the receiver accepts or refuses it. The pause doubles after each try.
async fn deliver<C: Connector>(client: &Client<C>, uri: &str, id: &str) -> Result<StatusCode, Box<dyn Error>> {
    let uri: Uri = uri.parse()?;
    // A user name can make a URI look like that of another host, and would be sent as credentials.
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("the URI has a user".into());
    }
    let mut pause = Duration::from_millis(50);
    for left in (0..TRIES).rev() {
        let request = Request::post(&uri)
            .header("content-type", "application/json")
            .header("idempotency-key", id)
            .body(format!(r#"{{"id":"{id}","type":"order.paid"}}"#))?;
        match client.request(request).await {
            Ok(response) if left > 0 && response.status().is_server_error() => {
                println!("  {}", response.status());
                // The body is read to its end, so that the connection can be used again, unless it is long.
                drop(Limited::new(response.into_body(), MOST_READ).collect().await);
            }
            Ok(response) => return Ok(response.status()),
            Err(error) if left > 0 && error.may_retry() => println!("  {error}"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Err("no try is left".into())
}
