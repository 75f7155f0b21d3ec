//! Requests: many, of all sizes, and some of them at once.

use std::convert::Infallible;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_happy_eyeballs::client::ConnectionUse;
use hyper_happy_eyeballs::{Client, ClientError};
use tokio::task::JoinSet;

use crate::figures::{Figures, count_retries, retries};
use crate::programs::say;
use crate::sizes::{REQUESTS, RESPONSES, body, choose};
use crate::tls::authority::Authority;
use crate::tls::clients::{Connector, HOST, connector, trusting};

/// How a server answers a POST.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posts {
    /// With a body of the size that is asked for.
    Asked,
    /// With the body of the request.
    Echoed,
}

/// How many requests there are at a time.
const AT_ONCE: [usize; 3] = [1, 16, 100];

/// How many requests a server gets.
fn requests() -> usize {
    env::var("HTTP2_REQUESTS").map_or(20_000, |count| count.replace('_', "").parse().unwrap())
}

/// Sends the requests of one of so many `runs` to the server of `origin`, and fails unless each of them is answered with the whole body.
pub(crate) async fn run(name: &str, origin: &Uri, authority: Option<&Authority>, runs: usize, posts: Posts) {
    run_with(name, origin, authority, runs, move |client: Client<Connector>, origin: Uri, random: Rng| {
        exchange(client, origin, random, posts)
    })
    .await;
}

/// The same, with another kind of request: `exchange` has one with a server, and returns the connection that it went over.
pub(crate) async fn run_with<E, F>(name: &str, origin: &Uri, authority: Option<&Authority>, runs: usize, exchange: E)
where
    E: Fn(Client<Connector>, Uri, Rng) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<u64, String>> + Send + 'static,
{
    count_retries();
    let mut failed = Vec::new();
    for at_once in AT_ONCE {
        let client = client(origin, authority);
        let figures = run_at_once(&client, origin, at_once, requests() / runs / AT_ONCE.len(), exchange.clone()).await;
        say(&format!("{name}, {at_once} at once: {figures}"));
        failed.extend(figures.errors.into_iter().take(3).map(|error| format!("{at_once} at once: {error}")));
    }
    assert!(failed.is_empty(), "{name}: {failed:#?}");
}

fn client(origin: &Uri, authority: Option<&Authority>) -> Client<Connector> {
    let address = format!("127.0.0.1:{}", origin.port_u16().unwrap()).parse().unwrap();
    let unused;
    let options = trusting(match authority {
        Some(authority) => authority,
        None => {
            unused = Authority::new("nobody");
            &unused
        }
    });
    let builder = Client::builder();
    let builder = if authority.is_none() { builder.http2_prior_knowledge_of(origin.clone()) } else { builder };
    builder.build(connector(options, [address])).unwrap()
}

async fn run_at_once<E, F>(
    client: &Client<Connector>,
    origin: &Uri,
    at_once: usize,
    count: usize,
    exchange: E,
) -> Figures
where
    E: Fn(Client<Connector>, Uri, Rng) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<u64, String>> + Send + 'static,
{
    let host = origin.authority().unwrap().to_string();
    let (begun, before) = (Instant::now(), retries(&host));
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let (client, origin, next, exchange) = (client.clone(), origin.clone(), Arc::clone(&next), exchange.clone());
        workers.spawn(async move {
            let mut figures = Figures::default();
            loop {
                let number = next.fetch_add(1, SeqCst);
                if number >= count {
                    return figures;
                }
                figures.requests += 1;
                let exchange = exchange(client.clone(), origin.clone(), Rng::with_seed(number as u64));
                match tokio::time::timeout(Duration::from_secs(60), exchange).await {
                    Ok(Ok(connection)) => drop(figures.connections.insert(connection)),
                    Ok(Err(error)) => figures.errors.push(format!("request {number}: {error}")),
                    Err(_) => figures.errors.push(format!("request {number} hangs")),
                }
            }
        });
    }
    let mut figures = Figures::default();
    while let Some(worker) = workers.join_next().await {
        figures.add(worker.unwrap());
    }
    (figures.took, figures.retries) = (begun.elapsed(), retries(&host) - before);
    figures
}

async fn exchange(client: Client<Connector>, origin: Uri, mut random: Rng, posts: Posts) -> Result<u64, String> {
    let is_post = random.bool();
    let sent = if is_post { choose(&mut random, &REQUESTS) } else { 0 };
    let is_echoed = is_post && posts == Posts::Echoed;
    let expected = if is_echoed { sent } else { choose(&mut random, &RESPONSES) };
    let path =
        if posts == Posts::Echoed { format!("{origin}{expected}") } else { format!("{origin}{expected}/{sent}") };
    let request = Request::builder()
        .method(if is_post { Method::POST } else { Method::GET })
        .uri(path)
        .body(body_of(&mut random, sent))
        .unwrap();
    let what = format!("{} of {sent} bytes for {expected}", request.method());
    let told = |error: ClientError| format!("{what}: {error:?}, {:?}", error.processing());
    let response = client.request(request).await.map_err(told)?;
    let (status, version) = (response.status(), response.version());
    if (status, version) != (StatusCode::OK, Version::HTTP_2) {
        return Err(format!("{what}: {status} over {version:?}"));
    }
    let connection = connection(&response);
    let got = response.into_body().collect().await.map_err(told)?.to_bytes();
    if got != body(expected) { Err(format!("{what}: {} bytes", got.len())) } else { Ok(connection) }
}

/// One in four does not say how long it is, and comes in pieces.
fn body_of(random: &mut Rng, size: usize) -> UnsyncBoxBody<Bytes, Infallible> {
    let whole = body(size);
    if random.u8(..4) > 0 {
        return Full::new(whole).boxed_unsync();
    }
    let piece = random.usize(1..=20_000);
    let pieces = (0..size).step_by(piece).map(move |start| whole.slice(start..(start + piece).min(size)));
    StreamBody::new(stream::iter(pieces.map(|piece| Ok(Frame::data(piece))))).boxed_unsync()
}

/// Which connection it came over.
pub(crate) fn connection<B>(response: &Response<B>) -> u64 {
    response.extensions().get::<ConnectionUse>().unwrap().id()
}

/// Where a server is, over TLS or not.
pub(crate) fn origin(port: u16, is_secure: bool) -> Uri {
    if is_secure { format!("https://{HOST}:{port}/") } else { format!("http://{HOST}:{port}/") }.parse().unwrap()
}
