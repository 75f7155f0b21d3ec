//! Servers in threads of their own, which follow a test's function exactly.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::Uri;
use rustls::{ServerConfig, ServerConnection};
use tokio::runtime::Builder;

/// Calls a function with each connection, in threads of its own. A panic there fails the test.
///
/// Must be made before the client: dropping it waits until every connection is served. Wait first for connections that another task closes.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptors: Vec<JoinHandle<()>>,
}

struct Shared {
    accepted: AtomicUsize,
    open: Arc<AtomicUsize>,
    stopped: AtomicBool,
    connections: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// Serves as many connections at a time as there are `threads`.
    pub(crate) fn with_threads(threads: usize, serve: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        let serve = Arc::new(serve);
        Self::start(threads, move |_, peer| serve(peer))
    }

    /// Serves each connection in a thread of its own.
    pub(crate) fn start_one_for_each(serve: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        let serve = Arc::new(serve);
        Self::start(1, move |shared, peer| {
            let serve = Arc::clone(&serve);
            let thread = std::thread::spawn(move || serve(peer));
            let mut connections = shared.connections.lock().unwrap();
            connections.push(thread);
            if connections.len() >= 256 {
                let (ended, running) = connections.drain(..).partition(JoinHandle::is_finished);
                *connections = running;
                join(ended);
            }
        })
    }

    fn start(threads: usize, on_accept: impl Fn(&Shared, Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            accepted: AtomicUsize::new(0),
            open: Arc::default(),
            stopped: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let on_accept = Arc::new(on_accept);
        let acceptors = (0..threads).map(|_| {
            let (listener, shared) = (listener.try_clone().unwrap(), Arc::clone(&shared));
            let on_accept = Arc::clone(&on_accept);
            std::thread::spawn(move || {
                while let (Ok((stream, _)), false) = (listener.accept(), shared.stopped.load(SeqCst)) {
                    let open = Open::count(&shared.open);
                    let number = shared.accepted.fetch_add(1, SeqCst);
                    on_accept(&shared, Peer::new(stream, number, open));
                }
            })
        });
        Self { address, acceptors: acceptors.collect(), shared }
    }

    pub(crate) fn uri(&self, path: impl std::fmt::Display) -> Uri {
        format!("http://{}/{path}", self.address).parse().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(SeqCst)
    }

    /// Returns how many connections are being served.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        for _ in &self.acceptors {
            drop(TcpStream::connect(self.address));
        }
        if std::thread::panicking() {
            return;
        }
        // The threads that start others are joined first.
        join(self.acceptors.drain(..).collect());
        join(self.shared.connections.lock().unwrap().drain(..).collect());
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("a thread of the server panicked");
    }
}

/// The server's end of a connection. Dropping it closes it.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    /// How many connections were accepted before it.
    pub(crate) number: usize,
    /// Bytes that were read and not yet used.
    buffer: Vec<u8>,
    /// `None` without TLS.
    tls: Option<Box<ServerConnection>>,
    /// Dropped when the stream is.
    _open: Open,
}

struct Open(Arc<AtomicUsize>);

impl Open {
    fn count(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Head(String);

impl Head {
    pub(crate) fn method(&self) -> &str {
        self.0.split(' ').next().unwrap()
    }

    /// Returns the path without its slash.
    pub(crate) fn path(&self) -> &str {
        self.0.split(' ').nth(1).unwrap().strip_prefix('/').unwrap()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.0.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Peer {
    fn new(stream: TcpStream, number: usize, open: Open) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream, number, buffer: Vec::new(), tls: None, _open: open }
    }

    /// Makes a TLS handshake, and uses TLS from then on. `None` if the client has gone before.
    pub(crate) fn over_tls(mut self, config: &Arc<ServerConfig>) -> Option<Self> {
        let mut tls = ServerConnection::new(Arc::clone(config)).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut self.stream).ok()?;
        }
        // Sends TLS's own messages after the handshake, such as session tickets.
        self.tls = Some(Box::new(tls));
        self.flush().ok()?;
        Some(self)
    }

    /// Returns the session, if there is TLS.
    pub(crate) fn tls(&mut self) -> Option<&mut ServerConnection> {
        self.tls.as_deref_mut()
    }

