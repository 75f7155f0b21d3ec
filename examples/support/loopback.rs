//! Addresses on loopback that behave badly, made without a network and without privileges.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// An address that never answers, like a host behind a firewall that drops packets: a listener whose accept queue is full.
pub(crate) struct BlackHole {
    address: SocketAddr,
    /// The listener, and the connections that fill its queue.
    _sockets: Vec<Socket>,
}

impl BlackHole {
    /// Blocks for a moment, until the queue is full.
    pub(crate) fn new(ip: impl Into<IpAddr>) -> io::Result<Self> {
        let (listener, address) = bind(ip.into())?;
        listener.listen(0)?;
        let mut sockets = vec![listener];
        loop {
            let filler = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            let connected = filler.connect_timeout(&address.into(), Duration::from_millis(100)).is_ok();
            sockets.push(filler);
            if !connected {
                return Ok(Self { address, _sockets: sockets });
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// An address that refuses every connection: a port that is bound, so that no other process gets it, and has no listener.
pub(crate) struct ClosedPort {
    address: SocketAddr,
    _socket: Socket,
}

impl ClosedPort {
    pub(crate) fn new(ip: impl Into<IpAddr>) -> io::Result<Self> {
        let (socket, address) = bind(ip.into())?;
        Ok(Self { address, _socket: socket })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A socket bound to a free port of `ip`.
fn bind(ip: IpAddr) -> io::Result<(Socket, SocketAddr)> {
    let any_port = SocketAddr::new(ip, 0);
    let socket = Socket::new(Domain::for_address(any_port), Type::STREAM, None)?;
    socket.bind(&any_port.into())?;
    let address =
        socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not the address of an IP socket"))?;
    Ok((socket, address))
}
