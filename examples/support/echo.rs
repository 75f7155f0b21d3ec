//! A service of gRPC.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::TryStreamExt;
use http::uri::PathAndQuery;
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Status, Streaming};
use tower::{Service, service_fn};

use crate::text::Text;

pub(crate) const SHOUT: PathAndQuery = PathAndQuery::from_static("/example.Echo/Shout");
pub(crate) const TALK: PathAndQuery = PathAndQuery::from_static("/example.Echo/Talk");

/// Returns what it gets, in capitals.
#[derive(Clone)]
pub(crate) struct Echo;

async fn shout(request: tonic::Request<String>) -> Result<tonic::Response<String>, Status> {
    let text = request.into_inner();
    if text.is_empty() {
        return Err(Status::invalid_argument("there is nothing to shout"));
    }
    Ok(tonic::Response::new(text.to_uppercase()))
}

type Messages = Pin<Box<dyn futures_util::Stream<Item = Result<String, Status>> + Send>>;

async fn talk(request: tonic::Request<Streaming<String>>) -> Result<tonic::Response<Messages>, Status> {
    Ok(tonic::Response::new(Box::pin(request.into_inner().map_ok(|text| text.to_uppercase()))))
}

// tonic generates such code from a `.proto` file.

impl NamedService for Echo {
    const NAME: &'static str = "example.Echo";
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Text);
            Ok(match request.uri().path() {
                path if path == SHOUT.path() => grpc.unary(service_fn(shout), request).await,
                path if path == TALK.path() => grpc.streaming(service_fn(talk), request).await,
                _ => Status::unimplemented("there is no such call").into_http(),
            })
        })
    }
}