    /// Sends pending TLS records.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut self.stream)?;
        }
        Ok(())
    }

    /// Sends the alert that closes a session of TLS (RFC 8446 §6.1), if there is one.
    pub(crate) fn send_closing_alert(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        // The client may have gone.
        self.flush().ok();
    }

    /// Half-closes; over TLS with the closing alert.
    pub(crate) fn end_writing(&mut self) {
        self.send_closing_alert();
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Reads the head of the next request. `None` if the client has gone.
    pub(crate) fn head(&mut self) -> Option<Head> {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            if let Some(end) = self.buffer.windows(END.len()).position(|window| window == END) {
                let head = self.buffer.drain(..end + END.len()).collect();
                return Some(Head(String::from_utf8(head).unwrap()));
            }
            self.read_more()?;
        }
    }

    /// Reads the next request, and discards its body. `None` if the client has gone.
    pub(crate) fn request(&mut self) -> Option<Head> {
        let head = self.head()?;
        self.skip_body(&head)?;
        Some(head)
    }

    /// Reads and discards the body of a request.
    pub(crate) fn skip_body(&mut self, head: &Head) -> Option<()> {
        if let Some(length) = head.field("content-length") {
            self.skip(length.parse().unwrap())?;
        } else if head.field("transfer-encoding").is_some() {
            // No body in these tests contains this. The next request may follow it.
            const END: &[u8] = b"0\r\n\r\n";
            loop {
                let end = self.buffer.windows(END.len()).position(|window| window == END);
                if let Some(end) = end {
                    self.buffer.drain(..end + END.len());
                    break;
                }
                let kept = self.buffer.len().saturating_sub(END.len());
                self.buffer.drain(..kept);
                self.read_more()?;
            }
        }
        Some(())
    }

    /// Reads this many bytes. `None` if the client has gone.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.read_more()?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// Whether there are bytes that were read and not yet used.
    pub(crate) fn has_buffered(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Reads and discards this many bytes.
    pub(crate) fn skip(&mut self, mut length: usize) -> Option<()> {
        loop {
            let taken = length.min(self.buffer.len());
            self.buffer.drain(..taken);
            length -= taken;
            if length == 0 {
                return Some(());
            }
            self.read_more()?;
        }
    }

    /// Waits for the first bytes without reading them. `false` if the client has gone.
    pub(crate) fn peek(&self) -> bool {
        self.ended(self.stream.peek(&mut [0])).is_some()
    }

    /// Returns how many bytes have arrived unread, encrypted or not.
    pub(crate) fn arrived(&self) -> usize {
        const MOST: usize = 8 * 1024 * 1024;
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut vec![0; MOST]);
        self.stream.set_nonblocking(false).unwrap();
        // Nothing has arrived, or nothing will.
        peeked.unwrap_or(0)
    }

    /// Sends bytes. Returns whether the system took all of them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match &mut self.tls {
            None => self.stream.write_all(bytes.as_ref()).is_ok(),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).write_all(bytes.as_ref()).is_ok(),
        }
    }

    /// Reads to the end or a reset. Returns how many bytes there were.
    pub(crate) fn drain(&mut self) -> usize {
        let mut bytes = self.buffer.len();
        loop {
            self.buffer.clear();
            let Some(more) = self.read_more() else { return bytes };
            bytes += more;
        }
    }

    /// Sends bytes over TLS and raw bytes after them, in one segment.
    pub(crate) fn send_with(&mut self, bytes: impl AsRef<[u8]>, raw: &[u8]) {
        let tls = self.tls.as_mut().unwrap();
        tls.writer().write_all(bytes.as_ref()).unwrap();
        let mut wire = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut wire).unwrap();
        }
        wire.extend_from_slice(raw);
        self.stream.write_all(&wire).unwrap();
    }

    /// Returns the result of a read after the client has gone: no bytes, if it closed in order.
    pub(crate) fn last_read(&mut self) -> std::io::Result<usize> {
        match &mut self.tls {
            None => self.stream.read(&mut [0]),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).read(&mut [0]),
        }
    }

    /// Reads to the end or a reset without decrypting. Returns how many bytes there were.
    pub(crate) fn drain_wire(&mut self) -> usize {
        self.tls = None;
        self.buffer.clear();
        self.drain()
    }

    /// As `drain_wire`, 16 KiB at a time with a pause of a millisecond.
    pub(crate) fn drain_wire_slowly(&mut self) -> usize {
        self.tls = None;
        let mut bytes = 0;
        while let Some(more) = self.read_more() {
            bytes += more;
            self.buffer.clear();
            std::thread::sleep(Duration::from_millis(1));
        }
        bytes
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits until the client has closed or reset, even with unread bytes here. `false` if it does not.
    #[cfg(target_os = "linux")]
    pub(crate) fn sees_the_client_go(&self) -> bool {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let stream = self.stream.try_clone().unwrap();
        stream.set_nonblocking(true).unwrap();
        let gone = runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            // Only this readiness comes with the end of reading and not with readable bytes.
            let gone = stream.ready(tokio::io::Interest::PRIORITY);
            tokio::time::timeout(Duration::from_secs(5), gone).await
        });
        self.stream.set_nonblocking(false).unwrap();
        gone.is_ok_and(|ready| ready.unwrap().is_read_closed())
    }

    /// Reads more. Returns how many bytes, or `None` if the client has gone.
    fn read_more(&mut self) -> Option<usize> {
        let mut bytes = [0; 16 * 1024];
        let read = match &mut self.tls {
            None => self.stream.read(&mut bytes),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).read(&mut bytes),
        };
        let read = self.ended(read)?;
        self.buffer.extend_from_slice(&bytes[..read]);
        Some(read)
    }

    fn ended(&self, read: std::io::Result<usize>) -> Option<usize> {
        match read {
            Ok(0) => None,
            Ok(read) => Some(read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("connection {} was left open for a minute", self.number)
            }
            Err(_) => None,
        }
    }
}
