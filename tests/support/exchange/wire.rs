//! Reads a connection exactly as far as the script says, since unread bytes matter.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;

/// The head of a request, up to the empty line. The kernel keeps what follows.
pub(crate) struct Head {
    /// The number in its path.
    pub(crate) request: usize,
    framing: Framing,
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Head {
    pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let text = read_through(stream, b"\r\n\r\n").await?;
        let mut lines = text.split("\r\n");
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let request = path.trim_start_matches('/').parse().map_err(nonsense)?;
        let mut framing = Framing::Length(0);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                framing = Framing::Length(value.trim().parse().map_err(nonsense)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                framing = Framing::Chunked;
            }
        }
        Ok(Self { request, framing })
    }

    /// Reads the whole body, which must be complete.
    pub(crate) async fn read_body(&self, stream: &mut TcpStream) -> io::Result<()> {
        match self.framing {
            Framing::Length(len) => skip(stream, len).await,
            Framing::Chunked => loop {
                let line = read_through(stream, b"\r\n").await?;
                let size = usize::from_str_radix(line.trim_end(), 16).map_err(nonsense)?;
                if size == 0 {
                    // Skips the trailers and the empty line after them.
                    while read_through(stream, b"\r\n").await? != "\r\n" {}
                    return Ok(());
                }
                skip(stream, size + 2).await?;
            },
        }
    }
}

/// Reads this many bytes.
pub(crate) async fn skip(stream: &mut TcpStream, len: usize) -> io::Result<()> {
    let mut left = len;
    let mut buffer = vec![0; left.min(BUFFER)];
    while left > 0 {
        let most = left.min(BUFFER);
        match stream.read(&mut buffer[..most]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => left -= read,
        }
    }
    Ok(())
}

/// Reads to the end. Returns the number of bytes, and how the connection ended.
pub(crate) async fn drain(stream: &mut TcpStream) -> (usize, &'static str) {
    let mut total = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return (total, "close"),
            Ok(read) => total += read,
            Err(_) => return (total, "reset"),
        }
    }
}

/// Reads until nothing has arrived for this time. Returns the number of bytes.
pub(crate) async fn lull(stream: &mut TcpStream, time: Duration) -> io::Result<usize> {
    let mut total = 0;
    let mut buffer = vec![0; BUFFER];
    while let Ok(read) = tokio::time::timeout(time, stream.read(&mut buffer)).await {
        match read? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => total += read,
        }
    }
    Ok(total)
}

/// Waits for the end without reading a byte.
pub(crate) async fn gone(stream: &TcpStream) -> io::Result<()> {
    loop {
        let ready = stream.ready(Interest::READABLE | Interest::ERROR).await?;
        if ready.is_read_closed() || ready.is_error() {
            return Ok(());
        }
        // The socket stays readable, so readiness cannot be awaited.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Reads up to and including `end`, and not a byte more.
async fn read_through(stream: &mut TcpStream, end: &[u8]) -> io::Result<String> {
    let mut buffer = vec![0; BUFFER];
    let mut seen = 0;
    let mut closed = false;
    loop {
        let there = stream.peek(&mut buffer).await?;
        if let Some(at) = buffer[..there].windows(end.len()).position(|window| window == end) {
            let mut text = vec![0; at + end.len()];
            stream.read_exact(&mut text).await?;
            return String::from_utf8(text).map_err(nonsense);
        }
        if there == 0 || there == BUFFER {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if there == seen {
            if closed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // There is no wake-up for bytes behind unread ones. Give them time.
            tokio::time::sleep(Duration::from_millis(1)).await;
            closed = stream.ready(Interest::READABLE).await?.is_read_closed();
        }
        seen = there;
    }
}

fn nonsense(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

const BUFFER: usize = 64 * 1024;
