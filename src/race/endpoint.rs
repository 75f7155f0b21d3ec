//! Endpoints: an address, its port, and the service record that it came from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::untried::UntriedReason;

/// One endpoint that an attempt can be made to.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) counts as its IPv4 address: it is sorted, bound and connected to as that.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    address: SocketAddr,
    service: Option<Arc<ServiceRecord>>,
    origin: Origin,
}

/// Where an address comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    /// An address record, or a list.
    Answer,
    /// A service record.
    Hint,
    /// The host of the URI.
    Literal,
}

impl Endpoint {
    /// An endpoint that came from an address record, or from a plain list of addresses.
    #[inline]
    pub fn new(address: SocketAddr) -> Self {
        Self { address: unmapped(address), service: None, origin: Origin::Answer }
    }

    /// An endpoint for an address that is the host of the URI. It is used even if it is one that is left out of answers, such as a multicast address.
    #[inline]
    pub(crate) fn literal(address: SocketAddr) -> Self {
        Self { origin: Origin::Literal, ..Self::new(address) }
    }

    /// Returns the address and port to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the family of the address.
    pub fn family(&self) -> Family {
        Family::of(&self.address)
    }

    /// Returns the service record that the endpoint belongs to, if any.
    pub fn service(&self) -> Option<&ServiceRecord> {
        self.service.as_deref()
    }

    /// Whether the address is only a hint of its service record: no address record has confirmed it.
    pub fn is_hint(&self) -> bool {
        self.origin == Origin::Hint
    }

    /// Replaces the port by what `rule` returns for the present one.
    #[must_use]
    #[inline]
    pub fn map_port(mut self, rule: impl FnOnce(u16) -> u16) -> Self {
        self.address.set_port(rule(self.address.port()));
        self
    }

    /// Replaces the port by the port to connect to: see [`Port::or_supplied`].
    #[inline]
    pub(super) fn at(mut self, port: Port) -> Self {
        self.address = self.address_at(port);
        self
    }

    /// Returns the address with the port to connect to: see [`Port::or_supplied`].
    #[inline]
    pub(super) fn address_at(&self, port: Port) -> SocketAddr {
        let mut address = self.address;
        address.set_port(port.or_supplied(address.port()));
        address
    }

    /// Returns the same address as an endpoint of `service`. If the record names a port, the endpoint has that port.
    pub(super) fn in_service(&self, service: &Arc<ServiceRecord>) -> Self {
        let mut endpoint = self.clone();
        if let Some(port) = service.port {
            endpoint.address.set_port(port);
        }
        endpoint.service = Some(Arc::clone(service));
        endpoint
    }

    /// An endpoint for an address that is a hint of `service`.
    pub(super) fn hinted(address: IpAddr, port: u16, service: &Arc<ServiceRecord>) -> Self {
        let mut endpoint = Self::new(SocketAddr::new(address, port)).in_service(service);
        endpoint.origin = Origin::Hint;
        endpoint
    }

    /// Returns why an address of an answer is never connected to, whatever the network: it is unspecified, multicast, or lacks its scope.
    pub(super) fn defect(&self) -> Option<UntriedReason> {
        if self.origin == Origin::Literal {
            return None;
        }
        match self.address {
            SocketAddr::V4(address) if address.ip().is_unspecified() => Some(UntriedReason::Unspecified),
            SocketAddr::V6(address) if address.ip().is_unspecified() => Some(UntriedReason::Unspecified),
            SocketAddr::V4(address) if address.ip().is_multicast() || address.ip().is_broadcast() => {
                Some(UntriedReason::Multicast)
            }
            SocketAddr::V6(address) if address.ip().is_multicast() => Some(UntriedReason::Multicast),
            SocketAddr::V6(address) if address.ip().is_unicast_link_local() && address.scope_id() == 0 => {
                Some(UntriedReason::NoScope)
            }
            SocketAddr::V4(_) | SocketAddr::V6(_) => None,
        }
    }

    /// Whether a packet to this endpoint stays inside the machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address, f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(service) = &self.service {
            write!(f, " of service {}", service.priority)?;
        }
        if self.is_hint() {
            f.write_str(" (hint)")?;
        }
        Ok(())
    }
}

