//! Tests over real sockets: what can be read and is known after the peer has answered and reset the connection.

mod over_h2;
// These tests use ring.
#[cfg(feature = "tls-ring")]
mod over_tls;

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream};
use tokio_test::task::spawn;

use super::*;
use crate::client::http2::frames::tests::frame;

#[tokio::test]
async fn all_that_arrived_is_read_after_a_reset_in_the_middle_of_a_write() {
    let (client, mut server) = connected().await;
    let observed = Observed::new(None);
    let mut transport = Transport::new(client, Arc::clone(&observed));
    let watched = observed.register(1);
    fill(&mut transport).await;
    let (sent, answer) = (observed.bytes_written(), answer());
    assert!(sent > 0 && !observed.has_read() && !observed.is_write_broken());
    server.write_all(&answer).await.unwrap();
    arrives(transport.io.get_ref(), answer.len()).await;
    reset(server, transport.io.get_ref()).await;
    write_on(&mut transport).await;
    assert!(observed.is_write_broken());
    assert_eq!(observed.bytes_written(), sent);
    let (read, end) = read_to_end(&mut transport).await;
    assert_eq!((read, end), (answer, Err(ErrorKind::ConnectionReset)));
    assert!(watched.has_head() && watched.has_end());
    assert_eq!((watched.data(), observed.bytes_read()), (5, 9 + 1 + 9 + 5));
}

#[tokio::test]
async fn every_byte_that_was_taken_counts_and_vectored_writes_stay_vectored() {
    let (client, mut server) = connected().await;
    let observed = Observed::new(None);
    let mut transport = Transport::new(client, Arc::clone(&observed));
    assert!(transport.is_write_vectored());
    assert_eq!(transport.write_vectored(&[IoSlice::new(b"hello "), IoSlice::new(b"world")]).await.unwrap(), 11);
    assert_eq!(observed.bytes_written(), 11);
    transport.shutdown().await.unwrap();
    let mut read = String::new();
    server.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "hello world");
}

/// TLS may write before it reports an error, so a failed write counts as sent.
#[tokio::test]
async fn what_a_transport_may_have_sent_before_it_failed_counts_as_sent() {
    let broken = tokio_test::io::Builder::new().write_error(ErrorKind::BrokenPipe.into()).build();
    let observed = Observed::new(None);
    let mut transport = Transport::new(broken, Arc::clone(&observed));
    transport.write_all(b"hello").await.unwrap();
    assert!(observed.is_write_broken());
    assert_eq!(observed.bytes_written(), 5);
    transport.write_all(b"world").await.unwrap();
    assert_eq!(observed.bytes_written(), 5);
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// A complete answer on stream 1.
fn answer() -> Vec<u8> {
    [frame(1, 4, 1, &[0x88]), frame(0, 1, 1, b"hello")].concat()
}

/// Writes until the system takes no more.
async fn fill<T: AsyncWrite + Unpin>(transport: &mut Transport<T>) {
    while let Poll::Ready(written) = spawn(transport.write(&[0; 64 * 1024])).poll() {
        assert!(written.unwrap() > 0);
    }
}

/// Waits until `bytes` bytes can be read.
async fn arrives(client: &TcpStream, bytes: usize) {
    let mut buffer = vec![MaybeUninit::uninit(); bytes];
    while SockRef::from(client).peek(&mut buffer).unwrap_or(0) < bytes {
        tokio::task::yield_now().await;
    }
}

/// Resets the connection from the server's end, and waits until the client's system knows.
async fn reset(server: TcpStream, client: &TcpStream) {
    SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    client.ready(Interest::ERROR).await.unwrap();
}

/// Writes far more than any system takes.
async fn write_on<T: AsyncWrite + Unpin>(transport: &mut Transport<T>) {
    let piece = vec![0; 1024 * 1024];
    for _ in 0..32 {
        transport.write_all(&piece).await.unwrap();
        transport.flush().await.unwrap();
    }
}

/// Reads to the end. Returns what was read, and how the stream ended.
async fn read_to_end<T: AsyncRead + Unpin>(transport: &mut Transport<T>) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut read = Vec::new();
    let end = transport.read_to_end(&mut read).await;
    (read, end.map(drop).map_err(|error| error.kind()))
}
