//! A server closes a connection when a request is sent on it again. What happens to that request?
//!
//! 1. The server answers the first request of every connection, reads the second, and closes. The client can send a GET again on a fresh connection
//!    (RFC 9110 §9.2.2). It cannot send a POST again: the caller should learn what is known of it.
//! 2. Requests in sequence should use one connection.
//!
//! ```text
//! cargo run --example stale_connection
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::{Method, Request, Response};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Service, ServiceExt};

const REQUESTS: usize = 100;
const IN_SEQUENCE: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let gets_are_answered = stale_connections().await?;
    let one_connection_is_enough = sequence().await?;
    if gets_are_answered && one_connection_is_enough { Ok(()) } else { Err("that is not as it should be".into()) }
}

/// Sends requests on dead connections. Returns whether this crate's client did what it promises.
async fn stale_connections() -> Result<bool, Box<dyn Error>> {
    println!("A server answers the first request of a connection, reads the second, and hangs up.\n");
    println!(
        "{:<32} {:>9} {:>9} {:>11}",
        format!("{REQUESTS} requests, in sequence"),
        "answered",
        "errors",
        "sent twice"
    );

    let server = Server::start(HangsUp::OnTheSecondRequest)?;
    row("GET,  hyper-util's client", &send(hyper_util_client(), Method::GET, REQUESTS, &server).await, &server);
    let server = Server::start(HangsUp::OnTheSecondRequest)?;
    let gets = send(our_client(), Method::GET, REQUESTS, &server).await;
    row("GET,  this crate's client", &gets, &server);

    let server = Server::start(HangsUp::OnTheSecondRequest)?;
    row("POST, hyper-util's client", &send(hyper_util_client(), Method::POST, REQUESTS, &server).await, &server);
    let server = Server::start(HangsUp::OnTheSecondRequest)?;
    let posts = send(our_client(), Method::POST, REQUESTS, &server).await;
    row("POST, this crate's client", &posts, &server);

    if let Some(error) = &posts.first_error {
        println!("\nThe first error of the last: {error}");
        println!("  is_closed_before_response: {}", error.is_closed_before_response());
        println!("  was_reused:                {}", error.was_reused());
        println!("  bytes_written:             {}", error.bytes_written());
        println!("  bytes_read:                {}", error.bytes_read());
    }
    println!(
        "\nWhy: that a connection is dead may show only when a request is on it. To send a GET again does no harm. A POST\n\
         may have been acted upon already, so it is an error that says so, and the decision is the caller's."
    );
    let posts_tell = posts.first_error.is_some_and(|error| error.is_closed_before_response() && error.was_reused());
    Ok(gets.errors == 0 && posts_tell && server.sent_twice() == 0)
}

/// Sends requests that need only one connection. Returns whether this crate's client made only one.
async fn sequence() -> Result<bool, Box<dyn Error>> {
    println!("\nA server keeps its connections, and gets {IN_SEQUENCE} requests, one after the other.\n");
    println!("{:<32} {:>11}", "", "connections");

    let server = Server::start(HangsUp::Never)?;
    send(hyper_util_client(), Method::GET, IN_SEQUENCE, &server).await;
    println!("{:<32} {:>11}", "hyper-util's client", server.connections());

    let server = Server::start(HangsUp::Never)?;
    let gets = send(our_client(), Method::GET, IN_SEQUENCE, &server).await;
    println!("{:<32} {:>11}", "this crate's client", server.connections());

    println!(
        "\nWhy: by the time that a caller of this crate's client has the end of a response, its connection is free again.\n\
         Where that is left to a task in the background, the next request may come first, and connect."
    );
    Ok(gets.errors == 0 && server.connections() == 1)
}

fn hyper_util_client() -> legacy::Client<HttpConnector, Full<Bytes>> {
    legacy::Client::builder(TokioExecutor::new()).build_http()
}

fn our_client() -> Client<HappyEyeballsConnector> {
    Client::new(HappyEyeballsConnector::new())
}

/// What became of the requests.
struct Tally<E> {
    answered: usize,
    errors: usize,
    first_error: Option<E>,
}

fn row<E>(name: &str, tally: &Tally<E>, server: &Server) {
    println!("{name:<32} {:>9} {:>9} {:>11}", tally.answered, tally.errors, server.sent_twice());
}

/// Sends `count` requests in sequence: each one when the response to the one before it has ended.
async fn send<C, B, E>(client: C, method: Method, count: usize, server: &Server) -> Tally<E>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>, Error = E> + Clone,
    B: Body,
{
    let mut tally = Tally { answered: 0, errors: 0, first_error: None };
    for number in 0..count {
        // The path tells the server which request it is.
        let uri = format!("http://{}/{number}", server.address).parse().expect("an address and a path make a URI");
        let body = if method == Method::POST { Bytes::from_static(b"an order") } else { Bytes::new() };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        // No client should need the time limit. It makes sure that the example ends.
        match tokio::time::timeout(Duration::from_secs(10), client.clone().oneshot(request)).await {
            Ok(Ok(response)) => match response.into_body().collect().await {
                Ok(_) => tally.answered += 1,
                Err(_) => tally.errors += 1,
            },
            Ok(Err(error)) => {
                tally.errors += 1;
                tally.first_error.get_or_insert(error);
            }
            Err(_elapsed) => tally.errors += 1,
        }
    }
    tally
}

/// A server that counts what it sees.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone, Copy, PartialEq)]
enum HangsUp {
    OnTheSecondRequest,
    Never,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// How often each path was asked for.
    requests: BTreeMap<String, usize>,
}

impl Server {
    /// Starts it, on threads of its own.
    fn start(hangs_up: HangsUp) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Seen>>::default();
        let seen_by_threads = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                note(&seen_by_threads).connections += 1;
                let seen = Arc::clone(&seen_by_threads);
                // If a client ends its connection, the server goes on with the others.
                thread::spawn(move || serve(&stream, hangs_up, &seen).ok());
            }
        });
        Ok(Self { address, seen })
    }

    fn connections(&self) -> usize {
        note(&self.seen).connections
    }

    /// How many requests arrived more than once.
    fn sent_twice(&self) -> usize {
        note(&self.seen).requests.values().filter(|&&times| times > 1).count()
    }
}

fn note(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: &TcpStream, hangs_up: HangsUp, seen: &Mutex<Seen>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut is_first = true;
    while let Some(path) = read_request(&mut reader)? {
        *note(seen).requests.entry(path).or_default() += 1;
        if !is_first && hangs_up == HangsUp::OnTheSecondRequest {
            return Ok(());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        is_first = false;
    }
    Ok(())
}

/// Reads a request to its end. Returns its path, or `None` if the client has closed.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    while !line.trim_end().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    Ok(Some(path))
}
