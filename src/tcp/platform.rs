//! All platform differences of sockets: the names of options, and the fallbacks where there are none.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

/// Whether the error numbers of the system are those of Linux.
#[cfg(test)]
pub(super) const HAS_ERRORS_OF_LINUX: bool = cfg!(target_os = "linux");

/// Opens a non-blocking socket that child processes do not inherit, with one system call where the system has one for it.
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
pub(super) fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32);
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::WouldBlock;
}

/// Whether a socket must be bound before it can connect in the background.
pub(super) fn must_bind() -> bool {
    cfg!(windows)
}

/// Returns the ports that the system chooses for sockets.
pub(super) fn ephemeral_ports() -> &'static RangeInclusive<u16> {
    static PORTS: OnceLock<RangeInclusive<u16>> = OnceLock::new();
    // If the range is not known: every unprivileged port.
    PORTS.get_or_init(|| known_ephemeral_ports().unwrap_or(1024..=u16::MAX))
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn known_ephemeral_ports() -> Option<RangeInclusive<u16>> {
    read_ephemeral_ports("/proc/sys/net/ipv4/ip_local_port_range")
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn known_ephemeral_ports() -> Option<RangeInclusive<u16>> {
    None
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

/// Returns the local port of a socket. It takes one system call.
#[inline]
pub(super) fn local_port(stream: &TcpStream, is_ipv6: bool) -> Option<u16> {
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

/// Has connect choose the port, instead of the bind before it. Does nothing on systems without that option.
pub(super) fn choose_port_late(socket: &Socket) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
        // Linux before 4.2 does not have this option.
        let _ignored = setsockopt(socket, IpBindAddressNoPort, &true);
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _unused_elsewhere = socket;
}

/// The most bytes of an interface's name. Systems truncate longer names, and would use another interface.
#[cfg(unix)]
const LONGEST_INTERFACE_NAME: usize = if cfg!(any(target_os = "illumos", target_os = "solaris")) { 31 } else { 15 };

/// Returns the name, if an interface can have it. Linux takes an empty name for no interface, and ends a name at a zero byte, and in places at a
/// colon.
#[cfg(unix)]
fn interface_name(name: &str) -> io::Result<&str> {
    let is_possible = !name.is_empty()
        && name.len() <= LONGEST_INTERFACE_NAME
        && name.bytes().all(|byte| !matches!(byte, 0 | b'/' | b':') && !byte.is_ascii_whitespace());
    if is_possible { Ok(name) } else { Err(nix::errno::Errno::ENODEV.into()) }
}

/// Returns the index of a network interface, which is the zone of a scoped IPv6 address.
pub(crate) fn interface_index(name: &str) -> io::Result<u32> {
    #[cfg(unix)]
    return Ok(nix::net::if_::if_nametoindex(interface_name(name)?)?);
    #[cfg(not(unix))]
    {
        let _only_a_name = name;
        unsupported()
    }
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
pub(super) fn bind_interface(socket: &Socket, name: &str, _: SocketAddr) -> io::Result<()> {
    socket.bind_device(Some(interface_name(name)?.as_bytes()))
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

/// Tells the system to accept no more writes while it holds `bytes` unsent.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(crate) fn limit_unsent(stream: &TcpStream, bytes: u32) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(bytes)
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(crate) fn limit_unsent(_: &TcpStream, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
pub(super) fn set_user_timeout(socket: &Socket, timeout: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
pub(super) fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
    unsupported()
}

/// Sets the time between probes and their number, on systems that can set them.
pub(super) fn with_keepalive_probes(
    keepalive: TcpKeepalive,
    interval: Option<Duration>,
    retries: Option<u32>,
) -> TcpKeepalive {
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
    let keepalive = {
        let keepalive = interval.into_iter().fold(keepalive, TcpKeepalive::with_interval);
        retries.into_iter().fold(keepalive, TcpKeepalive::with_retries)
    };
    let _unused_elsewhere = (interval, retries);
    keepalive
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Implements the traits of the standard library that show the socket of a connection, by those of the connection inside: `AsFd` and `AsRawFd`, on Windows `AsSocket`
/// and `AsRawSocket`. The arguments are those of the macros in `forward_io`.
#[cfg(unix)]
macro_rules! forward_socket {
    ([$($T:ident $(: $bound:lifetime)?)?] $type:ty, |$this:ident| $inner:expr) => {
        impl$(<$T: std::os::fd::AsFd $(+ $bound)?>)? std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                let $this = self;
                std::os::fd::AsFd::as_fd($inner)
            }
        }

        impl$(<$T: std::os::fd::AsRawFd $(+ $bound)?>)? std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                let $this = self;
                std::os::fd::AsRawFd::as_raw_fd($inner)
            }
        }
    };
}

#[cfg(windows)]
macro_rules! forward_socket {
    ([$($T:ident $(: $bound:lifetime)?)?] $type:ty, |$this:ident| $inner:expr) => {
        impl$(<$T: std::os::windows::io::AsSocket $(+ $bound)?>)? std::os::windows::io::AsSocket for $type {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                let $this = self;
                std::os::windows::io::AsSocket::as_socket($inner)
            }
        }

        impl$(<$T: std::os::windows::io::AsRawSocket $(+ $bound)?>)? std::os::windows::io::AsRawSocket for $type {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                let $this = self;
                std::os::windows::io::AsRawSocket::as_raw_socket($inner)
            }
        }
    };
}

#[cfg(not(any(unix, windows)))]
macro_rules! forward_socket {
    ($($of:tt)*) => {};
}

pub(crate) use forward_socket;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn an_interface_is_found_by_its_name() {
        for interface in &nix::net::if_::if_nameindex().unwrap() {
            assert_eq!(interface_index(interface.name().to_str().unwrap()).unwrap(), interface.index());
        }
        assert!(interface_index("no-such-if").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_no_interface_can_have_is_not_cut_to_one_that_it_can() {
        for name in ["lo", "eth0", "br-0a1b2c3d4e5f", "wlp0s20f3", "a.1"] {
            assert_eq!(interface_name(name).unwrap(), name);
        }
        let too_long = "x".repeat(LONGEST_INTERFACE_NAME + 1);
        for name in ["", "lo\0x", "lo:1", "lo/1", "lo 1", "lo\n", &too_long] {
            let error = interface_name(name).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(nix::errno::Errno::ENODEV as i32), "{name:?}");
        }
    }
}
