//! Requests that are counted, or timed: `GET`s with an answer of 13 bytes, one after the other on a connection.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_happy_eyeballs::client::Connector;
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

/// Makes this many requests, shared among this many tasks.
pub(crate) fn run(mode: &str, port: u16, requests: usize, concurrency: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut caller = Caller::new(mode, port, concurrency).await;
        caller.call(requests / concurrency).await;
    });
}

/// Who makes requests, with its connections.
pub(crate) struct Caller {
    concurrency: usize,
    client: AnyClient,
}

enum AnyClient {
    /// A connection for each task.
    Bare(Vec<SendRequest<Empty<Bytes>>>),
    Shared(Box<Start>),
}

type HyperUtil = legacy::Client<HttpConnector, Empty<Bytes>>;

/// Starts a task that makes this many requests.
type Start = dyn Fn(&mut JoinSet<()>, usize);

impl Caller {
    pub(crate) async fn new(mode: &str, port: u16, concurrency: usize) -> Self {
        let uri = uri(port);
        match mode {
            BARE => {
                let mut senders = Vec::new();
                for _ in 0..concurrency {
                    senders.push(connect(port).await);
                }
                Self { concurrency, client: AnyClient::Bare(senders) }
            }
            HYPER_UTIL => {
                let client = legacy::Client::builder(TokioExecutor::new()).build(http_connector());
                Self::shared(concurrency, move |requests| hyper_util(client.clone(), uri.clone(), requests))
            }
            REQWEST => {
                let client = peers::reqwest::client();
                Self::shared(concurrency, move |requests| reqwest(client.clone(), uri.to_string(), requests))
            }
            OURS => {
                let client = Client::new(HappyEyeballsConnector::new());
                Self::shared(concurrency, move |requests| ours(client.clone(), uri.clone(), requests))
            }
            OURS_ALONE => {
                let client = Client::new(http_connector());
                Self::shared(concurrency, move |requests| ours(client.clone(), uri.clone(), requests))
            }
            _ => panic!("no such mode: {mode}"),
        }
    }

    /// A contestant whose tasks are all the same: `begin` makes the future of a task, given its number of requests.
    pub(super) fn shared<F>(concurrency: usize, begin: impl Fn(usize) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let start = move |tasks: &mut JoinSet<()>, requests| drop(tasks.spawn(begin(requests)));
        Self { concurrency, client: AnyClient::Shared(Box::new(start)) }
    }

    /// So many requests in each of the tasks.
    pub(crate) async fn call(&mut self, requests: usize) {
        match &mut self.client {
            AnyClient::Bare(senders) => {
                let mut tasks = JoinSet::new();
                for sender in senders.drain(..) {
                    tasks.spawn(bare(sender, requests));
                }
                *senders = tasks.join_all().await;
            }
            AnyClient::Shared(start) => {
                let mut tasks = JoinSet::new();
                for _ in 0..self.concurrency {
                    start(&mut tasks, requests);
                }
                tasks.join_all().await;
            }
        }
    }
}

pub(super) fn uri(port: u16) -> Uri {
    format!("http://127.0.0.1:{port}/").parse().unwrap()
}

pub(super) fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

pub(super) async fn hyper_util(client: HyperUtil, uri: Uri, requests: usize) {
    for _ in 0..requests {
        read(client.get(uri.clone()).await.unwrap().into_body()).await;
    }
}

pub(super) async fn reqwest(client: reqwest::Client, url: String, requests: usize) {
    for _ in 0..requests {
        assert_eq!(client.get(&url).send().await.unwrap().bytes().await.unwrap().len(), 13);
    }
}

pub(super) async fn ours<C: Connector>(client: Client<C>, uri: Uri, requests: usize) {
    for _ in 0..requests {
        read(client.get(uri.clone()).await.unwrap().into_body()).await;
    }
}

async fn connect(port: u16) -> SendRequest<Empty<Bytes>> {
    let (sender, connection) = http1::handshake(TokioIo::new(bare_stream(port).await)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(super) async fn bare_stream(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn bare(mut sender: SendRequest<Empty<Bytes>>, requests: usize) -> SendRequest<Empty<Bytes>> {
    for _ in 0..requests {
        sender.ready().await.unwrap();
        let request = Request::get("/").header("host", "127.0.0.1").body(Empty::<Bytes>::new()).unwrap();
        read(sender.send_request(request).await.unwrap().into_body()).await;
    }
    sender
}

pub(super) async fn read<B: http_body::Body<Error: std::fmt::Debug>>(body: B) {
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 13);
}
