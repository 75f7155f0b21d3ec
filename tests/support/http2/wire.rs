//! Reads and writes frames, over TCP or TLS.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::frame::Frame;

/// The server's end of a connection. It reads no byte beyond the requested frame, except for those that TLS reads.
pub(crate) struct Wire {
    transport: Transport,
    /// The part of the next frame that was read.
    partial: Vec<u8>,
    has_preface: bool,
}

pub(crate) enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl Wire {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport, partial: Vec::new(), has_preface: false }
    }

    /// Reads the connection preface (RFC 9113 §3.4), unless that was done. Cancel-safe.
    pub(crate) async fn preface(&mut self) -> io::Result<()> {
        if !self.has_preface {
            self.fill(PREFACE.len()).await?;
            if self.partial != PREFACE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "another preface"));
            }
            self.partial.clear();
            self.has_preface = true;
        }
        Ok(())
    }

    /// Reads a frame. Cancel-safe.
    pub(crate) async fn read(&mut self) -> io::Result<Frame> {
        self.preface().await?;
        self.fill(HEAD).await?;
        let head = &self.partial[..HEAD];
        let (kind, flags) = (head[3], head[4]);
        let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        self.fill(HEAD + len).await?;
        let payload = self.partial.split_off(HEAD);
        self.partial.clear();
        Ok(Frame { kind, flags, stream, payload })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let io = self.io();
        io.write_all(bytes).await?;
        io.flush().await
    }

    /// Waits until the client's system has acknowledged everything, since a reset discards unacknowledged bytes. Works only on Linux.
    pub(crate) async fn arrival(&self) -> io::Result<()> {
        let ports =
            [self.socket().local_addr()?, self.socket().peer_addr()?].map(|address| format!(":{:04X}", address.port()));
        loop {
            let sockets = std::fs::read_to_string("/proc/net/tcp")?;
            // The columns: a number, both addresses, the state, and how much is unacknowledged.
            let queue = sockets.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
                [_, local, remote, _, queues, ..] if local.ends_with(&ports[0]) && remote.ends_with(&ports[1]) => {
                    queues.split(':').next().map(str::to_owned)
                }
                _ => None,
            });
            match queue.as_deref() {
                Some("00000000") => return Ok(()),
                Some(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                None => return Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    /// Half-closes.
    pub(crate) async fn half_close(&mut self) -> io::Result<()> {
        self.io().shutdown().await
    }

    /// Sends the closing alert of TLS. Does nothing over TCP.
    pub(crate) async fn say_good_bye(&mut self) {
        if let Transport::Tls(stream) = &mut self.transport {
            let (_, tls) = stream.get_mut();
            tls.send_close_notify();
            // The client may have gone.
            stream.flush().await.ok();
        }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match &self.transport {
            Transport::Tcp(stream) => stream,
            Transport::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Reads until there are this many bytes.
    async fn fill(&mut self, len: usize) -> io::Result<()> {
        let mut buffer = vec![0; len.saturating_sub(self.partial.len()).min(BUFFER)];
        while self.partial.len() < len {
            let most = (len - self.partial.len()).min(BUFFER);
            match self.io().read(&mut buffer[..most]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.partial.extend_from_slice(&buffer[..read]),
            }
        }
        Ok(())
    }

    fn io(&mut self) -> &mut dyn Io {
        match &mut self.transport {
            Transport::Tcp(stream) => stream,
            Transport::Tls(stream) => stream,
        }
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The length of a frame's header.
const HEAD: usize = 9;
const BUFFER: usize = 64 * 1024;
