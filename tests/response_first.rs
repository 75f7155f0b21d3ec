//! The I/O wrapper alone, on real sockets: which of the two errors of a connection its reader gets, and which its writer.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::task::Poll;
use std::time::Duration;

use hyper_happy_eyeballs::response_first::{ResponseFirst, ResponseFirstLayer};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use support::origin::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream};
use tokio_test::task::spawn;
use tower::{Layer, ServiceExt, service_fn};

type Wrapped = ResponseFirst<TcpStream>;

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: a.example\r\n\r\n";
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nhost: a.example\r\nupgrade: echo\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 413 Content Too Large\r\n\r\nno";

/// A connection on which `request` has arrived, which has answered `response` and closed by a reset.
async fn reset(request: &[u8], response: &[u8]) -> Wrapped {
    let (mut client, mut server) = connected().await;
    client.write_all(request).await.unwrap();
    server.read_exact(&mut vec![0; request.len()]).await.unwrap();
    server.write_all(response).await.unwrap();
    arrives(&client, response.len()).await;
    SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    client.get_ref().ready(Interest::ERROR).await.unwrap();
    client
}

async fn connected() -> (Wrapped, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (ResponseFirst::new(client), listener.accept().await.unwrap().0)
}

/// Waits until so many bytes are there to be read.
async fn arrives(client: &Wrapped, bytes: usize) {
    let buffer = vec![std::mem::MaybeUninit::uninit(); bytes + 1];
    until(|| SockRef::from(client.get_ref()).peek(&mut buffer.clone()).unwrap_or(0) >= bytes).await;
}

/// What a reader gets until the end, and how that is.
async fn read_to_end(client: &mut Wrapped) -> (Vec<u8>, io::Result<()>) {
    let mut read = Vec::new();
    let end = client.read_to_end(&mut read).await;
    (read, end.map(drop))
}

