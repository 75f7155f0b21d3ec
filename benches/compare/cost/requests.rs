//! Requests that are counted, or timed: `GET`s with an answer of 13 bytes, one after the other on a connection.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::peers;

pub(crate) const BARE: &str = "bare hyper connection";
pub(crate) const HYPER_UTIL: &str = "hyper-util Client";
pub(crate) const REQWEST: &str = "reqwest";
pub(crate) const OURS: &str = "this crate";
/// What our client costs without our connector, whose record is in every response.
pub(crate) const OURS_ALONE: &str = "this crate, over HttpConnector";

/// So many requests, one after the other, on one connection.
pub(crate) fn run(mode: &str, port: u16, requests: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        spawn(&mut tasks, mode, port, requests, 1);
        finish(tasks).await;
    });
}

/// Waits for all, and panics if one did.
pub(crate) async fn finish(mut tasks: JoinSet<()>) {
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

/// Tasks that share a client, and make so many requests each.
pub(crate) fn spawn(tasks: &mut JoinSet<()>, mode: &str, port: u16, requests: usize, concurrency: usize) {
    let uri: Uri = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    match mode {
        BARE => {
            for _ in 0..concurrency {
                tasks.spawn(bare(port, requests));
            }
        }
        HYPER_UTIL => {
            let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
            for _ in 0..concurrency {
                let (client, uri) = (client.clone(), uri.clone());
                tasks.spawn(async move {
                    for _ in 0..requests {
                        read(client.get(uri.clone()).await.unwrap().into_body()).await;
                    }
                });
            }
        }
        REQWEST => {
            let client = peers::reqwest::client();
            for _ in 0..concurrency {
                let (client, uri) = (client.clone(), uri.to_string());
                tasks.spawn(async move {
                    for _ in 0..requests {
                        assert_eq!(client.get(&uri).send().await.unwrap().bytes().await.unwrap().len(), 13);
                    }
                });
            }
        }
        OURS_ALONE => ours(tasks, &Client::new(connector), &uri, requests, concurrency),
        OURS => ours(tasks, &Client::new(HappyEyeballsConnector::new()), &uri, requests, concurrency),
        _ => panic!("no such mode: {mode}"),
    }
}

async fn bare(port: u16, requests: usize) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..requests {
        sender.ready().await.unwrap();
        let request = Request::get("/").header("host", "127.0.0.1").body(Empty::<Bytes>::new()).unwrap();
        read(sender.send_request(request).await.unwrap().into_body()).await;
    }
}

fn ours<C>(tasks: &mut JoinSet<()>, client: &Client<C, Empty<Bytes>>, uri: &Uri, requests: usize, concurrency: usize)
where
    C: hyper_happy_eyeballs::client::Connector,
{
    for _ in 0..concurrency {
        let (client, uri) = (client.clone(), uri.clone());
        tasks.spawn(async move {
            for _ in 0..requests {
                read(client.get(uri.clone()).await.unwrap().into_body()).await;
            }
        });
    }
}

async fn read<B: http_body::Body<Error: std::fmt::Debug>>(body: B) {
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 13);
}
