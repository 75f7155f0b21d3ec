//! A connection whose two ends are one socket is no connection.
//!
//! A TCP socket that connects to a port of its own machine on which nothing listens may be given that very port as its local one.
//! Then its SYN reaches itself, and the handshake succeeds (RFC 9293 §3.5, simultaneous open). Whoever believes that connection
//! reads back what it wrote, and keeps the port from the server that wants to listen there.
//!
//! To see it takes a system call, which is saved wherever it can be:
//!
//! 1. Only a destination that may be this machine, at a port that the system may choose, is looked at.
//! 2. The last loopback port at which somebody was found to listen is not looked at again, until a connect to it fails. So the very
//!    first connect after that server has gone is the one that is not looked at; the system's choice has to meet the port just then.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::options::platform;

/// The ports below are never chosen by the system as a local port.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// For the whole process, as ports are for the whole machine.
static LISTENER: Listener = Listener::unknown();

/// A destination that a socket may reach itself at: the port, and the bits below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suspect(NonZeroU32);

/// It is `[::1]`. Without a bit it is `127.0.0.1`.
const V6: u32 = 1 << 16;
/// It is another address than these two, which [`Listener`] cannot remember.
const ELSEWHERE: u32 = 1 << 17;

impl Suspect {
    /// `None` if a socket cannot reach itself there.
    #[inline]
    pub(super) fn at(destination: &SocketAddr) -> Option<Self> {
        if destination.port() < FIRST_UNPRIVILEGED_PORT {
            return None;
        }
        let kind = match destination {
            SocketAddr::V4(v4) if *v4.ip() == Ipv4Addr::LOCALHOST => 0,
            SocketAddr::V6(v6) if v6.ip().to_bits() == Ipv6Addr::LOCALHOST.to_bits() => V6,
            _ if Self::is_likely(destination) => ELSEWHERE,
            _ => return None,
        };
        NonZeroU32::new(kind | u32::from(destination.port())).map(Self)
    }

    /// Any address may be this machine's.
    fn is_likely(destination: &SocketAddr) -> bool {
        let ip = destination.ip();
        ip.is_loopback() || ip.is_unspecified() || platform::ephemeral_ports().contains(&destination.port())
    }

    fn port(self) -> u32 {
        self.0.get() & u32::from(u16::MAX)
    }

    /// An error if the two ends of `stream`, which is connected to this destination, are one socket.
    #[inline]
    pub(super) fn check(self, stream: &TcpStream) -> io::Result<()> {
        if LISTENER.is_known_at(self) { Ok(()) } else { self.look_at(stream) }
    }

    /// A connect to this destination has failed.
    #[cold]
    pub(super) fn on_failure(self) {
        LISTENER.forget(self);
    }

    #[cold]
    fn look_at(self, stream: &TcpStream) -> io::Result<()> {
        if !self.is_own_end_of(stream) {
            LISTENER.remember(self);
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
    fn is_own_end_of(self, stream: &TcpStream) -> bool {
        let Ok(local) = stream.local_addr() else { return false };
        u32::from(local.port()) == self.port() && stream.peer_addr().is_ok_and(|peer| peer == local)
    }
}

/// The loopback port at which somebody was last found to listen: a [`Suspect`], or 0.
#[derive(Debug)]
struct Listener(AtomicU32);

impl Listener {
    const fn unknown() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline]
    fn is_known_at(&self, suspect: Suspect) -> bool {
        self.0.load(Ordering::Relaxed) == suspect.0.get()
    }

    fn remember(&self, suspect: Suspect) {
        if suspect.0.get() & ELSEWHERE == 0 {
            self.0.store(suspect.0.get(), Ordering::Relaxed);
        }
    }

    fn forget(&self, suspect: Suspect) {
        if self.is_known_at(suspect) {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, TcpListener};

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
            let error = Suspect::at(&address).unwrap().look_at(&stream).unwrap_err();
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
        Suspect::at(&address).unwrap().look_at(&stream).unwrap();
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
        Suspect::at(&address).unwrap().look_at(&watched(socket)).unwrap();
    }

    #[test]
    fn only_a_port_that_a_local_socket_may_get_is_looked_at() {
        let port = |address: &str| Suspect::at(&address.parse().unwrap()).map(Suspect::port);
        let ephemeral = *platform::ephemeral_ports().start();
        assert_eq!(port("127.0.0.1:80"), None);
        assert_eq!(port("127.0.0.1:1024"), Some(1024));
        assert_eq!(port("[::1]:8080"), Some(8080));
        assert_eq!(port("0.0.0.0:8080"), Some(8080));
        assert_eq!(port("192.0.2.1:443"), None);
        assert_eq!(port(&format!("192.0.2.1:{ephemeral}")), Some(ephemeral.into()));
    }

    #[test]
    fn a_port_at_which_somebody_listens_is_known_until_a_connect_to_it_fails() {
        let suspect = |address: &str| Suspect::at(&address.parse().unwrap()).unwrap();
        let [v4, v6, other] = ["127.0.0.1:8080", "[::1]:8080", "127.0.0.1:8081"].map(suspect);
        let listener = Listener::unknown();
        assert!(!listener.is_known_at(v4));
        listener.remember(v4);
        assert!(listener.is_known_at(v4) && !listener.is_known_at(v6) && !listener.is_known_at(other));
        listener.forget(other);
        assert!(listener.is_known_at(v4));
        listener.forget(v4);
        assert!(!listener.is_known_at(v4));
        listener.remember(v6);
        assert!(listener.is_known_at(v6) && !listener.is_known_at(v4));
    }

    #[test]
    fn an_address_that_is_not_loopback_is_looked_at_each_time() {
        let listener = Listener::unknown();
        let suspect = Suspect::at(&"0.0.0.0:8080".parse().unwrap()).unwrap();
        listener.remember(suspect);
        assert!(!listener.is_known_at(suspect));
    }
}
