//! A server that the test scripts: it reads and writes bytes on a socket, in the order of the test's statements.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Frame;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_happy_eyeballs::client::{Connector, ResponseBody};
use hyper_happy_eyeballs::{BoxError, Client, HappyEyeballsConnector};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The client under test, with its defaults.
pub(crate) fn client() -> Client<HappyEyeballsConnector> {
    Client::new(HappyEyeballsConnector::new())
}

pub(crate) struct Peer {
    listener: TcpListener,
}

impl Peer {
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn uri(&self, path: &str) -> Uri {
        format!("http://{}{path}", self.address()).parse().unwrap()
    }

    /// A connector that connects to this peer, whatever the URI.
    pub(crate) fn connector(&self) -> impl Connector + use<> {
        let address = self.address();
        tower::service_fn(move |_: Uri| async move { TcpStream::connect(address).await.map(TokioIo::new) })
    }

    /// The same, but its connections report that they are secure.
    pub(crate) fn secure_connector(&self) -> impl Connector + use<> {
        let address = self.address();
        tower::service_fn(move |_: Uri| async move { TcpStream::connect(address).await.map(Unknown::new) })
    }

    #[track_caller]
    pub(crate) fn accept(&self) -> impl Future<Output = Conn> {
        in_time(async {
            let (stream, _) = self.listener.accept().await.unwrap();
            Conn { stream, unread: Vec::new() }
        })
    }
}

/// A connection of a type that is unknown to the client, which cannot tell that the connection is bare TCP.
pub(crate) struct Unknown {
    io: TokioIo<TcpStream>,
    is_proxied: bool,
}

impl Unknown {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { io: TokioIo::new(stream), is_proxied: false }
    }

    /// The same connection, which reports that it goes through a proxy.
    pub(crate) fn proxied(self) -> Self {
        Self { is_proxied: true, ..self }
    }
}

impl Connection for Unknown {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_proxied)
    }
}

impl Read for Unknown {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Unknown {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The server's side of a connection.
pub(crate) struct Conn {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Conn {
    /// Reads the head of the next request.
    #[track_caller]
    pub(crate) fn head(&mut self) -> impl Future<Output = String> {
        in_time(async {
            let end = self.until(|bytes| bytes.windows(4).position(|end| end == b"\r\n\r\n")).await;
            let head = self.unread.drain(..end + 4).collect();
            String::from_utf8(head).unwrap()
        })
    }

    /// Reads up to the end of `last`. Returns the bytes read.
    #[track_caller]
    pub(crate) fn body(&mut self, last: &str) -> impl Future<Output = String> {
        in_time(async move {
            let matches = |bytes: &[u8]| bytes.windows(last.len()).position(|end| end == last.as_bytes());
            let end = self.until(matches).await + last.len();
            String::from_utf8(self.unread.drain(..end).collect()).unwrap()
        })
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        in_time(async move { self.stream.write_all(bytes.as_ref()).await.unwrap() })
    }

    /// Reads a request without a body, and answers it.
    #[track_caller]
    pub(crate) fn answer(&mut self, response: &str) -> impl Future<Output = String> {
        in_time(async move {
            let head = self.head().await;
            self.send(response).await;
            head
        })
    }

    /// Reads until the client has closed. Returns the bytes read.
    #[track_caller]
    pub(crate) fn rest(mut self) -> impl Future<Output = String> {
        in_time(async move {
            let mut buffer = [0; 4096];
            // A reset counts as a close.
            while let Ok(bytes @ 1..) = self.stream.read(&mut buffer).await {
                self.unread.extend_from_slice(&buffer[..bytes]);
            }
            String::from_utf8(self.unread).unwrap()
        })
    }

    /// Reads and sends `response` at the same time, until the client has closed.
    #[track_caller]
    pub(crate) fn rest_answering(mut self, response: &str) -> impl Future<Output = String> {
        in_time(async move {
            if let Ok(1..) = self.stream.read_buf(&mut self.unread).await {
                // The client may have closed.
                self.stream.write_all(response.as_bytes()).await.ok();
            }
            drop(self.stream.shutdown().await);
            self.rest().await
        })
    }

    /// Closes the connection by a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    async fn until(&mut self, position: impl Fn(&[u8]) -> Option<usize>) -> usize {
        loop {
            if let Some(position) = position(&self.unread) {
                return position;
            }
            let read = self.stream.read_buf(&mut self.unread).await.unwrap();
            assert!(read > 0, "the client has closed after {:?}", String::from_utf8_lossy(&self.unread));
        }
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Returns the value of a field of a head.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(never).boxed_unsync()
}

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(never).boxed_unsync()
}

fn never(never: Infallible) -> BoxError {
    match never {}
}

pub(crate) fn get(uri: Uri) -> Request<Body> {
    Request::get(uri).body(empty()).unwrap()
}

pub(crate) fn post(uri: Uri, body: Body) -> Request<Body> {
    Request::post(uri).body(body).unwrap()
}

/// A body whose frames the test sends through a channel.
pub(crate) fn fed() -> (mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>, Body) {
    struct Fed(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BoxError>>);

    impl hyper::body::Body for Fed {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            self.0.poll_recv(cx)
        }
    }

    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Fed(receiver).boxed_unsync())
}

pub(crate) fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

pub(crate) fn broken() -> Result<Frame<Bytes>, BoxError> {
    Err(io::Error::other("the disk is on fire").into())
}

/// Reads the body of a response, and its trailers.
#[track_caller]
pub(crate) fn read(response: Response<ResponseBody>) -> impl Future<Output = (String, Option<HeaderMap>)> {
    in_time(async {
        let body = response.into_body().collect().await.unwrap();
        let trailers = body.trailers().cloned();
        (String::from_utf8(body.to_bytes().to_vec()).unwrap(), trailers)
    })
}

/// Runs both sides at the same time.
#[track_caller]
pub(crate) fn both<S: Future, C: Future>(server: S, client: C) -> impl Future<Output = (S::Output, C::Output)> {
    in_time(async { tokio::join!(server, client) })
}

/// Panics after a time limit, which is long enough for a busy machine.
#[track_caller]
pub(crate) fn in_time<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = Location::caller();
    async move {
        let Ok(output) = tokio::time::timeout(Duration::from_secs(60), Box::pin(future)).await else {
            panic!("waited in vain at {caller}");
        };
        output
    }
}
