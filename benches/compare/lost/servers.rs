//! Servers that close at the worst moment, in threads of this process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What a server does with its connections.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manners {
    /// Answers each request.
    Keeps,
    /// Answers three, and closes a little later without a word: after a time that is another for each connection.
    ClosesUnannounced,
    /// Answers one, reads another, and closes.
    HangsUpOnTheSecond,
    /// Says 413 to what it has not read, and closes.
    RefusesUploads,
}

/// Serves until the process ends.
pub(super) struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(super) fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let number = count.fetch_add(1, Ordering::SeqCst);
                // How a connection ends is the client's affair.
                thread::spawn(move || serve(&stream, manners, number).ok());
            }
        });
        Self { address, connections }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How many there have been.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: &TcpStream, manners: Manners, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if matches!(manners, Manners::RefusesUploads) {
        stream.peek(&mut [0])?;
        return stream
            .write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large");
    }
    let mut reader = BufReader::new(stream);
    let mut answered = 0;
    while read_request(&mut reader)? {
        match (manners, answered) {
            (Manners::HangsUpOnTheSecond, 1) => return Ok(()),
            (Manners::ClosesUnannounced, 2) => {
                stream.write_all(ANSWER)?;
                spin(Duration::from_micros(10 * (number % 16) as u64));
                return Ok(());
            }
            _ => stream.write_all(ANSWER)?,
        }
        answered += 1;
    }
    Ok(())
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Waits more exactly than a sleep does.
fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Reads a request to its end. Returns whether there was one.
fn read_request(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut length = 0;
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    while !line.trim_end().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(true)
}
