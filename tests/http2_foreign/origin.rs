//! The origin behind the proxies, which also runs in hyper's server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::sizes::body;

/// Answers `/RESPONSE/REQUEST`, which are the sizes of the bodies, if that of the request is whole.
pub(crate) async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut sizes = request.uri().path().trim_start_matches('/').split('/').map(|size| size.parse().unwrap_or(0));
    let [response, sent] = [(); 2].map(|()| sizes.next().unwrap_or(0));
    let got = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let is_whole = got.is_ok_and(|got| got == body(sent));
    let mut response = Response::new(Full::new(if is_whole { body(response) } else { Bytes::new() }));
    if !is_whole {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

/// An origin of HTTP/1.1, for proxies. It ends with the set.
pub(crate) async fn start_behind_proxy(tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let http1 = hyper::server::conn::http1::Builder::new();
                // An error of the connection is the proxy's, and not a failure of the test.
                drop(http1.serve_connection(TokioIo::new(stream), service_fn(answer)).await);
            });
        }
    });
    address
}

/// A server of HTTP/2 that shuts each connection down after ten requests, as hyper does that. It ends with the set.
pub(crate) async fn start_that_goes_away<S, B>(tasks: &mut JoinSet<()>, service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            // As tonic does it.
            stream.set_nodelay(true).unwrap();
            connections.spawn(serve_ten(stream, service.clone()));
        }
    });
    address
}

async fn serve_ten<S, B>(stream: TcpStream, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let (count, enough) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let tell = Arc::clone(&enough);
    let counted = service_fn(move |request| {
        if count.fetch_add(1, SeqCst) + 1 == 10 {
            tell.notify_one();
        }
        service.call(request)
    });
    let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let mut connection = pin!(http2.serve_connection(TokioIo::new(stream), counted));
    tokio::select! {
        _ = &mut connection => return,
        () = enough.notified() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}
