//! The client of the laboratory: connects or sends requests, and reports each as a line of JSON.
//!
//! ```text
//! lab-client connect|drip|storm|get|tls who=ours|hickory|hyper|hyper-over-ours [key=value ...]
//! ```
//!
//! The keys are those of [`arguments::Arguments`].

mod arguments;
mod connects;
mod report;
mod requests;
mod storm;
mod tls;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper_happy_eyeballs::Client;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioExecutor;
use tower::Service;

use arguments::Arguments;
use requests::send;
use tls::secured;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A connect that outlives the connector's own limit by this much is ended by the program.
const OUTER_LIMIT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-client: {}", report::chain(&*error));
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let arguments = Arguments::parse(words)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(dispatch(&command, &arguments));
    // A look-up that is still waiting has a thread; the program does not wait for it.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: &str, arguments: &Arguments) -> Result<(), Failure> {
    match (command, arguments.who.as_str()) {
        ("connect" | "drip" | "storm", "ours") => connections(command, arguments, || arguments.ours()).await,
        ("connect" | "drip" | "storm", "hickory") => connections(command, arguments, || arguments.hickory()).await,
        ("connect" | "drip" | "storm", "hyper") => connections(command, arguments, || arguments.hyper()).await,
        ("get" | "tls", "ours") => send(arguments, Client::builder().build(arguments.ours()?)?).await,
        ("get" | "tls", "hickory") => send(arguments, Client::builder().build(arguments.hickory()?)?).await,
        ("get", "hyper") => send(arguments, legacy(arguments.hyper()?)).await,
        ("tls", "hyper") => send(arguments, legacy(secured(arguments.hyper()?)?)).await,
        ("tls", "hyper-over-ours") => send(arguments, legacy(arguments.ours()?)).await,
        (command, who) => Err(format!("no command {command:?} of {who:?}").into()),
    }
}

async fn connections<C>(
    command: &str,
    arguments: &Arguments,
    make: impl Fn() -> Result<C, Failure>,
) -> Result<(), Failure>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: Connection + Send,
    C::Error: Into<Failure>,
    C::Future: Send,
{
    match command {
        "drip" => connects::drip(arguments, make).await,
        "storm" => storm::storm(arguments, make).await,
        _ => connects::connect(arguments, make).await,
    }
}

/// hyper-util's client with its defaults.
fn legacy<C>(connector: C) -> HyperClient<C, Empty<Bytes>>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    HyperClient::builder(TokioExecutor::new()).build(connector)
}
