//! Sends one request through a client, and keeps what the race and the connection tell of it.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{StatusCode, Uri};
use hyper_happy_eyeballs::ConnectInfo;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpInfo};

use crate::now;
use crate::time::Time;

/// A response that was read to its end.
pub(crate) struct Fetched {
    status: StatusCode,
    bytes: usize,
    took: Duration,
    /// The record of the race for the connection.
    pub(crate) info: Option<ConnectInfo>,
    /// The local address of the connection, which no other open connection to the same place has.
    pub(crate) connection: Option<SocketAddr>,
}

pub(crate) async fn fetch<C>(client: &Client<C, Empty<Bytes>>, uri: Uri) -> Result<Fetched, Box<dyn Error>>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let began = now();
    let response = client.get(uri).await?;
    let (head, mut body) = response.into_parts();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(Fetched {
        status: head.status,
        bytes,
        took: began.elapsed(),
        info: head.extensions.get().cloned(),
        connection: head.extensions.get().map(HttpInfo::local_addr),
    })
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} bytes in {}", self.status, self.bytes, Time(self.took))
    }
}
