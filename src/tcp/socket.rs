//! Opens a socket and sets its options, before it is connected.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU32;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive};
use tokio::net::TcpStream;
use tracing::{debug, warn};

use super::options::TcpOptions;
use super::{platform, steps};
use crate::outcome::AttemptError;
use crate::race::Family;

impl TcpOptions {
    /// Opens a non-blocking socket for `destination`, sets its options, and binds it if there is a local address.
    pub(super) fn open(&self, destination: SocketAddr) -> Result<Socket, AttemptError> {
        let failed = |step| move |error: io::Error| AttemptError::new(error).at_step(step).unsent();

        let socket = platform::nonblocking_socket(Domain::for_address(destination), Protocol::TCP)
            .map_err(failed(steps::OPEN))?;
        self.tune(&socket);
        self.place(&socket, destination)?;
        Ok(socket)
    }

    /// Sets the options that decide which way packets to `destination` take. If one fails, so does the attempt.
    #[inline]
    pub(super) fn place(&self, socket: &Socket, destination: SocketAddr) -> Result<(), AttemptError> {
        let failed = |step| move |error: io::Error| AttemptError::new(error).at_step(step).unsent();

        if let Some(name) = &self.interface {
            platform::bind_interface(socket, name, destination).map_err(failed(steps::INTERFACE))?;
        }
        if let Some(mark) = self.mark {
            platform::set_mark(socket, mark).map_err(failed(steps::MARK))?;
        }
        if let Some(local) = self.local_address_for(destination).map_err(failed(steps::NO_LOCAL_ADDRESS))? {
            platform::choose_port_late(socket);
            socket.bind(&local.into()).map_err(failed(steps::LOCAL_ADDRESS))?;
        }
        Ok(())
    }

    /// Sets the options whose failure is only a warning.
    fn tune(&self, socket: &Socket) {
        if let Some(keepalive) = self.keepalive() {
            warn_of("keepalive", SockRef::from(socket).set_tcp_keepalive(&keepalive));
        }
        if let Some(timeout) = self.user_timeout {
            warn_of("user_timeout", platform::set_user_timeout(socket, timeout));
        }
        if self.reuse_address {
            warn_of("reuse_address", socket.set_reuse_address(true));
        }
        if let Some(bytes) = self.send_buffer_size {
            warn_of("send_buffer_size", socket.set_send_buffer_size(bytes));
        }
        if let Some(bytes) = self.receive_buffer_size {
            warn_of("receive_buffer_size", socket.set_recv_buffer_size(bytes));
        }
    }

    fn keepalive(&self) -> Option<TcpKeepalive> {
        if self.keepalive_time.is_none() && self.keepalive_interval.is_none() && self.keepalive_retries.is_none() {
            return None;
        }
        let mut keepalive = TcpKeepalive::new();
        if let Some(time) = self.keepalive_time {
            keepalive = keepalive.with_time(time);
        }
        Some(platform::with_keepalive_probes(keepalive, self.keepalive_interval, self.keepalive_retries))
    }

    /// Returns the address to bind to, if there is one, with port 0. It is an error if there is one for the other family only.
    fn local_address_for(&self, destination: SocketAddr) -> io::Result<Option<SocketAddr>> {
        let (own, family) = match destination {
            SocketAddr::V4(_) => (self.local_address_v4.map(|ip| SocketAddr::new(ip.into(), 0)), Family::V4),
            SocketAddr::V6(to) => (self.local_address_v6.map(|ip| self.scoped(ip, &to)), Family::V6),
        };
        if own.is_none() && !self.local_families().contains(family) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(own.or_else(|| platform::must_bind().then(|| SocketAddr::new(unspecified(family), 0))))
    }

    /// Adds a scope to a link-local address, which is an address of one interface: that of the options, or else that of the destination.
    fn scoped(&self, ip: Ipv6Addr, destination: &SocketAddrV6) -> SocketAddr {
        let scope_id = self.local_scope_id.map_or_else(|| destination.scope_id(), NonZeroU32::get);
        SocketAddrV6::new(ip, 0, 0, if ip.is_unicast_link_local() { scope_id } else { 0 }).into()
    }
}

/// Sets `TCP_NODELAY` on a connection that is established, so that attempts which lose do not make the system call.
pub(super) fn set_nodelay(stream: &TcpStream) {
    warn_of("nodelay", stream.set_nodelay(true));
}

/// Whether the peer has sent something and then reset the connection, before the runtime has noticed that it is established. If so, the handshake has
/// succeeded, and the data can be read.
#[cold]
pub(super) fn was_answered(stream: &TcpStream, error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        && SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]).is_ok_and(|bytes| bytes > 0)
}

/// Logs the failure of an option that is not essential.
fn warn_of(option: &'static str, result: io::Result<()>) {
    if let Err(error) = result {
        // If the system does not have the option, an operator can do nothing about it: no warning.
        match error.kind() {
            io::ErrorKind::Unsupported => debug!(option, %error, "a socket option could not be set"),
            _ => warn!(option, %error, "a socket option could not be set"),
        }
    }
}

fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_destination_that_no_local_address_matches_sends_nothing() {
        let options = TcpOptions::new().local_address(Ipv4Addr::LOCALHOST);
        let error = options.open("[::1]:80".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "no local address to bind to");
        assert!(!error.was_sent());
    }

    #[test]
    fn an_interface_that_does_not_exist_fails_the_attempt() {
        let error = TcpOptions::new().interface("no-such-if").open("127.0.0.1:80".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "could not bind to the interface");
        assert!(!error.was_sent());
    }

    #[test]
    fn every_option_can_be_set() {
        let options = TcpOptions::new()
            .keepalive_time(Duration::from_secs(60))
            .keepalive_interval(Duration::from_secs(5))
            .keepalive_retries(3)
            .local_address(Ipv4Addr::LOCALHOST)
            .reuse_address(true)
            .send_buffer_size(32 << 10)
            .receive_buffer_size(64 << 10)
            .user_timeout(Duration::from_secs(20));
        let socket = options.open("127.0.0.1:80".parse().unwrap()).unwrap();
        assert!(socket.keepalive().unwrap());
        assert!(socket.reuse_address().unwrap());
        assert!(socket.send_buffer_size().unwrap() >= 32 << 10);
        assert!(socket.recv_buffer_size().unwrap() >= 64 << 10);
        assert_eq!(socket.local_addr().unwrap().as_socket().unwrap().ip(), Ipv4Addr::LOCALHOST);
        let plain = TcpOptions::new().open("127.0.0.1:80".parse().unwrap()).unwrap();
        assert!(!plain.keepalive().unwrap());
    }
}