/// An HTTPS record in ServiceMode (RFC 9460).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServiceRecord {
    /// SvcPriority: the lowest number goes first. 0 is AliasMode, which offers no endpoint.
    pub priority: u16,
    /// TargetName, if it is not the name that was queried.
    ///
    /// Such a service does not have the addresses of the name that was asked for. Its addresses are its hints. The resolver looks them up, and gives
    /// another answer to the query with these addresses as hints: see [`Answer::provisional`](super::Answer::provisional).
    pub target: Option<String>,
    /// The port to use instead of the one in the URI.
    pub port: Option<u16>,
    /// The application protocols (ALPN ids) that the service speaks: the SVCB ALPN set (RFC 9460 §7.1.1). It has `http/1.1` unless the record says
    /// `no-default-alpn`. An empty list is unknown.
    pub alpn: Vec<Vec<u8>>,
    /// The configuration list for Encrypted ClientHello.
    pub ech: Option<Vec<u8>>,
    /// IPv6 addresses to use until the AAAA answer arrives.
    pub ipv6_hints: Vec<Ipv6Addr>,
    /// IPv4 addresses to use until the A answer arrives.
    pub ipv4_hints: Vec<Ipv4Addr>,
}

impl ServiceRecord {
    /// A record with this priority and no parameters.
    pub fn new(priority: u16) -> Self {
        Self {
            priority,
            target: None,
            port: None,
            alpn: Vec::new(),
            ech: None,
            ipv6_hints: Vec::new(),
            ipv4_hints: Vec::new(),
        }
    }

    /// The hints: IPv6, then IPv4.
    pub(super) fn hints(&self) -> impl Iterator<Item = IpAddr> {
        let v6 = self.ipv6_hints.iter().copied().map(IpAddr::V6);
        v6.chain(self.ipv4_hints.iter().copied().map(IpAddr::V4))
    }

    pub(super) fn has_hints(&self) -> bool {
        self.hints().next().is_some()
    }
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "IP has these two versions")]
pub enum Family {
    /// IPv6.
    V6,
    /// IPv4, IPv4-mapped IPv6 addresses included.
    V4,
}

impl Family {
    /// The family of `address`, which is not IPv4-mapped.
    pub(super) fn of(address: &SocketAddr) -> Self {
        match address {
            SocketAddr::V6(_) => Self::V6,
            SocketAddr::V4(_) => Self::V4,
        }
    }

    /// Returns the other family.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::V6 => Self::V4,
            Self::V4 => Self::V6,
        }
    }
}

/// The port of the URI: one that it names, or that of its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Explicit(u16),
    OfScheme(u16),
}

impl Port {
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Explicit(port) | Self::OfScheme(port) => port,
        }
    }

    /// Returns the port to connect to: a port in the URI, else the one that the resolver supplied, unless it is 0, else that of the scheme.
    #[inline]
    pub(super) fn or_supplied(self, supplied: u16) -> u16 {
        match self {
            Self::OfScheme(_) if supplied != 0 => supplied,
            Self::Explicit(port) | Self::OfScheme(port) => port,
        }
    }
}

fn unmapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_stands_for() {
        let endpoint = Endpoint::new("[::ffff:192.0.2.1]:443".parse().unwrap());
        assert_eq!(endpoint.address(), "192.0.2.1:443".parse().unwrap());
        assert_eq!(endpoint.family(), Family::V4);
        assert!(Endpoint::new("[::ffff:127.0.0.1]:1".parse().unwrap()).is_loopback());
    }

    #[test]
    fn a_service_moves_an_endpoint_to_its_port() {
        let mut record = ServiceRecord::new(1);
        let origin = Endpoint::new("192.0.2.1:443".parse().unwrap());
        assert_eq!(origin.in_service(&Arc::new(record.clone())).address().port(), 443);
        record.port = Some(8443);
        assert_eq!(origin.in_service(&Arc::new(record)).address().port(), 8443);
    }

    #[test]
    fn debug_reads_like_a_log() {
        let service = Arc::new(ServiceRecord::new(2));
        let endpoint = Endpoint::hinted("2001:db8::1".parse().unwrap(), 443, &service);
        assert_eq!(format!("{endpoint:?}"), "[2001:db8::1]:443 of service 2 (hint)");
    }

    #[test]
    fn a_port_in_the_uri_wins_then_the_resolvers_then_the_schemes() {
        assert_eq!(Port::Explicit(9000).or_supplied(8443), 9000);
        assert_eq!(Port::Explicit(9000).or_supplied(0), 9000);
        assert_eq!(Port::OfScheme(80).or_supplied(8443), 8443);
        assert_eq!(Port::OfScheme(80).or_supplied(0), 80);
    }
}
