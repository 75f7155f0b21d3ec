//! Requests over HTTP/2 that are cancelled at any moment: each frees its stream, and no other request is affected.
#![cfg(all(feature = "http2", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a server is a task of its own")]

#[path = "support/exchange_runs.rs"]
mod runs;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use runs::{
    Random, descriptors, empty, full, in_time, on_both_runtimes, poll_once, read_frames, say, streamed, times, until,
};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

/// How long the bodies are that take more than one frame.
const LONG: usize = 100_000;

/// Every response consists of the number of its request, repeated. It may come before the request is read, or after.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let (kind, number) = path.split_once('/').unwrap();
    let line = format!("{number}\n");
    let body = line.repeat(if kind == "long" { LONG / line.len() } else { 1 });
    if !number.ends_with('7') {
        // Cancelled requests end in an error.
        drop(request.into_body().collect().await);
    }
    Ok(Response::new(Full::new(body.into())))
}

/// A server of HTTP/2, with the number of connections that it has had, and a way to end it.
async fn start() -> (String, Arc<AtomicUsize>, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                // The server must accept many resets.
                server.max_pending_accept_reset_streams(100_000).max_local_error_reset_streams(None);
                drop(server.serve_connection(TokioIo::new(stream), service_fn(echo)).await);
            });
        }
    });
    (uri, connections, server.abort_handle())
}

/// One request, given up at a random moment or not; what of its answer was seen must be its own. Whether all was seen.
async fn ask(client: Client<HappyEyeballsConnector>, uri: &str, number: usize, seed: u64, bytes: Bytes) -> bool {
    let mut random = Random(seed);
    let kind = ["short", "long"][usize::from(random.below(2) == 0)];
    let uri = format!("{uri}{kind}/{number}");
    let body = match random.below(3) {
        0 => empty(),
        1 => full(bytes),
        _ => streamed(bytes),
    };
    let mut response = client.request(Request::builder().method(Method::POST).uri(uri).body(body).unwrap());
    // After so many polls, or after so much time, or never.
    let response = match random.below(4) {
        0 => {
            for _ in 0..random.below(4) {
                if poll_once(&mut response).await.is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            return false;
        }
        1 => tokio::time::timeout(Duration::from_millis(random.below(4)), response).await.ok(),
        _ => Some(in_time(response).await),
    };
    let Some(response) = response else { return false };
    let response = response.unwrap_or_else(|error| panic!("{number}: {error:?}"));
    let frames = [0, 1, random.below(10), u64::MAX][usize::try_from(random.below(4)).unwrap()];
    read_frames(response, number, frames).await
}

#[test]
fn what_is_given_up_at_random_moments_frees_its_stream_and_no_other() {
    on_both_runtimes(async || {
        const TASKS: usize = 16;
        let runtime = Handle::current();
        let (descriptors_before, tasks_before) = (descriptors(), runtime.metrics().num_alive_tasks());
        let (uri, connections, server) = start().await;
        let client = Client::builder().http2_prior_knowledge(true).build(HappyEyeballsConnector::new()).unwrap();
        let bytes = Bytes::from(vec![b'x'; LONG]);
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (client, uri, bytes) = (client.clone(), uri.clone(), bytes.clone());
            tasks.spawn(async move {
                let (mut complete, mut random) = (0, Random(task as u64));
                for number in 0..times(200) {
                    let number = number * TASKS + task;
                    complete +=
                        usize::from(ask(client.clone(), &uri, number, random.below(u64::MAX), bytes.clone()).await);
                }
                complete
            });
        }
        let complete: usize = tasks.join_all().await.into_iter().sum();
        // A task goes on sending the body of a cancelled request until it learns of the cancellation.
        until(|| client.pool_statistics().total.streams == 0).await;
        let of = TASKS * times(200);
        say(format_args!("{complete} of {of} complete, on {} connections", connections.load(SeqCst)));
        assert!(complete > 0 && complete < of);
        assert_eq!(connections.load(SeqCst), 1, "nothing ends a connection that is used");
        assert!(ask(client.clone(), &uri, 0, 2, bytes).await || client.pool_statistics().total.idle == 1);
        drop(client);
        server.abort();
        until(|| runtime.metrics().num_alive_tasks() == tasks_before && descriptors() == descriptors_before).await;
    });
}
