//! tonic's server, with one service method of each kind of call.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use http::Request;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status, Streaming};
use tower::{Service, service_fn};

use crate::text::Text;

/// A server on loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    given_up: UnboundedReceiver<()>,
    /// tonic runs its connections in tasks of their own, which end with their runtime.
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, given_up) = unbounded_channel();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let mut server = tonic::transport::Server::builder();
            server.add_service(Echo { tell }).serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { address, given_up, runtime: Some(runtime) }
    }

    /// Waits until a call that would never end was cancelled.
    pub(crate) async fn hear_of_one_given_up(&mut self) {
        self.given_up.recv().await.unwrap();
    }
}

impl Drop for Server {
    /// Every connection ends, whatever is on it.
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// The service, which returns what it gets.
#[derive(Clone)]
struct Echo {
    /// Is notified of calls that are cancelled.
    tell: UnboundedSender<()>,
}

type Result<T> = std::result::Result<Response<T>, Status>;
type Messages = BoxStream<'static, std::result::Result<String, Status>>;

impl Echo {
    /// The text in capitals.
    async fn shout(self, request: tonic::Request<String>) -> Result<String> {
        let text = request.into_inner();
        match &*text {
            "fail" => {
                let mut status = Status::not_found("there is no such text");
                status.metadata_mut().insert("reason", "none".parse().unwrap());
                Err(status)
            }
            "wait" => {
                let _guard = Guard(self.tell);
                pending().await
            }
            text => Ok(Response::new(text.to_uppercase())),
        }
    }

    /// The numbers up to that of the request, if it has one. A failure follows, or nothing ever.
    async fn count(self, request: tonic::Request<String>) -> Result<Messages> {
        let text = request.into_inner();
        let (number, then) = text.split_once(' ').unwrap_or((&text, ""));
        let number: u32 = number.parse().map_err(|_nan| Status::invalid_argument("no number"))?;
        let numbers = stream::iter(1..=number).map(|number| Ok(number.to_string()));
        let guard = Guard(self.tell);
        Ok(Response::new(match then {
            "fail" => numbers.chain(stream::iter([Err(Status::data_loss("it went wrong"))])).boxed(),
            "wait" => numbers.chain(stream::pending().map(move |never| (&guard, never).1)).boxed(),
            _ => numbers.boxed(),
        }))
    }

    /// All texts as one. It has enough after one that says so.
    async fn join(self, request: tonic::Request<Streaming<String>>) -> Result<String> {
        let mut messages = request.into_inner();
        let mut joined = String::new();
        while let Some(text) = messages.message().await? {
            if text == "enough" {
                return Err(Status::resource_exhausted("it is enough"));
            }
            joined += &text;
        }
        Ok(Response::new(joined))
    }

    /// Each text in capitals, as soon as it is there.
    async fn talk(self, request: tonic::Request<Streaming<String>>) -> Result<Messages> {
        Ok(Response::new(request.into_inner().map_ok(|text| text.to_uppercase()).boxed()))
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl Service<Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(Text);
            Ok(match request.uri().path() {
                "/test.Echo/Shout" => grpc.unary(service_fn(|call| echo.clone().shout(call)), request).await,
                "/test.Echo/Count" => grpc.server_streaming(service_fn(|call| echo.clone().count(call)), request).await,
                "/test.Echo/Join" => grpc.client_streaming(service_fn(|call| echo.clone().join(call)), request).await,
                "/test.Echo/Talk" => grpc.streaming(service_fn(|call| echo.clone().talk(call)), request).await,
                _ => Status::unimplemented("no such call").into_http(),
            })
        })
    }
}

/// Sends a notification when it is dropped.
struct Guard(UnboundedSender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _the_test_is_over = self.0.send(());
    }
}
