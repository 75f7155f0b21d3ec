//! Socket options, and everything that differs between platforms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::race::Families;

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
    pub(super) nodelay: bool,
    pub(super) keepalive_time: Option<Duration>,
    pub(super) keepalive_interval: Option<Duration>,
    pub(super) keepalive_retries: Option<u32>,
    pub(super) local_address_v4: Option<Ipv4Addr>,
    pub(super) local_address_v6: Option<Ipv6Addr>,
    pub(super) reuse_address: bool,
    pub(super) send_buffer_size: Option<usize>,
    pub(super) receive_buffer_size: Option<usize>,
    pub(super) interface: Option<String>,
    pub(super) mark: Option<u32>,
    pub(super) user_timeout: Option<Duration>,
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
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) use platform::interface_index;

/// What each system calls it, and what it does without.
pub(super) mod platform {
    use std::io;
    use std::net::SocketAddr;
    use std::ops::RangeInclusive;
    use std::sync::OnceLock;
    use std::time::Duration;

    use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
    use tokio::net::TcpStream;

    /// A socket that never blocks, and is not inherited: by one system call where there is one for it.
    pub(in crate::tcp) fn nonblocking_socket(domain: Domain, protocol: Protocol) -> io::Result<Socket> {
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
    pub(in crate::tcp) fn is_in_progress(error: &io::Error) -> bool {
        #[cfg(unix)]
        return error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32);
        #[cfg(not(unix))]
        return error.kind() == io::ErrorKind::WouldBlock;
    }

    /// Whether a socket must be bound before it can connect in the background.
    pub(in crate::tcp) fn must_bind() -> bool {
        cfg!(windows)
    }

    /// The ports that the system gives to sockets that ask for none.
    pub(in crate::tcp) fn ephemeral_ports() -> &'static RangeInclusive<u16> {
        static PORTS: OnceLock<RangeInclusive<u16>> = OnceLock::new();
        PORTS.get_or_init(|| {
            #[cfg(any(target_os = "android", target_os = "linux"))]
            let known = read_ephemeral_ports("/proc/sys/net/ipv4/ip_local_port_range");
            #[cfg(not(any(target_os = "android", target_os = "linux")))]
            let known = None;
            // Where it is not known, every port that a socket gets without a privilege.
            known.unwrap_or(1024..=u16::MAX)
        })
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn read_ephemeral_ports(path: &str) -> Option<RangeInclusive<u16>> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut ports = text.split_ascii_whitespace().map(str::parse);
        match (ports.next(), ports.next(), ports.next()) {
            (Some(Ok(first)), Some(Ok(last)), None) => Some(first..=last),
            _ => None,
        }
    }

    /// The local port of a socket. It takes one system call.
    #[inline]
    pub(in crate::tcp) fn local_port(stream: &TcpStream, is_ipv6: bool) -> Option<u16> {
        #[cfg(unix)]
        {
            use nix::sys::socket::{SockaddrIn, SockaddrIn6, getsockname};
            use std::os::fd::AsRawFd;
            if is_ipv6 {
                getsockname::<SockaddrIn6>(stream.as_raw_fd()).ok().map(|local| local.port())
            } else {
                getsockname::<SockaddrIn>(stream.as_raw_fd()).ok().map(|local| local.port())
            }
        }
        #[cfg(not(unix))]
        {
            let _is_the_same_for_both = is_ipv6;
            stream.local_addr().ok().map(|local| local.port())
        }
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
    pub(in crate::tcp) fn bind_interface(socket: &Socket, name: &str, _: SocketAddr) -> io::Result<()> {
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
    pub(in crate::tcp) fn bind_interface(socket: &Socket, name: &str, destination: SocketAddr) -> io::Result<()> {
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
    pub(in crate::tcp) fn bind_interface(_: &Socket, _: &str, _: SocketAddr) -> io::Result<()> {
        unsupported()
    }

    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub(in crate::tcp) fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
        socket.set_mark(mark)
    }

    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    pub(in crate::tcp) fn set_mark(_: &Socket, _: u32) -> io::Result<()> {
        unsupported()
    }

    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub(in crate::tcp) fn set_user_timeout(socket: &Socket, timeout: Duration) -> io::Result<()> {
        socket.set_tcp_user_timeout(Some(timeout))
    }

    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    pub(in crate::tcp) fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
        unsupported()
    }

    pub(in crate::tcp) fn with_keepalive_interval(keepalive: TcpKeepalive, interval: Duration) -> TcpKeepalive {
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

    pub(in crate::tcp) fn with_keepalive_retries(keepalive: TcpKeepalive, retries: u32) -> TcpKeepalive {
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

    #[cfg(unix)]
    #[test]
    fn an_interface_is_found_by_its_name() {
        for interface in &nix::net::if_::if_nameindex().unwrap() {
            assert_eq!(interface_index(interface.name().to_str().unwrap()).unwrap(), interface.index());
        }
        assert!(interface_index("no-such-if").is_err());
    }
}
