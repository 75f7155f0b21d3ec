//! Draws a race: which address was tried when, why, and how its attempt ended.
//!
//! ```text
//! cargo run --example race                            # on this machine alone, no network needed
//! cargo run --example race -- http://example.com/     # to a host of your choice
//! ```
//!
//! Without an argument, requests go to a made-up name that has four addresses on loopback, of which only the last works. Then hyper-util's own
//! connector connects to the same addresses, for as long as the example waits.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its reader")]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::ready;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, iter};

use hyper::Uri;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::{ConnectError, HappyEyeballsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, dns};
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, timeout};
use tower::{ServiceExt, service_fn};

use crate::fetch::{Fetched, fetch};
use crate::scene::Scene;
use crate::time::Time;

mod fetch;
#[path = "../support/loopback.rs"]
mod loopback;
#[path = "../support/origin.rs"]
mod origin;
mod scene;
#[path = "../support/time.rs"]
mod time;

/// How long it may take to connect to a host of the reader's choice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the example waits for the other connector.
const PATIENCE: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn StdError>> {
    match env::args().nth(1) {
        None => {
            let scene = Scene::set().await?;
            race_on_loopback(&scene).await?;
            connect_without_race(scene.addresses()).await;
            Ok(ExitCode::SUCCESS)
        }
        Some(url) => race_to(&url).await,
    }
}

async fn race_on_loopback(scene: &Scene) -> Result<(), Box<dyn StdError>> {
    println!("race.example has four addresses:\n\n{scene}");

    // The port of each address is used, since the URI names none.
    let resolver = FixedResolver::new().with("race.example", scene.addresses());
    let connector = HappyEyeballsConnector::builder().resolver(resolver).build()?;
    let client = Client::builder(TokioExecutor::new()).build(connector);

    let uri = Uri::from_static("http://race.example/");
    println!("GET {uri}, three times\n");
    let mut responses = Vec::new();
    for _ in 0..3 {
        responses.push(fetch(&client, uri.clone()).await?);
    }
    print_responses(&responses);
    Ok(())
}

/// How long hyper-util's connector takes. It starts with the second family after 300 ms, but in each family a dead address comes before the good one.
async fn connect_without_race(addresses: Vec<SocketAddr>) {
    println!("\nThe same addresses through hyper-util's HttpConnector, which goes on to the next address");
    println!("of a family only when the one before has failed (we wait {} at most)\n", Time(PATIENCE));
    let resolver = service_fn(move |_: dns::Name| ready(Ok::<_, Infallible>(addresses.clone().into_iter())));
    let connector = HttpConnector::new_with_resolver(resolver);
    let began = now();
    let connecting = connector.oneshot(Uri::from_static("http://race.example/"));
    match timeout(PATIENCE, connecting).await {
        Err(_) => println!("  still waiting after {}", Time(PATIENCE)),
        Ok(Ok(_)) => println!("  connected after {}", Time(began.elapsed())),
        Ok(Err(error)) => println!("  failed after {}: {}", Time(began.elapsed()), chain(&error)),
    }
}

async fn race_to(url: &str) -> Result<ExitCode, Box<dyn StdError>> {
    let uri: Uri = match url.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") => uri,
        Ok(uri) if uri.scheme_str() == Some("https") => {
            return Ok(refuse("this example has no TLS: give it an http URL"));
        }
        _ => return Ok(refuse("give it an http URL, such as http://example.com/")),
    };
    let connector = HappyEyeballsConnector::builder().timeout(CONNECT_TIMEOUT).build()?;
    let client = Client::builder(TokioExecutor::new()).build(connector);

    println!("GET {uri}\n");
    match fetch(&client, uri).await {
        Ok(response) => {
            print_responses(&[response]);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            print_failure(&*error);
            Ok(ExitCode::FAILURE)
        }
    }
}

fn print_responses(responses: &[Fetched]) {
    // Every response has the record of the race for its connection. The first response is that of the request that started the race.
    if let Some(info) = responses.first().and_then(|response| response.info.as_ref()) {
        println!("{}\n", info.timeline().colour(colour()));
    }
    let mut connections = BTreeSet::new();
    for response in responses {
        let reused = !connections.insert(response.connection);
        println!("  {response}{}", if reused { ", over the same connection" } else { "" });
    }
    println!("  Connections opened: {}", connections.len());
}

/// The connector's error is among the causes of the client's error.
fn print_failure(error: &(dyn StdError + 'static)) {
    match ConnectError::find(error) {
        Some(lost) if lost.attempts().is_empty() => eprintln!("error: {}", chain(lost)),
        // One line names every address, and why its attempt failed.
        Some(lost) => {
            println!("{}\n", lost.timeline().colour(colour()));
            eprintln!("error: {lost}");
        }
        None => eprintln!("error: {}", chain(error)),
    }
}

fn refuse(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Whether to use colour: on a terminal, unless the reader wants none (<https://no-color.org>).
fn colour() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "an example may look at the clock")]
fn now() -> Instant {
    Instant::now()
}
