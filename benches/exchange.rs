//! What a request costs beside hyper's bare connection, as counts: instructions by callgrind, so that they are the same on
//! every run.
//!
//! Each mode makes `GET`s with an answer of 13 bytes on one connection, at two lengths under valgrind; the difference
//! divided by the difference of the lengths is what a request costs, start-up cancelled out. The server is a process of its
//! own, and not counted. Fails if ours costs more than the limit; skipped with a word where there is no valgrind.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "hyper's bare connection is made to be spawned")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// The modes, and how many instructions each may cost for every hundred of the bare connection.
const MODES: [(&str, Option<u64>); 4] =
    [("bare connection", None), ("hyper-util", None), ("ours", Some(115)), ("ours, happy eyeballs", Some(117))];

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World!";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [flag] if flag == "--serve" => return serve(),
        [flag, mode, port, requests] if flag == "--request" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            return runtime.block_on(request(mode, port.parse().unwrap(), requests.parse().unwrap()));
        }
        _ => {}
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    let server = Server::start();
    let mut bare = None;
    for (mode, limit) in MODES {
        let instructions = (server.count(mode, 1_500) - server.count(mode, 500)) / 1_000;
        let percent = 100 * instructions / *bare.get_or_insert(instructions);
        println!("{mode:20} {instructions:6} instructions a request, {percent:3} % of the bare connection's");
        assert!(limit.is_none_or(|limit| percent <= limit), "the limit is {limit:?} %");
    }
}

struct Server {
    process: Child,
    port: String,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().to_owned() }
    }

    /// The instructions of a run of this program that makes so many requests.
    fn count(&self, mode: &str, requests: usize) -> u64 {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().unwrap())
            .args(["--request", mode, &self.port, &requests.to_string()])
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        let collected = report.lines().find_map(|line| line.split("Collected : ").nth(1));
        collected.unwrap_or_else(|| panic!("{report}")).trim().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Answers every head that comes in one piece, on one connection after the other.
fn serve() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut head = [0; 1024];
        while matches!(stream.read(&mut head), Ok(1..)) {
            stream.write_all(ANSWER).unwrap();
        }
    }
}

async fn request(mode: &str, port: u16, requests: usize) {
    let uri: Uri = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    match mode {
        "bare connection" => {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..requests {
                sender.ready().await.unwrap();
                let request = Request::get("/").header("host", "127.0.0.1").body(Empty::<Bytes>::new()).unwrap();
                read(sender.send_request(request).await.unwrap().into_body()).await;
            }
        }
        "hyper-util" => {
            let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
            for _ in 0..requests {
                read(client.get(uri.clone()).await.unwrap().into_body()).await;
            }
        }
        "ours" => {
            let client: Client<_, Empty<Bytes>> = Client::new(connector);
            for _ in 0..requests {
                read(client.get(uri.clone()).await.unwrap().into_body()).await;
            }
        }
        _ => {
            let client: Client<_, Empty<Bytes>> = Client::new(HappyEyeballsConnector::new());
            for _ in 0..requests {
                read(client.get(uri.clone()).await.unwrap().into_body()).await;
            }
        }
    }
}

async fn read<B: http_body::Body<Error: std::fmt::Debug>>(body: B) {
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 13);
}