#[tokio::test]
async fn a_write_after_the_reset_hides_neither_the_response_nor_that_it_was_cut_off() {
    let mut client = reset(REQUEST, RESPONSE).await;
    client.write_all(b"the rest").await.unwrap();
    client.flush().await.unwrap();
    assert!(client.handle().is_broken());
    let (read, end) = read_to_end(&mut client).await;
    assert_eq!((read.as_slice(), end.unwrap_err().kind()), (RESPONSE, ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_response_that_ended_before_the_reset_has_ended() {
    let (mut client, mut server) = connected().await;
    client.write_all(REQUEST).await.unwrap();
    server.write_all(RESPONSE).await.unwrap();
    server.shutdown().await.unwrap();
    arrives(&client, RESPONSE.len()).await;
    // Closed with something unread: now there is a reset as well.
    drop(server);
    while !client.handle().is_broken() {
        client.write_all(b"the rest").await.unwrap();
    }
    let (read, end) = read_to_end(&mut client).await;
    assert_eq!(read, RESPONSE);
    end.unwrap();
}

#[tokio::test]
async fn without_a_response_the_error_of_the_write_is_the_readers() {
    let mut client = reset(REQUEST, b"").await;
    client.write_all(b"the rest").await.unwrap();
    let (read, end) = read_to_end(&mut client).await;
    assert_eq!((read.len(), end.unwrap_err().kind()), (0, ErrorKind::ConnectionReset));
    // Now everybody knows.
    assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn an_upgraded_stream_gives_the_errors_as_they_come() {
    let mut client = reset(UPGRADE, SWITCHING).await;
    // It is an upgrade once the server has said so.
    client.read_exact(&mut vec![0; SWITCHING.len()]).await.unwrap();
    assert_eq!(client.write(b"hello").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(!client.handle().is_broken());
}

#[tokio::test]
async fn a_connection_that_was_disarmed_gives_the_errors_as_they_come() {
    let mut client = reset(REQUEST, RESPONSE).await;
    client.handle().disarm();
    assert_eq!(client.write(b"hello").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_connection_that_only_swallows_write_errors_does_so_though_it_was_disarmed() {
    let mut client = reset(REQUEST, RESPONSE).await;
    client.handle().disarm();
    client.handle().swallow_write_errors();
    client.write_all(b"the rest").await.unwrap();
    client.flush().await.unwrap();
    assert!(client.handle().is_broken());
    assert_eq!(client.handle().bytes_written(), REQUEST.len() as u64);
    let (read, end) = read_to_end(&mut client).await;
    assert_eq!((read.as_slice(), end.unwrap_err().kind()), (RESPONSE, ErrorKind::ConnectionReset));
}

/// Bytes that look like HTTP/1.1 are not HTTP/1.1: they begin no count, disarm nothing, and no write is delayed for a response.
#[tokio::test]
async fn a_connection_that_only_swallows_write_errors_knows_no_protocol() {
    let (mut client, mut server) = connected().await;
    client.handle().swallow_write_errors();
    for _ in 0..2 {
        client.write_all(UPGRADE).await.unwrap();
        server.write_all(SWITCHING).await.unwrap();
        client.read_exact(&mut vec![0; SWITCHING.len()]).await.unwrap();
    }
    assert_eq!(client.handle().bytes_written(), 2 * UPGRADE.len() as u64);
    server.read_exact(&mut vec![0; 2 * UPGRADE.len()]).await.unwrap();
    server.write_all(RESPONSE).await.unwrap();
    arrives(&client, RESPONSE.len()).await;
    let piece = vec![0; 64 * 1024];
    for _ in 0..16 {
        let written = spawn(client.write(&piece)).poll();
        let Poll::Ready(Ok(bytes)) = written else {
            panic!("a write waits for the answer to be read: {written:?}");
        };
        server.read_exact(&mut vec![0; bytes]).await.unwrap();
    }
    SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    client.get_ref().ready(Interest::ERROR).await.unwrap();
    client.write_all(b"the rest").await.unwrap();
    assert!(client.handle().is_broken());
}

#[tokio::test]
async fn the_connection_of_the_layer_can_be_told_what_to_do() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connect = service_fn(|()| async move { TcpStream::connect(address).await.map(TokioIo::new) });
    let mut connection = ResponseFirstLayer::new().layer(connect).oneshot(()).await.unwrap();
    assert!(!connection.handle().is_broken());
    connection.get_mut().inner().set_nodelay(true).unwrap();
    assert_eq!(connection.get_ref().inner().peer_addr().unwrap(), address);
    let (mut server, _) = listener.accept().await.unwrap();
    let mut stream = TokioIo::new(connection);
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut read = String::new();
    server.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "hello");
}

#[tokio::test]
async fn bytes_are_counted_from_the_head_of_the_request() {
    let (mut client, mut server) = connected().await;
    for _ in 0..2 {
        client.write_all(REQUEST).await.unwrap();
        server.write_all(RESPONSE).await.unwrap();
        client.read_exact(&mut vec![0; RESPONSE.len()]).await.unwrap();
        let (written, read) = (client.handle().bytes_written(), client.handle().bytes_read());
        assert_eq!((written, read), (REQUEST.len() as u64, RESPONSE.len() as u64));
    }
}

/// An answer that follows an informational response is read before more is written, as any other.
#[tokio::test]
async fn an_answer_is_asked_for_after_an_informational_response_as_well() {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let piece = vec![0; 64 * 1024];
    let (mut client, mut server) = connected().await;
    client.write_all(REQUEST).await.unwrap();
    server.write_all(CONTINUE).await.unwrap();
    client.read_exact(&mut vec![0; CONTINUE.len()]).await.unwrap();
    server.write_all(RESPONSE).await.unwrap();
    arrives(&client, RESPONSE.len()).await;
    let mut written = 0;
    while let Poll::Ready(bytes) = spawn(client.write(&piece)).poll() {
        written += bytes.unwrap();
        // Never for want of room.
        server.read_exact(&mut vec![0; piece.len()]).await.unwrap();
        assert!(written <= 512 * 1024, "the answer waits behind {written} bytes");
    }
    client.read_exact(&mut vec![0; RESPONSE.len()]).await.unwrap();
    client.write_all(&piece).await.unwrap();
}

/// Where it cannot be asked, the reader gets its turn now and then, after the runtime has looked at its sockets.
#[tokio::test]
async fn a_writer_that_never_waits_lets_the_reader_read() {
    let mut client = ResponseFirst::new(tokio::io::join(tokio::io::empty(), tokio::io::sink()));
    let piece = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        let mut write = spawn(client.write(&piece));
        let Poll::Ready(bytes) = write.poll() else {
            assert!(!write.is_woken(), "the runtime has not looked yet");
            tokio::task::yield_now().await;
            assert!(write.is_woken());
            break;
        };
        written += bytes.unwrap();
        assert!(written <= 512 * 1024, "no turn for the reader in {written} bytes");
    }
    client.write_all(&piece).await.unwrap();
}

/// Over loopback the system takes two megabytes for a peer that reads nothing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn of_a_long_request_little_is_left_to_the_system_that_it_cannot_send() {
    let (mut client, _server) = connected().await;
    let mut taken = 0;
    // The wrapper puts off a write now and then.
    for refused in 0..8 {
        while let Poll::Ready(written) = spawn(client.write(&[0; 64 * 1024])).poll() {
            taken += written.unwrap();
            assert!(taken < 1024 * 1024, "{taken} bytes, {refused} writes refused");
        }
        tokio::task::yield_now().await;
    }
    assert!(taken >= 256 * 1024, "{taken} bytes");
}
