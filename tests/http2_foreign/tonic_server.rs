//! tonic's server.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll};

use fastrand::Rng;
use http::uri::PathAndQuery;
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::ResponseBody;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Response, Status};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::load::{connection, origin, run_with};
use crate::origin::start_that_goes_away;
use crate::sizes::{REQUESTS, choose};
use crate::text::Text;
use crate::tls::clients::Connector;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tonic_that_shuts_connections_down_loses_no_call() {
    let mut tasks = JoinSet::new();
    let routes = Routes::new(Sizes).prepare();
    let service = service_fn(move |request: Request<Incoming>| routes.clone().oneshot(request.map(Body::new)));
    let address = start_that_goes_away(&mut tasks, service).await;
    run_with("tonic, which goes away after ten", &origin(address.port(), false), None, 1, call).await;
}

/// One unary call.
async fn call(client: Client<Connector>, origin: Uri, mut random: Rng) -> Result<u64, String> {
    // A reply does not say how long it is, so that the server is told when half a window of it was read. What hyper's server has not sent when it
    // closes its socket is lost with that.
    let [sent, expected] = [(); 2].map(|()| choose(&mut random, &REQUESTS));
    let seen = Arc::new(AtomicU64::new(0));
    let see = Arc::clone(&seen);
    let client = ServiceBuilder::new()
        .map_response(move |response: http::Response<ResponseBody>| {
            see.store(connection(&response), SeqCst);
            response
        })
        .service(client);
    let request = tonic::Request::new(format!("{expected} {}", "x".repeat(sent)));
    let path = PathAndQuery::from_static("/test.Sizes/Ask");
    let reply = Grpc::with_origin(client, origin).unary(request, path, Text).await;
    let reply = reply.map_err(|status| format!("{sent} bytes for {expected}: {status:?}"))?.into_inner();
    let is_whole = reply.len() == expected && reply.bytes().all(|byte| byte == b'y');
    if is_whole { Ok(seen.load(SeqCst)) } else { Err(format!("{} bytes instead of {expected}", reply.len())) }
}

/// Answers with as much text as it is asked for.
#[derive(Clone)]
struct Sizes;

impl NamedService for Sizes {
    const NAME: &'static str = "test.Sizes";
}

impl Service<Request<Body>> for Sizes {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let ask = tower::service_fn(async |request: tonic::Request<String>| {
            let text = request.into_inner();
            let size = text.split(' ').next().and_then(|size| size.parse().ok());
            let size = size.ok_or_else(|| Status::invalid_argument("no size"))?;
            Ok::<_, Status>(Response::new("y".repeat(size)))
        });
        Box::pin(async move { Ok(tonic::server::Grpc::new(Text).unary(ask, request).await) })
    }
}
