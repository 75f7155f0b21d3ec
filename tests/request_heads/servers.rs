//! Servers that write down what arrives, and answer 404.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper::Version;
use hyper::http::{HeaderMap, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::memory::Memory;

/// The head of the request that arrived.
#[derive(Clone, Default)]
pub(crate) struct Arrived(Arc<Mutex<Option<String>>>);

impl Arrived {
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap().take()
    }

    fn put(&self, head: String) {
        *self.0.lock().unwrap() = Some(head);
    }
}

pub(crate) type Connector = Memory<Box<dyn Fn(DuplexStream) + Send + Sync>>;

pub(crate) fn connector(is_proxied: bool, version: Version, arrived: Arrived) -> Connector {
    let serve: Box<dyn Fn(DuplexStream) + Send + Sync> = Box::new(move |stream| {
        let arrived = arrived.clone();
        if version == Version::HTTP_2 {
            tokio::spawn(http2(stream, arrived));
        } else {
            tokio::spawn(http1(stream, arrived));
        }
    });
    Memory::new(serve).proxied(is_proxied)
}

async fn http1(mut stream: DuplexStream, arrived: Arrived) {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
            return;
        }
    };
    arrived.put(String::from_utf8(read[..end].to_vec()).unwrap().trim_end().replace("\r\n", "; "));
    let answer = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    // The client may be content with the head, and go.
    drop(stream.write_all(answer).await);
    drop(stream.read_to_end(&mut read).await);
}

async fn http2(stream: DuplexStream, arrived: Arrived) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let uri = request.uri();
        let told = [
            request.method().as_str(),
            uri.scheme_str().unwrap_or("-"),
            uri.authority().map_or("-", |authority| authority.as_str()),
            uri.path_and_query().map_or("-", |path| path.as_str()),
        ];
        arrived.put([vec![told.join(" ")], fields(request.headers())].concat().join("; "));
        let response: Response<()> = Response::builder().status(404).body(()).unwrap();
        drop(respond.send_response(response, true).map(|mut stream| stream.send_data(Bytes::new(), true)));
    }
}

fn fields(headers: &HeaderMap) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}
