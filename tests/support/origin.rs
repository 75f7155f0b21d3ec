//! Servers that count connections and bytes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Accepts every connection, reads it to its end, and counts.
#[derive(Debug)]
pub(crate) struct Origin {
    address: SocketAddr,
    counts: Arc<Counts>,
    /// Dropping the set stops accepting, and closes every connection.
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    ended: AtomicUsize,
    bytes: AtomicUsize,
}

impl Origin {
    pub(crate) async fn listen(ip: IpAddr) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept_all(listener, Arc::clone(&counts)));
        Self { address, counts, _tasks: tasks }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Returns how many bytes were received so far, over all connections.
    pub(crate) fn bytes(&self) -> usize {
        self.counts.bytes.load(Ordering::SeqCst)
    }

    /// Waits until this many connections have been accepted.
    pub(crate) async fn accepts(&self, connections: usize) {
        until(|| self.accepted() >= connections).await;
    }

    /// Waits until the peer has closed this many connections.
    pub(crate) async fn sees_closed(&self, connections: usize) {
        until(|| self.counts.ended.load(Ordering::SeqCst) >= connections).await;
    }
}

async fn accept_all(listener: TcpListener, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        counts.accepted.fetch_add(1, Ordering::SeqCst);
        connections.spawn(read_to_end(stream, Arc::clone(&counts)));
    }
}

async fn read_to_end(mut stream: TcpStream, counts: Arc<Counts>) {
    let mut buffer = [0; 1024];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
        counts.bytes.fetch_add(bytes, Ordering::SeqCst);
    }
    counts.ended.fetch_add(1, Ordering::SeqCst);
}

/// Lets other tasks run until `condition` holds, which it must within a minute.
#[track_caller]
pub(crate) fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..60_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!("waited in vain at {caller}");
    }
}
