//! Socket options, and everything that differs between platforms.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive};
use tokio::net::TcpStream;
use tracing::{debug, warn};

use crate::attempt::AttemptError;
use crate::race::{Families, Family};

/// The options of the sockets that a [`TcpConnector`](super::TcpConnector) opens.
///
/// An option that decides where packets go (local address, interface, mark) fails the attempt if it cannot be set. Any other
/// only tunes, and is a logged warning.
///
/// # Defaults
///
/// | option | default |
/// |---|---|
/// | nodelay | on |
/// | keep-alive (time, interval, retries) | off |
/// | local addresses | the system chooses |
/// | reuse address | off |
/// | send and receive buffer sizes | the system's |
/// | interface, mark | none |
/// | TCP user timeout | the system's |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    nodelay: bool,
    keepalive_time: Option<Duration>,
    keepalive_interval: Option<Duration>,
    keepalive_retries: Option<u32>,
    local_address_v4: Option<Ipv4Addr>,
    local_address_v6: Option<Ipv6Addr>,
    reuse_address: bool,
    send_buffer_size: Option<usize>,
    receive_buffer_size: Option<usize>,
    interface: Option<String>,
    mark: Option<u32>,
    user_timeout: Option<Duration>,
}

impl TcpOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            nodelay: true,
            keepalive_time: None,
            keepalive_interval: None,
            keepalive_retries: None,
            local_address_v4: None,
            local_address_v6: None,
            reuse_address: false,
            send_buffer_size: None,
            receive_buffer_size: None,
            interface: None,
            mark: None,
            user_timeout: None,
        }
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`), rather than held back to be sent together.
    ///
    /// Defaults to `true`.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Turns keep-alive on, and probes a connection that has been silent for so long.
    ///
    /// Defaults to no keep-alive, unless an interval or retries turn it on with the system's time.
    #[must_use]
    pub fn keepalive_time(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.keepalive_time = time.into();
        self
    }

    /// Turns keep-alive on, and repeats an unanswered probe after so long. Ignored where the system cannot set it.
    ///
    /// Defaults to the system's.
    #[must_use]
    pub fn keepalive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.keepalive_interval = interval.into();
        self
    }

    /// Turns keep-alive on, and gives a connection up after so many unanswered probes. Ignored where the system cannot set
    /// it.
    ///
    /// Defaults to the system's.
    #[must_use]
    pub fn keepalive_retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.keepalive_retries = retries.into();
        self
    }

    /// The local address to connect from. A candidate of the family for which none is set is skipped, once one is set for
    /// the other; call it once for each family to use both.
    ///
    /// Defaults to none: the system chooses.
    #[must_use]
    pub fn local_address(mut self, address: impl Into<IpAddr>) -> Self {
        match address.into() {
            IpAddr::V4(address) => self.local_address_v4 = Some(address),
            IpAddr::V6(address) => self.local_address_v6 = Some(address),
        }
        self
    }

    /// Whether a local address may be reused while old connections of it linger (`SO_REUSEADDR`).
    ///
    /// Defaults to `false`.
    #[must_use]
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = reuse;
        self
    }

    /// The size of the send buffer in bytes (`SO_SNDBUF`).
    ///
    /// Defaults to the system's.
    #[must_use]
    pub fn send_buffer_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.send_buffer_size = bytes.into();
        self
    }

    /// The size of the receive buffer in bytes (`SO_RCVBUF`).
    ///
    /// Defaults to the system's.
    #[must_use]
    pub fn receive_buffer_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.receive_buffer_size = bytes.into();
        self
    }

    /// The network interface to connect through, by name: `SO_BINDTODEVICE` on Linux, Android and Fuchsia, `IP_BOUND_IF` on
    /// Apple's systems, illumos and Solaris. Elsewhere every attempt fails as unsupported.
    ///
    /// Defaults to none: the system's routes decide.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// The mark on the packets (`SO_MARK`), for routing rules and packet filters; it takes the capability `CAP_NET_ADMIN`.
    /// Linux, Android and Fuchsia only; elsewhere every attempt fails as unsupported.
    ///
    /// Defaults to none.
    #[must_use]
    pub fn mark(mut self, mark: impl Into<Option<u32>>) -> Self {
        self.mark = mark.into();
        self
    }

    /// How long sent data may stay unacknowledged before the system gives the connection up (`TCP_USER_TIMEOUT`). Linux,
    /// Android and Fuchsia only; elsewhere it is a logged warning.
    ///
    /// Defaults to the system's.
    #[must_use]
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.user_timeout = timeout.into();
        self
    }

    /// The families that candidates may be of, going by the local addresses.
    pub(crate) fn local_families(&self) -> Families {
        match (self.local_address_v4, self.local_address_v6) {
            (Some(_), None) => Families::V4Only,
            (None, Some(_)) => Families::V6Only,
            (None, None) | (Some(_), Some(_)) => Families::Both,
        }
    }

    /// A non-blocking socket for `destination`, configured and bound.
    pub(super) fn open(&self, destination: SocketAddr) -> Result<Socket, AttemptError> {
        let failed = |step| move |error: io::Error| AttemptError::new(error).at_step(step).unsent();

        let socket = platform::nonblocking_socket(Domain::for_address(destination), Protocol::TCP)
            .map_err(failed("could not open a socket"))?;
        self.tune(&socket);
        self.place(&socket, destination)?;
        Ok(socket)
    }

    /// Sets what decides over the way that packets to `destination` take.
    #[inline]
    pub(super) fn place(&self, socket: &Socket, destination: SocketAddr) -> Result<(), AttemptError> {
        let failed = |step| move |error: io::Error| AttemptError::new(error).at_step(step).unsent();

        if let Some(name) = &self.interface {
            platform::bind_interface(socket, name, destination).map_err(failed("could not bind to the interface"))?;
        }
        if let Some(mark) = self.mark {
            platform::set_mark(socket, mark).map_err(failed("could not set the mark"))?;
        }
        if let Some(local) = self.local_address_for(destination).map_err(failed("no local address to bind to"))? {
            let local = SocketAddr::new(local, 0);
            socket.bind(&local.into()).map_err(failed("could not bind to the local address"))?;
        }
        Ok(())
    }

    /// Sets the options that may fail without harm.
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

    /// Whether [`set_nodelay`] is wanted.
    pub(super) fn wants_nodelay(&self) -> bool {
        self.nodelay
    }

    fn keepalive(&self) -> Option<TcpKeepalive> {
        if self.keepalive_time.is_none() && self.keepalive_interval.is_none() && self.keepalive_retries.is_none() {
            return None;
        }
        let mut keepalive = TcpKeepalive::new();
        if let Some(time) = self.keepalive_time {
            keepalive = keepalive.with_time(time);
        }
        if let Some(interval) = self.keepalive_interval {
            keepalive = platform::with_keepalive_interval(keepalive, interval);
        }
        if let Some(retries) = self.keepalive_retries {
            keepalive = platform::with_keepalive_retries(keepalive, retries);
        }
        Some(keepalive)
    }

    /// The address to bind to, if any. An error if there is one for the other family alone.
    fn local_address_for(&self, destination: SocketAddr) -> io::Result<Option<IpAddr>> {
        let (own, family) = match destination {
            SocketAddr::V4(_) => (self.local_address_v4.map(IpAddr::V4), Family::V4),
            SocketAddr::V6(_) => (self.local_address_v6.map(IpAddr::V6), Family::V6),
        };
        if own.is_none() && !self.local_families().contains(family) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(own.or_else(|| platform::must_bind().then(|| unspecified(family))))
    }
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// For a connection that is made: attempts that lose are spared the system call.
pub(super) fn set_nodelay(stream: &TcpStream) {
    warn_of("nodelay", stream.set_nodelay(true));
}

/// What may fail without harm.
fn warn_of(option: &'static str, result: io::Result<()>) {
    if let Err(error) = result {
        // That the system has no such option is nothing that an operator can mend.
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

pub(crate) use platform::{interface_index, is_in_progress};

/// What each system calls it, and what it does without.
mod platform {
    use std::io;
    use std::net::SocketAddr;
    use std::time::Duration;

    use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

    /// A socket that never blocks, and is not inherited: by one system call where there is one for it.
    pub(super) fn nonblocking_socket(domain: Domain, protocol: Protocol) -> io::Result<Socket> {
        #[cfg(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "fuchsia",
            target_os = "illumos",
            target_os = "linux",
            target_os = "netbsd",
            target_os = "openbsd",
        ))]
        return Socket::new(domain, Type::STREAM.nonblocking(), Some(protocol));
        #[cfg(not(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "fuchsia",
            target_os = "illumos",
            target_os = "linux",
            target_os = "netbsd",
            target_os = "openbsd",
        )))]
        {
            let socket = Socket::new(domain, Type::STREAM, Some(protocol))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        }
    }

    /// Whether a connect that returned this error goes on in the background.
    pub(crate) fn is_in_progress(error: &io::Error) -> bool {
        #[cfg(unix)]
        return error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32);
        #[cfg(not(unix))]
        return error.kind() == io::ErrorKind::WouldBlock;
    }

    /// Whether a socket must be bound before it can connect in the background.
    pub(super) fn must_bind() -> bool {
        cfg!(windows)
    }

    /// The index of a network interface, which is the zone of a scoped IPv6 address.
    pub(crate) fn interface_index(name: &str) -> io::Result<u32> {
        #[cfg(unix)]
        return Ok(nix::net::if_::if_nametoindex(name)?);
        #[cfg(not(unix))]
        {
            let _only_a_name = name;
            unsupported()
        }
    }

    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub(super) fn bind_interface(socket: &Socket, name: &str, _: SocketAddr) -> io::Result<()> {
        socket.bind_device(Some(name.as_bytes()))
    }

    #[cfg(any(
        target_os = "illumos",
        target_os = "ios",
        target_os = "macos",
        target_os = "solaris",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    ))]
    pub(super) fn bind_interface(socket: &Socket, name: &str, destination: SocketAddr) -> io::Result<()> {
        let index = std::num::NonZeroU32::new(interface_index(name)?);
        match destination {
            SocketAddr::V4(_) => socket.bind_device_by_index_v4(index),
            SocketAddr::V6(_) => socket.bind_device_by_index_v6(index),
        }
    }

    #[cfg(not(any(
        target_os = "android",
        target_os = "fuchsia",
        target_os = "illumos",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "solaris",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    )))]
    pub(super) fn bind_interface(_: &Socket, _: &str, _: SocketAddr) -> io::Result<()> {
        unsupported()
    }

    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub(super) fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
        socket.set_mark(mark)
    }

    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    pub(super) fn set_mark(_: &Socket, _: u32) -> io::Result<()> {
        unsupported()
    }

    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub(super) fn set_user_timeout(socket: &Socket, timeout: Duration) -> io::Result<()> {
        socket.set_tcp_user_timeout(Some(timeout))
    }

    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    pub(super) fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
        unsupported()
    }

    pub(super) fn with_keepalive_interval(keepalive: TcpKeepalive, interval: Duration) -> TcpKeepalive {
        #[cfg(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "fuchsia",
            target_os = "illumos",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "tvos",
            target_os = "visionos",
            target_os = "watchos",
            target_os = "windows",
        ))]
        let keepalive = keepalive.with_interval(interval);
        let _unused_elsewhere = interval;
        keepalive
    }

    pub(super) fn with_keepalive_retries(keepalive: TcpKeepalive, retries: u32) -> TcpKeepalive {
        #[cfg(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "fuchsia",
            target_os = "illumos",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "tvos",
            target_os = "visionos",
            target_os = "watchos",
            target_os = "windows",
        ))]
        let keepalive = keepalive.with_retries(retries);
        let _unused_elsewhere = retries;
        keepalive
    }

    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    fn unsupported<T>() -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_address_of_one_family_leaves_that_family() {
        assert_eq!(TcpOptions::new().local_families(), Families::Both);
        let v4 = TcpOptions::new().local_address(Ipv4Addr::LOCALHOST);
        assert_eq!(v4.local_families(), Families::V4Only);
        assert_eq!(v4.local_address(Ipv6Addr::LOCALHOST).local_families(), Families::Both);
    }

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

    #[cfg(unix)]
    #[test]
    fn an_interface_is_found_by_its_name() {
        for interface in &nix::net::if_::if_nameindex().unwrap() {
            assert_eq!(interface_index(interface.name().to_str().unwrap()).unwrap(), interface.index());
        }
        assert!(interface_index("no-such-if").is_err());
    }
}
