//! The socket below a connection: how the client finds that of a foreign type, and how a caller finds that of the crate's types.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the server of a test is a task of its own")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::client::{ClientError, Connector};
use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::response_first::{ResponseFirstHandle, ResponseFirstLayer, ResponseFirstStream, SocketBelow};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt, service_fn};

const RESPONSE: &[u8] = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno";

/// How much of a request the connection takes before its writes fail.
const TAKEN: usize = 16;

/// A connection whose writes fail once the response lies in the socket, and whose reads never end: only who asks the socket has the response.
struct Deaf {
    stream: TcpStream,
    taken: usize,
    shows_its_socket: bool,
}

impl Deaf {
    async fn connect(address: SocketAddr, shows_its_socket: bool) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await?, taken: 0, shows_its_socket })
    }
}

impl Connection for Deaf {
    fn connected(&self) -> Connected {
        let connected = self.stream.connected();
        if !self.shows_its_socket {
            return connected;
        }
        connected.extra(SocketBelow::new(|deaf: &Self| Some(&deaf.stream)))
    }
}

impl Read for Deaf {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl Write for Deaf {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let most = buf.len().min(TAKEN - self.taken);
        if most == 0 {
            ready!(self.stream.poll_read_ready(cx))?;
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.taken += most;
        Poll::Ready(Ok(most))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The address of a server that answers each connection once, and keeps it open: at once, or when the first byte of a request has come.
async fn server(waits_for_a_request: bool) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if waits_for_a_request {
                stream.read_u8().await.unwrap();
            }
            stream.write_all(RESPONSE).await.unwrap();
            open.push(stream);
        }
    });
    address
}

/// What a client has of a request over this connector: the body of the response, and whether the response knows of the socket.
async fn response(connector: impl Connector, uri: &str) -> Result<(Bytes, bool), ClientError> {
    let request = Request::post(uri).body(Full::new(Bytes::from_static(b"too much"))).unwrap();
    let response = Client::new(connector).request(request).await?;
    let knows_the_socket = response.extensions().get::<SocketBelow>().is_some();
    Ok((response.into_body().collect().await.unwrap().to_bytes(), knows_the_socket))
}

#[tokio::test]
async fn a_connection_of_a_foreign_type_that_shows_its_socket_loses_no_response() {
    let address = server(false).await;
    for shows in [true, false] {
        let uri = format!("http://{address}/");
        let attempt = service_fn(move |request: AttemptRequest| Deaf::connect(request.endpoint().address(), shows));
        let connector = HappyEyeballsConnector::builder().attempt(attempt);
        let responses = [
            response(service_fn(move |_: Uri| Deaf::connect(address, shows)), &uri).await,
            response(connector.clone().build().unwrap(), &uri).await,
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            response(connector.tls(hyper_happy_eyeballs::tls::TlsOptions::new()).build().unwrap(), &uri).await,
        ];
        for (place, response) in responses.into_iter().enumerate() {
            if shows {
                assert_eq!(response.unwrap(), (Bytes::from_static(b"no"), false), "{place}");
            } else {
                assert!(response.unwrap_err().is_closed_before_response(), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn under_another_client_a_connection_that_shows_its_socket_loses_no_response_either() {
    let address = server(false).await;
    for shows in [true, false] {
        let connector = service_fn(move |_: Uri| Box::pin(Deaf::connect(address, shows)));
        let client = legacy::Client::builder(TokioExecutor::new()).build(ResponseFirstLayer::new().layer(connector));
        let request = Request::post(format!("http://{address}/")).body(Full::new(Bytes::from_static(b"too much")));
        let response = client.request(request.unwrap()).await;
        assert_eq!(response.map(|response| response.status().as_u16()).ok(), shows.then_some(413));
    }
}

/// An extra of another connection is not asked: the connection around it may have changed the bytes.
#[tokio::test]
async fn the_socket_that_a_connection_within_shows_is_not_that_of_the_connection_around() {
    struct Around(Deaf);

    impl Connection for Around {
        fn connected(&self) -> Connected {
            self.0.connected()
        }
    }

    impl Read for Around {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl Write for Around {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    let address = server(false).await;
    let connector = service_fn(move |_: Uri| async move { Deaf::connect(address, true).await.map(Around) });
    assert!(response(connector, &format!("http://{address}/")).await.unwrap_err().is_closed_before_response());
}

#[tokio::test]
async fn the_handle_of_a_connection_is_in_the_responses_of_other_clients() {
    let address = server(true).await;
    let uri: Uri = format!("http://{address}/").parse().unwrap();
    let connector = ResponseFirstLayer::new().layer(HappyEyeballsConnector::new());
    let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector.clone());
    let response = client.get(uri.clone()).await.unwrap();
    let handle = response.extensions().get::<ResponseFirstHandle>().unwrap();
    assert!(handle.bytes_read() > 0);

    for response in [
        Client::new(connector).get(uri.clone()).await.unwrap(),
        Client::new(HappyEyeballsConnector::new()).get(uri).await.unwrap(),
    ] {
        assert!(response.extensions().get::<ResponseFirstHandle>().is_none());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_connection_shows_the_descriptor_of_the_connection_inside() {
    use std::os::fd::{AsFd, AsRawFd};

    fn descriptors(connection: &(impl AsFd + AsRawFd)) -> [i32; 2] {
        [connection.as_fd().as_raw_fd(), connection.as_raw_fd()]
    }

    let uri: Uri = format!("http://{}/", server(false).await).parse().unwrap();
    let stream = HappyEyeballsConnector::new().oneshot(uri.clone()).await.unwrap();
    let expected = [stream.get_ref().get_ref().as_raw_fd(); 2];
    assert_eq!(descriptors(stream.get_ref()), expected);
    assert_eq!(descriptors(&stream), expected);
    let stream = ResponseFirstStream::new(stream);
    assert_eq!(descriptors(&stream), expected);
    let _: TokioIo<HappyEyeballsStream<_>> = TokioIo::new(stream.into_inner());

    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    {
        let options = hyper_happy_eyeballs::tls::TlsOptions::new();
        let connector = HappyEyeballsConnector::builder().tls(options).build().unwrap();
        let stream = connector.oneshot(uri).await.unwrap();
        assert_eq!(descriptors(&stream), [stream.get_ref().get_ref().get_ref().as_raw_fd(); 2]);
    }
}
