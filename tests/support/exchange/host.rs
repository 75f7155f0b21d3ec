//! A listener with a thread and a runtime of its own, like a separate server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

/// Accepts connections, and numbers them from 1.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    /// The address from which the runner connects after the client is gone.
    last: Last,
    stop: Arc<Notify>,
    finished: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

type Last = Arc<Mutex<Option<SocketAddr>>>;

impl Host {
    /// Starts the listener. `serve` gets each connection; its result is kept until all connections have ended.
    pub(crate) fn start<F>(serve: impl Fn(usize, TcpStream) -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (last, stop) = (Last::default(), Arc::<Notify>::default());
        let (at_end, finished) = oneshot::channel();
        let thread = thread::spawn({
            let (last, stop) = (Arc::clone(&last), Arc::clone(&stop));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    tokio::select! {
                        () = accept_all(listener, &last, serve) => at_end.send(()).unwrap_or_default(),
                        () = stop.notified() => {}
                    }
                });
            }
        });
        Ok(Self { address, last, stop, finished, thread: Some(thread) })
    }

    /// Waits until every connection has finished its script. The client must be gone.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        // Connections are accepted in order: when this one is, all others have been.
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket.local_addr()?);
        drop(socket.connect(self.address).await?);
        (&mut self.finished).await.map_err(|_closed| io::Error::other("the server panicked"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic was reported already, unless this call stopped the thread.
            thread.join().unwrap_or_default();
        }
    }
}

async fn accept_all<F>(listener: std::net::TcpListener, last: &Last, serve: impl Fn(usize, TcpStream) -> F)
where
    F: Future<Output: Send> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    for id in 1.. {
        let (stream, peer) = listener.accept().await.unwrap();
        if *last.lock().unwrap_or_else(PoisonError::into_inner) == Some(peer) {
            break;
        }
        connections.spawn(serve(id, stream));
    }
    // Connections that a script leaves open stay open until all have ended.
    let mut open = Vec::new();
    while let Some(connection) = connections.join_next().await {
        open.push(connection.unwrap());
    }
}
