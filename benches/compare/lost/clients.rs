//! The clients, each of which gets the same requests.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::layer::Layer;

use crate::peers;
use crate::report::Standing;

/// One of those that are compared.
#[derive(Clone)]
pub(super) enum HttpClient {
    Ours(Client<HappyEyeballsConnector>),
    HyperUtil(legacy::Client<HttpConnector, Full<Bytes>>),
    HyperUtilResponseFirst(legacy::Client<FirstConnector, Full<Bytes>>),
    Reqwest(reqwest::Client),
}

type FirstConnector = <ResponseFirstLayer as Layer<HappyEyeballsConnector>>::Service;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Answered(u16),
    Error,
    /// Neither came in the time that anybody would wait.
    Hang,
}

/// How long anybody would wait for an answer from the same machine.
const PATIENCE: Duration = Duration::from_secs(5);

impl HttpClient {
    /// All of them, each fresh.
    pub(super) fn all() -> Vec<(&'static str, Standing, Self)> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let first = ResponseFirstLayer::new().layer(HappyEyeballsConnector::new());
        let legacy = || legacy::Client::builder(TokioExecutor::new());
        vec![
            ("this crate", Standing::Ours, Self::Ours(Client::new(HappyEyeballsConnector::new()))),
            (RESPONSE_FIRST, Standing::Ours, Self::HyperUtilResponseFirst(legacy().build(first))),
            ("hyper-util Client", Standing::Peer, Self::HyperUtil(legacy().build(connector))),
            ("reqwest", Standing::Peer, Self::Reqwest(peers::reqwest::client())),
        ]
    }

    /// Sends a request, and reads the answer to its end.
    pub(super) async fn send(&self, method: Method, url: &str, body: Bytes) -> Fate {
        match tokio::time::timeout(PATIENCE, self.exchange(method, url, body)).await {
            Ok(Some(status)) => Fate::Answered(status),
            Ok(None) => Fate::Error,
            Err(_) => Fate::Hang,
        }
    }

    async fn exchange(&self, method: Method, url: &str, body: Bytes) -> Option<u16> {
        let uri: Uri = url.parse().unwrap();
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        match self {
            Self::Ours(client) => read(client.request(request).await.ok()?).await,
            Self::HyperUtil(client) => read(client.request(request).await.ok()?).await,
            Self::HyperUtilResponseFirst(client) => read(client.request(request).await.ok()?).await,
            Self::Reqwest(client) => {
                let response = client.request(method, url).body(body).send().await.ok()?;
                let status = response.status().as_u16();
                response.bytes().await.ok().map(|_| status)
            }
        }
    }
}

/// One line around the connector of another client.
pub(super) const RESPONSE_FIRST: &str = "this crate's layer in hyper-util";

async fn read<B: http_body::Body>(response: http::Response<B>) -> Option<u16> {
    let status = response.status().as_u16();
    response.into_body().collect().await.ok().map(|_| status)
}
