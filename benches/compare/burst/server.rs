//! The server of a burst, in a process of its own: it counts its connections, and reports when all of them are closed.

use std::convert::Infallible;
use std::io::BufRead;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::Acceptor;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;

use crate::identity::{bytes_of, self_signed, text_of};

/// What the server has counted since the last report.
pub(super) struct Seen {
    /// TCP connections.
    pub(super) accepted: f64,
    /// Finished TLS handshakes.
    pub(super) shaken: f64,
    /// Connections with a request.
    pub(super) used: f64,
}

/// The server. It ends when this is dropped.
pub(super) struct Server {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pub(super) url: String,
    /// The certificate to trust.
    pub(super) root: CertificateDer<'static>,
}

/// How long connections may take to close when their client is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the server must be quiet after the last connection was closed: dials without a waiting request may go on.
const QUIET: Duration = Duration::from_millis(40);

impl Server {
    /// Starts a server that takes these protocols, and delays each handshake by this many milliseconds.
    pub(super) async fn start(alpn: &str, delay: u64) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(crate::child::arguments(&["burst", alpn, &delay.to_string()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = output.next_line().await.unwrap().unwrap();
        let (port, root) = said.split_once(' ').unwrap();
        let root = CertificateDer::from(bytes_of(root));
        Self { _process: process, input, output, url: format!("https://127.0.0.1:{port}/"), root }
    }

    /// Waits until all connections are closed, and says what there was.
    pub(super) async fn seen(&mut self) -> Result<Seen, String> {
        self.input.write_all(b"\n").await.map_err(|error| error.to_string())?;
        let said = timeout(PATIENCE, self.output.next_line()).await;
        let said = said.map_err(|_elapsed| "its connections stay open".to_owned())?;
        let said = said.unwrap().ok_or("the server has ended")?;
        let numbers: Vec<f64> = said.split(' ').map(|number| number.parse().unwrap()).collect();
        Ok(Seen { accepted: numbers[0], shaken: numbers[1], used: numbers[2] })
    }

    /// The certificate to trust, as text.
    pub(super) fn root_as_text(&self) -> String {
        text_of(&self.root)
    }
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    shaken: AtomicUsize,
    used: AtomicUsize,
    open: AtomicUsize,
}

/// Says its port and its certificate, serves, and for each line that it reads says what it has seen.
pub(crate) fn serve(alpn: &str, delay: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let counts = Arc::<Counts>::default();
    let (certificate, config) = self_signed("127.0.0.1", alpn.split(','));
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    println!("{} {}", listener.local_addr().unwrap().port(), text_of(&certificate));
    runtime.spawn(accept(listener, config, Duration::from_millis(delay), Arc::clone(&counts)));
    for line in std::io::stdin().lock().lines() {
        line.unwrap();
        runtime.block_on(all_closed(&counts));
        let numbers = [&counts.accepted, &counts.shaken, &counts.used].map(|count| count.swap(0, SeqCst).to_string());
        println!("{}", numbers.join(" "));
    }
}

async fn all_closed(counts: &Counts) {
    loop {
        let before = counts.accepted.load(SeqCst);
        sleep(QUIET).await;
        if counts.open.load(SeqCst) == 0 && counts.accepted.load(SeqCst) == before {
            return;
        }
    }
}

async fn accept(listener: TcpListener, config: Arc<ServerConfig>, delay: Duration, counts: Arc<Counts>) {
    while let Ok((stream, _)) = listener.accept().await {
        counts.accepted.fetch_add(1, SeqCst);
        counts.open.fetch_add(1, SeqCst);
        let (config, counts) = (Arc::clone(&config), Arc::clone(&counts));
        tokio::spawn(async move {
            // Clients close many connections in the middle of their handshake, which is not an error.
            let _ended = shake_hands(stream, config, delay, &counts).await;
            counts.open.fetch_sub(1, SeqCst);
        });
    }
}

async fn shake_hands(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    delay: Duration,
    counts: &Arc<Counts>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let stream = start.into_stream(config).await?;
    counts.shaken.fetch_add(1, SeqCst);
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (counts, requests) = (Arc::clone(counts), AtomicUsize::new(0));
    let service = service_fn(move |_: Request<Incoming>| {
        if requests.fetch_add(1, SeqCst) == 0 {
            counts.used.fetch_add(1, SeqCst);
        }
        async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"Hello, World!")))) }
    });
    if is_http2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await?;
    } else {
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?;
    }
    Ok(())
}
