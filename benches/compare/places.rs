//! Lists of addresses to connect to, which need neither a network nor privileges.
//!
//! All addresses of a list have one port, as a name's have, since some peers can be given a list of addresses but not of ports.
//! An address that swallows every SYN is a listener whose accept queue is full; one that refuses is bound, so that nobody else gets
//! it, and does not listen.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// What happens to a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepts,
    Swallows,
    Refuses,
}

/// A name's addresses, and what is behind them.
pub(crate) struct Places {
    pub(crate) port: u16,
    pub(crate) addresses: Vec<IpAddr>,
    _sockets: Vec<Socket>,
    closed: Arc<AtomicBool>,
    listeners: Vec<SocketAddr>,
}

/// `[::1]`
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// `127.0.0.1`, `127.0.0.2` and so on: all of them are this machine.
pub(crate) fn v4(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, number).into()
}

impl Places {
    /// Makes them, or says why this machine cannot.
    pub(crate) fn new(list: &[(IpAddr, Fate)]) -> Result<Self, String> {
        // A port that is free at the first address is nearly always free at the others.
        let mut problem = None;
        for _ in 0..50 {
            match Self::at_one_port(list) {
                Ok(places) => return Ok(places),
                Err(error) => problem = Some(error),
            }
        }
        Err(format!("this machine lacks an address of the list: {}", problem.unwrap()))
    }

    fn at_one_port(list: &[(IpAddr, Fate)]) -> std::io::Result<Self> {
        let mut port = 0;
        let mut bound = Vec::new();
        for (ip, _) in list {
            let socket = Socket::new(Domain::for_address((*ip, 0).into()), Type::STREAM, None)?;
            socket.bind(&SocketAddr::new(*ip, port).into())?;
            port = socket.local_addr()?.as_socket().unwrap().port();
            bound.push(socket);
        }
        let closed = Arc::new(AtomicBool::new(false));
        let mut listeners = Vec::new();
        let mut sockets = Vec::new();
        for (socket, (ip, fate)) in bound.into_iter().zip(list) {
            let address = SocketAddr::new(*ip, port);
            match fate {
                Fate::Refuses => sockets.push(socket),
                Fate::Swallows => {
                    socket.listen(0)?;
                    sockets.push(socket);
                    sockets.append(&mut fill(address)?);
                }
                Fate::Accepts => {
                    socket.listen(4096)?;
                    listeners.push(address);
                    let closed = Arc::clone(&closed);
                    std::thread::spawn(move || accept(&socket.into(), &closed));
                }
            }
        }
        let addresses = list.iter().map(|(ip, _)| *ip).collect();
        Ok(Self { port, addresses, _sockets: sockets, closed, listeners })
    }

    pub(crate) fn sockets(&self) -> Vec<SocketAddr> {
        self.addresses.iter().map(|ip| SocketAddr::new(*ip, self.port)).collect()
    }

    /// The first that accepts.
    pub(crate) fn good(&self) -> Option<SocketAddr> {
        self.listeners.first().copied()
    }

    /// The addresses, as a list with commas.
    pub(crate) fn listed(&self) -> String {
        self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn uri(&self) -> http::Uri {
        format!("http://peer.example:{}/", self.port).parse().unwrap()
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        for listener in &self.listeners {
            drop(std::net::TcpStream::connect(listener));
        }
    }
}

/// Fills the accept queue of a listener: until a connect no longer completes.
fn fill(address: SocketAddr) -> std::io::Result<Vec<Socket>> {
    let mut fillers = Vec::new();
    loop {
        let filler = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        let connected = filler.connect_timeout(&address.into(), Duration::from_millis(100)).is_ok();
        fillers.push(filler);
        if !connected {
            return Ok(fillers);
        }
    }
}

/// Answers one request of each connection, for the peers that cannot connect without one.
fn accept(listener: &TcpListener, closed: &AtomicBool) {
    while let (Ok((mut stream, _)), false) = (listener.accept(), closed.load(Ordering::SeqCst)) {
        // Most only connect, and are gone.
        let _gone = stream.set_read_timeout(Some(Duration::from_millis(100)));
        if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
            let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    }
}

/// Closes without leaving a port in TIME_WAIT.
pub(crate) fn close_by_reset(stream: &tokio::net::TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}
