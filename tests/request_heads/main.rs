//! What a server reads of a request: target, `Host` and framing, over either protocol, of this crate's client and of hyper-util's.
//!
//! `table.txt` has a row for each request. The columns: whether the connection says that it is proxied; the version; the method; the URI, in which
//! ` *` stands for the path `*`; the caller's own fields, and `+ TEXT` for a body; what arrives; what arrives of hyper-util's client, where that is something
//! else. What arrives is the request line and the fields in their order; over HTTP/2 the pseudo-fields come first.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a panic of another client is an answer, and servers are tasks")]

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../support/memory.rs"]
mod memory;
mod servers;

use std::fmt::Display;

use bytes::Bytes;
use http_body_util::Full;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri, Version};
use hyper_happy_eyeballs::client::Builder;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;

use servers::{Arrived, connector};

#[derive(Debug)]
struct Row<'a> {
    is_proxied: bool,
    version: Version,
    method: &'a str,
    uri: Uri,
    fields: Vec<(&'a str, &'a str)>,
    body: &'static str,
    ours: &'a str,
    /// `=` is the same.
    theirs: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Self {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        let [through, version, method, uri, said, ours, theirs] = *columns else { panic!("columns of {line:?}") };
        let (uri, is_asterisk) = uri.strip_suffix(" *").map_or((uri, false), |uri| (uri, true));
        let mut uri: Uri = uri.parse().unwrap_or_else(|error| panic!("{line:?}: {error}"));
        if is_asterisk {
            let mut parts = uri.into_parts();
            parts.path_and_query = Some(PathAndQuery::from_static("*"));
            uri = Uri::from_parts(parts).unwrap();
        }
        let said = said.split(';').map(str::trim).filter(|said| !said.is_empty());
        let (bodies, fields): (Vec<_>, Vec<_>) = said.partition(|said| *said == "+ hello");
        Self {
            is_proxied: match through {
                "proxy" => true,
                "direct" => false,
                _ => panic!("{line:?}"),
            },
            version: match version {
                "1.0" => Version::HTTP_10,
                "1.1" => Version::HTTP_11,
                "2" => Version::HTTP_2,
                _ => panic!("{line:?}"),
            },
            method,
            uri,
            fields: fields.iter().map(|field| field.split_once(": ").unwrap()).collect(),
            body: if bodies.is_empty() { "" } else { "hello" },
            ours,
            theirs,
        }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method).version(self.version).uri(self.uri.clone());
        for (name, value) in &self.fields {
            request = request.header(*name, *value);
        }
        request.body(Full::from(self.body)).unwrap()
    }

    /// What arrives of a request that `send` sends over connections that it is given.
    async fn arrived<F: Future<Output = Result<(), String>> + Send + 'static>(
        &self,
        send: impl FnOnce(servers::Connector, Request<Full<Bytes>>) -> F,
    ) -> String {
        let arrived = Arrived::default();
        let connector = connector(self.is_proxied, self.version, arrived.clone());
        let sent = tokio::spawn(send(connector.clone(), self.request())).await;
        match (sent, arrived.take()) {
            (_, Some(head)) => head,
            (Ok(Err(error)), None) => error,
            (Ok(Ok(())), None) => "nothing arrived, and an answer came".to_owned(),
            (Err(_), None) => "a panic".to_owned(),
        }
    }

    async fn of_ours(&self) -> String {
        let speaks_http2 = self.version == Version::HTTP_2;
        self.arrived(move |connector, request| async move {
            let client = Builder::new().http2_prior_knowledge(speaks_http2).build(connector.clone()).unwrap();
            let sent = client.request(request).await.map(drop);
            assert!(sent.is_ok() || connector.connects() <= 1);
            sent.map_err(|error| {
                assert!(error.is_invalid_request() && error.is_permanent() && !error.may_retry(), "{error:?}");
                error.to_string()
            })
        })
        .await
    }

    async fn of_theirs(&self) -> String {
        let speaks_http2 = self.version == Version::HTTP_2;
        self.arrived(move |connector, request| async move {
            let mut builder = legacy::Client::builder(TokioExecutor::new());
            let client = builder.http2_only(speaks_http2).build(connector);
            client.request(request).await.map(drop).map_err(|error| text(&error))
        })
        .await
    }
}

fn text(error: &dyn Display) -> String {
    format!("error: {error}")
}

#[tokio::test]
async fn what_arrives_is_what_the_table_says() {
    let lines = include_str!("table.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in lines {
        let row = Row::parse(line);
        let (ours, theirs) = (row.of_ours().await, row.of_theirs().await);
        let theirs = if ours == theirs { "=" } else { &*theirs };
        if (&*ours, theirs) != (row.ours, row.theirs) {
            let asked = line.rsplitn(3, '|').last().unwrap();
            wrong.push(format!("{asked}| {ours} | {theirs}"));
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "{} rows are others:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= 80, "{rows} rows");
}
