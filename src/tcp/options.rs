//! The settings of sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::race::Families;

/// The options of the sockets that a [`TcpConnector`](super::TcpConnector) opens.
///
/// An option that decides where packets go (local address, interface, mark) fails the attempt if it cannot be set. The failure of any other option is
/// only logged as a warning.
///
/// # Defaults
///
/// | option | default |
/// |---|---|
/// | nodelay | on |
/// | keep-alive (time, interval, retries) | off |
/// | local addresses | the system chooses |
/// | local scope | that of the destination |
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
    pub(super) local_scope_id: Option<NonZeroU32>,
    pub(super) reuse_address: bool,
    pub(super) send_buffer_size: Option<usize>,
    pub(super) receive_buffer_size: Option<usize>,
    pub(super) interface: Option<String>,
    pub(super) mark: Option<u32>,
    pub(super) user_timeout: Option<Duration>,
}

impl TcpOptions {
    /// Returns the default options.
    pub fn new() -> Self {
        Self {
            nodelay: true,
            keepalive_time: None,
            keepalive_interval: None,
            keepalive_retries: None,
            local_address_v4: None,
            local_address_v6: None,
            local_scope_id: None,
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
    #[doc(alias("set_nodelay", "tcp_nodelay"))]
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Turns keep-alive on. The system probes a connection that has been silent for this time.
    ///
    /// Defaults to no keep-alive, unless an interval or retries turn it on with the system's time.
    #[doc(alias("set_keepalive", "tcp_keepalive"))]
    #[must_use]
    pub fn keepalive_time(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.keepalive_time = time.into();
        self
    }

    /// Turns keep-alive on. The system repeats an unanswered probe after this time. Ignored on systems that cannot set it.
    ///
    /// Defaults to the system's.
    #[doc(alias("set_keepalive_interval", "tcp_keepalive_interval"))]
    #[must_use]
    pub fn keepalive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.keepalive_interval = interval.into();
        self
    }

    /// Turns keep-alive on. The system gives a connection up after this number of unanswered probes. Ignored on systems that cannot set it.
    ///
    /// Defaults to the system's.
    #[doc(alias("set_keepalive_retries", "tcp_keepalive_retries"))]
    #[must_use]
    pub fn keepalive_retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.keepalive_retries = retries.into();
        self
    }

    /// Sets the local address to connect from. Call it once for each family to use both: if only one family has an address, candidates of the other
    /// are skipped.
    ///
    /// On Linux and Android the local port is chosen when the destination is known, so that all ports are available for each destination
    /// (`IP_BIND_ADDRESS_NO_PORT`). On other systems it is chosen before, and all destinations share the ports of the address.
    ///
    /// Defaults to none: the system chooses.
    #[doc(alias("set_local_address", "set_local_addresses"))]
    #[must_use]
    pub fn local_address(mut self, address: impl Into<IpAddr>) -> Self {
        match address.into() {
            IpAddr::V4(address) => self.local_address_v4 = Some(address),
            IpAddr::V6(address) => self.local_address_v6 = Some(address),
        }
        self
    }

    /// Sets the index of the interface to which a link-local [`local_address`](Self::local_address) of IPv6 belongs (its scope id, RFC 4007 §6). 0 is
    /// none. It has no effect on other addresses.
    ///
    /// Defaults to none: the zone of the destination (`http://[fe80::1%25eth0]/`) applies, or the [`interface`](Self::interface). Without either, the
    /// attempt fails.
    #[must_use]
    pub fn local_scope_id(mut self, index: u32) -> Self {
        self.local_scope_id = NonZeroU32::new(index);
        self
    }

    /// Sets whether a local address may be reused while old connections from it linger (`SO_REUSEADDR`).
    ///
    /// Defaults to `false`.
    #[doc(alias("set_reuse_address"))]
    #[must_use]
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = reuse;
        self
    }

    /// Sets the size of the send buffer in bytes (`SO_SNDBUF`).
    ///
    /// Defaults to the system's.
    #[doc(alias("set_send_buffer_size"))]
    #[must_use]
    pub fn send_buffer_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.send_buffer_size = bytes.into();
        self
    }

    /// Sets the size of the receive buffer in bytes (`SO_RCVBUF`).
    ///
    /// Defaults to the system's.
    #[doc(alias("set_recv_buffer_size"))]
    #[must_use]
    pub fn receive_buffer_size(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.receive_buffer_size = bytes.into();
        self
    }

    /// Sets the network interface to connect through, by name: `SO_BINDTODEVICE` on Linux, Android and Fuchsia, `IP_BOUND_IF` on Apple's systems,
    /// illumos and Solaris. On other systems every attempt fails as unsupported. A name that no interface can have (empty, or longer than the system
    /// allows) fails the attempt like a missing interface.
    ///
    /// Defaults to none: the system's routes decide.
    #[doc(alias("set_interface"))]
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// Sets the mark on the packets (`SO_MARK`), for routing rules and packet filters. It needs the capability `CAP_NET_ADMIN`. Linux, Android and
    /// Fuchsia only; on other systems every attempt fails as unsupported.
    ///
    /// Defaults to none.
    #[doc(alias("set_mark"))]
    #[must_use]
    pub fn mark(mut self, mark: impl Into<Option<u32>>) -> Self {
        self.mark = mark.into();
        self
    }

    /// Sets how long sent data may stay unacknowledged before the system gives the connection up (`TCP_USER_TIMEOUT`). Linux, Android and Fuchsia
    /// only; on other systems a warning is logged.
    ///
    /// Defaults to the system's.
    #[doc(alias("set_tcp_user_timeout", "tcp_user_timeout"))]
    #[must_use]
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.user_timeout = timeout.into();
        self
    }

    /// Returns the families that candidates may have, by the local addresses.
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
}
