//! An attempt with a handshake after TCP: it reports its progress, which saves a second connection.
//!
//! The handshake of the server, a greeting, takes half a second, and the next attempt would start after 100 ms. An attempt that reports progress when
//! TCP is connected gets the time that it asks for. Without the report a second attempt starts, and the server makes two handshakes.
//!
//! ```text
//! cargo run --example handshake
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::{ConnectInfo, HappyEyeballsConnector};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};

/// How long the server takes for a handshake.
const SLOW: Duration = Duration::from_millis(500);
/// How long the attempt says that the handshake may take. A TLS client would estimate two round trips, which it knows from TCP.
const ESTIMATE: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut servers = JoinSet::new();
    let addresses = [serve(&mut servers).await?, serve(&mut servers).await?];

    for (says_so, attempts) in [(false, 2), (true, 1)] {
        let info = connect(addresses, says_so).await?;
        println!("{}", if says_so { "with a word of progress" } else { "without a word of progress" });
        for attempt in info.attempts() {
            println!("  after {:>3} ms: {attempt}", attempt.offset().as_millis());
        }
        assert_eq!(info.attempts().len(), attempts);
        assert_eq!(info.winner().endpoint().address(), addresses[0]);
    }
    Ok(())
}

async fn connect(addresses: [SocketAddr; 2], says_so: bool) -> Result<ConnectInfo, Box<dyn Error>> {
    let attempt = service_fn(move |request: AttemptRequest| async move {
        let stream = TcpStream::connect(request.endpoint().address()).await?;
        let handle = request.handle();
        if says_so {
            handle.progress(ESTIMATE);
        }
        // TLS would use the service record (RFC 9460), which is known from here on if the race waits for it.
        let admission = handle.admission().await.map_err(io::Error::other)?;
        assert!(admission.service().is_none(), "nobody has asked for service records");
        shake_hands(stream, request.host()).await
    });
    let connector = HappyEyeballsConnector::builder()
        .resolver(FixedResolver::new().with("slow.example", addresses))
        .attempt(attempt)
        .connection_attempt_delay(Duration::from_millis(100))
        .timeout(Duration::from_secs(10))
        .build()?;
    let connection = connector.oneshot("http://slow.example/".parse()?).await?;
    Ok(connection.info().clone())
}

/// Sends the host, as TLS does, and waits for the server's greeting.
async fn shake_hands(stream: TcpStream, host: &str) -> io::Result<BufStream<TcpStream>> {
    let mut stream = BufStream::new(stream);
    stream.write_all(format!("hello {host}\n").as_bytes()).await?;
    stream.flush().await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    if answer == format!("welcome to {host}\n") { Ok(stream) } else { Err(io::Error::other("it shakes no hands")) }
}

/// A server on a free port. Its connections end when `servers` is dropped.
async fn serve(servers: &mut JoinSet<()>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    servers.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(welcome(stream));
        }
    });
    Ok(address)
}

async fn welcome(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufStream::new(stream);
    let mut greeting = String::new();
    stream.read_line(&mut greeting).await?;
    sleep(SLOW).await;
    let host = greeting.strip_prefix("hello ").unwrap_or_default();
    stream.write_all(format!("welcome to {host}").as_bytes()).await?;
    stream.flush().await?;
    // Until the client has closed the connection.
    stream.read_line(&mut greeting).await.map(|_| ())
}
