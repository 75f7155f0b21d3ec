//! Detects a socket that has connected to itself.
//!
//! If a TCP socket connects to a port of its own machine on which nothing listens, the system may choose that same port as its local port. Then its
//! SYN reaches itself, and the handshake succeeds (RFC 9293 §3.5, simultaneous open). A client that uses such a connection reads what it has
//! written, and blocks the port for the server that wants to listen there.
//!
//! The check takes a system call. So it is made only for destinations that may be this machine, at ports that the system may choose.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::platform;

/// The system never chooses a lower port as a local port.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// A destination at which a socket might connect to itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    port: NonZeroU16,
    is_ipv6: bool,
}

impl Suspect {
    /// Returns `None` if a socket cannot connect to itself at `destination`.
    #[inline]
    pub(super) fn at(destination: &SocketAddr) -> Option<Self> {
        let port = NonZeroU16::new(destination.port()).filter(|port| port.get() >= FIRST_UNPRIVILEGED_PORT)?;
        let (is_ipv6, is_local) = match destination {
            SocketAddr::V6(v6) => (true, v6.ip().to_bits() <= Ipv6Addr::LOCALHOST.to_bits()),
            SocketAddr::V4(v4) => (false, v4.ip().is_loopback() || v4.ip().is_unspecified()),
        };
        // Any other address may be one of this machine too.
        let is_possible = is_local || platform::ephemeral_ports().contains(&port.get());
        is_possible.then_some(Self { port, is_ipv6 })
    }

    /// Checks `stream`, which is connected to this destination. It is an error if it is connected to itself.
    #[inline]
    pub(super) fn check(self, stream: &TcpStream) -> io::Result<()> {
        let is_same_port = platform::local_port(stream, self.is_ipv6) == Some(self.port.get());
        if is_same_port { look_at_both_ends(stream) } else { Ok(()) }
    }
}

/// If a system call fails here, the connection was reset since. That is left to the first read.
#[cold]
fn look_at_both_ends(stream: &TcpStream) -> io::Result<()> {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) if local == peer => {}
        _ => return Ok(()),
    }
    // After a reset there is no TIME_WAIT, which would block the port for the server. If this fails, the connection is closed in the ordinary way.
    let _ignored = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    Err(io::Error::new(
        io::ErrorKind::ConnectionRefused,
        "connection refused: nothing listens there, and the socket had connected to itself",
    ))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, TcpListener};

    use socket2::{Domain, Protocol, Socket, Type};

    use super::*;

    fn socket_at(ip: impl Into<IpAddr>) -> Option<(Socket, SocketAddr)> {
        let address = SocketAddr::new(ip.into(), 0);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).ok()?;
        // No IPv6 on this machine, perhaps.
        socket.bind(&address.into()).ok()?;
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Some((socket, address))
    }

    fn watched(socket: Socket) -> TcpStream {
        socket.set_nonblocking(true).unwrap();
        TcpStream::from_std(socket.into()).unwrap()
    }

    #[tokio::test]
    async fn a_socket_that_is_connected_to_itself_is_refused_and_leaves_its_port_free() {
        let (socket, address) = socket_at(Ipv4Addr::LOCALHOST).unwrap();
        let sockets = [Some((socket, address)), socket_at(Ipv6Addr::LOCALHOST)];
        for (socket, address) in sockets.into_iter().flatten() {
            socket.connect(&address.into()).unwrap();
            let stream = watched(socket);
            let error = Suspect::at(&address).unwrap().check(&stream).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            drop(stream);
            let server = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).unwrap();
            server.bind(&address.into()).unwrap();
            server.listen(1).unwrap();
        }
    }

    #[tokio::test]
    async fn a_connection_to_another_socket_passes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        Suspect::at(&address).unwrap().check(&stream).unwrap();
    }

    /// The same port at two addresses of one machine belongs to two sockets.
    #[tokio::test]
    async fn a_connection_between_two_addresses_with_one_port_passes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        let other = SocketAddr::new([127, 0, 0, 2].into(), address.port());
        if socket.bind(&other.into()).is_err() {
            // This system has no second loopback address.
            return;
        }
        socket.connect(&address.into()).unwrap();
        Suspect::at(&address).unwrap().check(&watched(socket)).unwrap();
    }

    #[test]
    fn only_a_port_that_a_local_socket_may_get_is_looked_at() {
        let possible = |address: &str| Suspect::at(&address.parse().unwrap()).is_some();
        let ephemeral = *platform::ephemeral_ports().start();
        assert!(possible("127.0.0.1:1024") && possible("[::1]:8080"));
        assert!(possible("[::]:8080") && possible("0.0.0.0:8080"));
        assert!(possible(&format!("192.0.2.1:{ephemeral}")));
        assert!(!possible("127.0.0.1:80") && !possible("192.0.2.1:443") && !possible("[2001:db8::1]:8080"));
    }
}
