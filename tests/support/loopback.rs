//! Addresses to connect to that need no network and no privilege.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Returns `[::1]`, or the IPv4 address if the machine has no IPv6.
pub(crate) fn some_loopback() -> IpAddr {
    if has_ipv6() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() }
}

/// Whether IPv6 works on loopback. Prints a message if not, since a test then shows less.
pub(crate) fn has_ipv6() -> bool {
    let works = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !works {
        eprintln!("no IPv6 on this machine: what needs it is left out");
    }
    works
}

/// An address that drops every SYN: a listener whose accept queue is full.
#[derive(Debug)]
pub(crate) struct BlackHole {
    address: SocketAddr,
    /// The listener, and the connections that fill its queue.
    _sockets: Vec<Socket>,
}

impl BlackHole {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let listener = Socket::new(Domain::for_address((ip, 0).into()), Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::new(ip, 0).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut sockets = vec![listener];
        // The queue is full when a connect no longer completes.
        loop {
            let filler = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            let connected = filler.connect_timeout(&address.into(), Duration::from_millis(100)).is_ok();
            sockets.push(filler);
            if !connected {
                return Self { address, _sockets: sockets };
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// An address that refuses every connection: a port that is bound, so that nobody else gets it, without a listener.
#[derive(Debug)]
pub(crate) struct ClosedPort {
    address: SocketAddr,
    _socket: Socket,
}

impl ClosedPort {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let socket = Socket::new(Domain::for_address((ip, 0).into()), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(ip, 0).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { address, _socket: socket }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
