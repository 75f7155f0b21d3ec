//! The name for SNI and verification, from the host of a URI.

use std::net::{IpAddr, Ipv6Addr};

use tokio_rustls::rustls::pki_types::ServerName;

use super::error::TlsError;

/// Returns the name of a host. An address has no SNI (RFC 6066 §3). A zone is dropped, since no certificate can be for one, and so is the final dot
/// of a name.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    if let Some((address, _zone)) = host.split_once('%') {
        if let Ok(address) = address.parse::<Ipv6Addr>() {
            return Ok(ServerName::IpAddress(IpAddr::from(address).into()));
        }
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    ServerName::try_from(name).map_err(TlsError::invalid_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_in_lower_case_without_the_dot_at_its_end() {
        for host in ["origin.example", "Origin.EXAMPLE", "origin.example."] {
            assert_eq!(server_name(host).unwrap(), ServerName::try_from("origin.example").unwrap(), "{host}");
        }
    }

    #[test]
    fn an_address_is_one_with_or_without_a_zone() {
        for (host, address) in
            [("192.0.2.1", "192.0.2.1"), ("fe80::1%25eth0", "fe80::1"), ("2001:db8::1", "2001:db8::1")]
        {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(server_name(host).unwrap(), ServerName::IpAddress(address.into()), "{host}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_an_error() {
        for host in ["", ".", "a..b", "bad name", "-a.example", &"a".repeat(64)] {
            assert!(server_name(host).is_err(), "{host:?}");
        }
    }
}
