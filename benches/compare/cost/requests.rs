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

/// So many requests, shared out to so many tasks.
pub(crate) fn run(mode: &str, port: u16, requests: usize, concurrency: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut caller = Caller::new(mode, port, concurrency).await;
        caller.call(requests / concurrency).await;
    });
}

/// Who makes requests, with its connections.
pub(crate) struct Caller {
    uri: Uri,
    concurrency: usize,
    client: AnyClient,
}

#[expect(clippy::large_enum_variant, reason = "there are five of them")]
enum AnyClient {
    Bare(Vec<SendRequest<Empty<Bytes>>>),
    HyperUtil(legacy::Client<HttpConnector, Empty<Bytes>>),
    Reqwest(reqwest::Client),
    Ours(Client<HappyEyeballsConnector>),
    OursAlone(Client<HttpConnector>),
}

impl Caller {
    pub(crate) async fn new(mode: &str, port: u16, concurrency: usize) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = match mode {
            BARE => {
                let mut senders = Vec::new();
                for _ in 0..concurrency {
                    senders.push(connect(port).await);
                }
                AnyClient::Bare(senders)
            }
            HYPER_UTIL => AnyClient::HyperUtil(legacy::Client::builder(TokioExecutor::new()).build(connector)),
            REQWEST => AnyClient::Reqwest(peers::reqwest::client()),
            OURS => AnyClient::Ours(Client::new(HappyEyeballsConnector::new())),
            OURS_ALONE => AnyClient::OursAlone(Client::new(connector)),
            _ => panic!("no such mode: {mode}"),
        };
        Self { uri: format!("http://127.0.0.1:{port}/").parse().unwrap(), concurrency, client }
    }

    /// So many requests in each of the tasks.
    pub(crate) async fn call(&mut self, requests: usize) {
        let uri = &self.uri;
        match &mut self.client {
            AnyClient::Bare(senders) => {
                let mut tasks = JoinSet::new();
                for sender in senders.drain(..) {
                    tasks.spawn(bare(sender, requests));
                }
                *senders = tasks.join_all().await;
            }
            AnyClient::HyperUtil(client) => {
                in_tasks(self.concurrency, || {
                    let (client, uri) = (client.clone(), uri.clone());
                    async move {
                        for _ in 0..requests {
                            read(client.get(uri.clone()).await.unwrap().into_body()).await;
                        }
                    }
                })
                .await;
            }
            AnyClient::Reqwest(client) => {
                in_tasks(self.concurrency, || {
                    let (client, url) = (client.clone(), uri.to_string());
                    async move {
                        for _ in 0..requests {
                            assert_eq!(client.get(&url).send().await.unwrap().bytes().await.unwrap().len(), 13);
                        }
                    }
                })
                .await;
            }
            AnyClient::Ours(client) => in_tasks(self.concurrency, || ours(client.clone(), uri.clone(), requests)).await,
            AnyClient::OursAlone(client) => {
                in_tasks(self.concurrency, || ours(client.clone(), uri.clone(), requests)).await;
            }
        }
    }
}

async fn in_tasks<F: Future<Output = ()> + Send + 'static>(tasks: usize, begin: impl Fn() -> F) {
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        set.spawn(begin());
    }
    set.join_all().await;
}

async fn connect(port: u16) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn bare(mut sender: SendRequest<Empty<Bytes>>, requests: usize) -> SendRequest<Empty<Bytes>> {
    for _ in 0..requests {
        sender.ready().await.unwrap();
        let request = Request::get("/").header("host", "127.0.0.1").body(Empty::<Bytes>::new()).unwrap();
        read(sender.send_request(request).await.unwrap().into_body()).await;
    }
    sender
}

async fn ours<C: Connector>(client: Client<C>, uri: Uri, requests: usize) {
    for _ in 0..requests {
        read(client.get(uri.clone()).await.unwrap().into_body()).await;
    }
}

async fn read<B: http_body::Body<Error: std::fmt::Debug>>(body: B) {
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 13);
}
