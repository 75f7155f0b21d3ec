//! Hides the type of the connector: boxes it, and puts a list of boxed layers on top.
//!
//! A client that takes layers for its connector from its users works this way (`connector_layer` of reqwest's builder): every layer must accept and
//! return one and the same type of connector, whatever is inside.
//!
//! ```text
//! cargo run --example boxed_layers
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::{BoxError, ConnectInfo, HappyEyeballsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioExecutor;
use tower::layer::layer_fn;
use tower::timeout::TimeoutLayer;
use tower::util::{BoxCloneSyncService, BoxCloneSyncServiceLayer};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::origin::Origin;

#[path = "support/origin.rs"]
mod origin;

/// The one type that every layer takes and makes.
type BoxedConnector = BoxCloneSyncService<Uri, BoxedConnection, BoxError>;
type BoxedLayer = BoxCloneSyncServiceLayer<BoxedConnector, Uri, BoxedConnection, BoxError>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(Ipv4Addr::LOCALHOST).await?;
    let resolver = FixedResolver::new().with("boxed.example", [origin.address()]);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).build()?;

    let log = layer_fn(|inner: BoxedConnector| {
        inner.map_request(|uri: Uri| {
            println!("connecting to {}", uri.host().unwrap_or_default());
            uri
        })
    });
    let layers = [BoxedLayer::new(TimeoutLayer::new(Duration::from_secs(10))), BoxedLayer::new(log)];
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(boxed(connector, &layers));

    let response = client.get("http://boxed.example/".parse()?).await?;
    println!("{}", response.status());
    // The information about the connection passes through all the boxes.
    if let Some(info) = response.extensions().get::<ConnectInfo>() {
        println!("{}", info.winner());
    }
    let body = response.into_body().collect().await?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body).trim_end());
    Ok(())
}

/// Boxes `connector`, and puts the layers around it, the first one innermost.
fn boxed<C>(connector: C, layers: &[BoxedLayer]) -> BoxedConnector
where
    C: Service<Uri, Response: Transport, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
{
    let bare = ServiceBuilder::new()
        .map_response(|connection| BoxedConnection(Box::new(connection)))
        .map_err(Into::into)
        .service(connector);
    layers.iter().fold(BoxCloneSyncService::new(bare), |inner, layer| layer.layer(inner))
}

/// Any connection that a client can use.
trait Transport: Read + Write + Connection + Send + Sync + Unpin + 'static {}

impl<T: Read + Write + Connection + Send + Sync + Unpin + 'static> Transport for T {}

/// A connection whose type is hidden.
struct BoxedConnection(Box<dyn Transport>);

impl Connection for BoxedConnection {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

impl Read for BoxedConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for BoxedConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    // Without these two methods every part of a request would be copied into one buffer first.
    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}
