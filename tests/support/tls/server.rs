//! A server on loopback.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::conduct::Conduct;
use super::seen::Seen;

/// A server that treats every connection alike. Derefs to what it has seen.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    /// Dropping the set stops accepting, and closes every connection.
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn listen(ip: IpAddr, conduct: Conduct) -> Self {
        Self::listen_after(conduct.clone(), ip, conduct).await
    }

    /// Treats the first connection differently.
    pub(crate) async fn listen_after(first: Conduct, ip: IpAddr, conduct: Conduct) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept_all(listener, first, conduct, Arc::clone(&seen)));
        Self { address, seen, _tasks: tasks }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Deref for Server {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

async fn accept_all(listener: TcpListener, mut next: Conduct, conduct: Conduct, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        seen.on_accepted();
        let (this, seen) = (mem::replace(&mut next, conduct.clone()), Arc::clone(&seen));
        connections.spawn(async move { this.run(stream, &seen).await });
        // Finished tasks are removed from the set.
        while connections.try_join_next().is_some() {}
    }
}
