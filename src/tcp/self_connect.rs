//! A connection whose two ends are one socket is no connection.
//!
//! A TCP socket that connects to a port of its own machine on which nothing listens may be given that very port as its local one.
//! Then its SYN reaches itself, and the handshake succeeds (RFC 9293 §3.5, simultaneous open). Whoever believes that connection
//! reads back what it wrote, and keeps the port from the server that wants to listen there.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::options::platform;

/// The ports below are never chosen by the system as a local port.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// The port that a connection to `destination` would have at both ends, if that is possible. For all other connections no system
/// call is spent to see.
#[inline]
pub(super) fn possible_port(destination: &SocketAddr) -> Option<NonZeroU16> {
    let port = destination.port();
    let is_possible = port >= FIRST_UNPRIVILEGED_PORT && is_possible_above(destination);
    if is_possible { NonZeroU16::new(port) } else { None }
}

fn is_possible_above(destination: &SocketAddr) -> bool {
    let ip = destination.ip();
    // A loopback address is surely this machine. Any other may be.
    ip.is_loopback() || ip.is_unspecified() || platform::ephemeral_ports().contains(&destination.port())
}

/// An error if the two ends of `stream`, which is connected to `port`, are one socket.
pub(super) fn check(stream: &TcpStream, port: NonZeroU16) -> io::Result<()> {
    if !is_connected_to_itself(stream, port) {
        return Ok(());
    }
    // A reset leaves no TIME_WAIT, which would keep the port from the server. Without it the connection is closed all the same.
    let _ignored = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    Err(io::Error::new(
        io::ErrorKind::ConnectionRefused,
        "connection refused: nothing listens there, and the socket had connected to itself",
    ))
}

/// The other end's address is asked for only where the ports are the same. An error is that of a connection that has been reset
/// meanwhile, which is left to whoever reads it.
fn is_connected_to_itself(stream: &TcpStream, port: NonZeroU16) -> bool {
    let Ok(local) = stream.local_addr() else { return false };
    local.port() == port.get() && stream.peer_addr().is_ok_and(|peer| peer == local)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

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
            let error = check(&stream, possible_port(&address).unwrap()).unwrap_err();
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
        check(&stream, possible_port(&address).unwrap()).unwrap();
    }

    /// The same port at two addresses of one machine is two sockets.
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
        check(&watched(socket), possible_port(&address).unwrap()).unwrap();
    }

    #[test]
    fn only_a_port_that_a_local_socket_may_get_is_looked_at() {
        let port = |address: &str| possible_port(&address.parse().unwrap()).map(NonZeroU16::get);
        let ephemeral = *platform::ephemeral_ports().start();
        assert_eq!(port("127.0.0.1:80"), None);
        assert_eq!(port("127.0.0.1:1024"), Some(1024));
        assert_eq!(port("[::1]:8080"), Some(8080));
        assert_eq!(port("0.0.0.0:8080"), Some(8080));
        assert_eq!(port("192.0.2.1:443"), None);
        assert_eq!(port(&format!("192.0.2.1:{ephemeral}")), Some(ephemeral));
    }
}
