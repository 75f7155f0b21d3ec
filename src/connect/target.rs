//! Parses a URI into the target of a connect. Nothing is looked up but the index of a network interface.

use std::net::{AddrParseError, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU16;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;

use super::authority::{HTTP_PORT, default_port, is_secure, split_authority};
use crate::outcome::{BoxError, ConnectError};
use crate::race::Port;
use crate::tcp::interface_index;

/// Where to connect to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The host as it is written in the URI, without brackets.
    pub(super) host: Arc<str>,
    pub(super) port: Port,
    /// The port for which HTTPS records are asked for. `None` if the URI is not secure.
    pub(super) https_port: Option<NonZeroU16>,
    /// Whether the scheme is https or wss.
    pub(super) is_secure: bool,
    /// The address, if the host is one.
    pub(super) literal: Option<SocketAddr>,
}

/// The schemes that URIs may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schemes {
    Http,
    HttpAndHttps,
    Any,
}

impl Schemes {
    /// With `enforce_http` the schemes are `http`, and `https` if the connector does TLS.
    pub(super) fn new(enforce_http: bool, is_secure: bool) -> Self {
        match (enforce_http, is_secure) {
            (true, false) => Self::Http,
            (true, true) => Self::HttpAndHttps,
            (false, _) => Self::Any,
        }
    }

    /// Returns the schemes that would be accepted as the error.
    #[inline]
    fn check(self, scheme: &Scheme) -> Result<(), &'static str> {
        match self {
            Self::Any => Ok(()),
            _ if *scheme == Scheme::HTTP => Ok(()),
            Self::HttpAndHttps if *scheme == Scheme::HTTPS => Ok(()),
            Self::HttpAndHttps => Err("http or https"),
            Self::Http => Err("http"),
        }
    }
}

impl Target {
    #[inline]
    pub(super) fn from_uri(uri: &Uri, schemes: Schemes) -> Result<Self, ConnectError> {
        let invalid = |problem: String| ConnectError::invalid_uri(problem, None);
        let Some(scheme) = uri.scheme() else {
            return Err(invalid("it has no scheme".into()));
        };
        schemes.check(scheme).map_err(|wanted| invalid(wrong_scheme(scheme, wanted, schemes)))?;
        let Some(authority) = uri.authority() else {
            return Err(invalid("it has no host".into()));
        };
        let (host, rest, is_plain) = split_authority(authority.as_str());
        if host.is_empty() {
            return Err(invalid("it has no host".into()));
        }
        let port = port(rest, scheme).map_err(invalid)?;
        let (host, literal) =
            if is_plain { (host, v4_literal(host, port.number())) } else { host_with_marks(host, port.number())? };
        // If only `http` is accepted, the URI is not secure: the check is skipped.
        let is_secure = schemes != Schemes::Http && is_secure(scheme);
        let https_port = if is_secure { NonZeroU16::new(port.number()) } else { None };
        Ok(Self { host: host.into(), port, https_port, is_secure, literal })
    }
}

/// Says which scheme it is and which it should have been; and, where a setting decides that, which setting.
#[cold]
fn wrong_scheme(scheme: &Scheme, wanted: &str, schemes: Schemes) -> String {
    let wants_tls = schemes == Schemes::Http && *scheme == Scheme::HTTPS;
    let hint = if wants_tls { [" ", ConnectError::TLS_HINT].concat() } else { String::new() };
    format!("the scheme is {scheme}, not {wanted}{hint}")
}

/// Returns the host of an authority with brackets or userinfo, and the address if the host is one.
#[cold]
fn host_with_marks(host: &str, port: u16) -> Result<(&str, Option<SocketAddr>), ConnectError> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some("") => Err(ConnectError::invalid_uri("it has no host", None)),
        Some(text) => Ok((text, Some(v6_literal(text, port)?))),
        // The crate `http` accepts brackets in userinfo and in names.
        None if host.contains(['[', ']', ':']) => {
            Err(ConnectError::invalid_uri(format!("{host:?} is not a host"), None))
        }
        None => Ok((host, v4_literal(host, port))),
    }
}

/// Parses the port. `text` is what follows the host. An empty port is that of the scheme (RFC 3986 §3.2.3).
fn port(text: &str, scheme: &Scheme) -> Result<Port, String> {
    let Some(digits) = text.strip_prefix(':').or_else(|| text.is_empty().then_some(text)) else {
        return Err(format!("{text:?} follows the host"));
    };
    if digits.is_empty() {
        return Ok(Port::OfScheme(default_port(scheme.as_str()).unwrap_or(HTTP_PORT)));
    }
    // Parsed by hand: `parse` would accept a sign, and take half of the time of the whole function.
    let number = digits.bytes().try_fold(0, |number: u32, digit| {
        // Saturates at 65,536, which is enough to know that the port is too large.
        digit.is_ascii_digit().then(|| (number * 10 + u32::from(digit - b'0')).min(1 << 16))
    });
    match number.map(u16::try_from) {
        Some(Ok(0)) => Err("port 0 cannot be connected to".into()),
        Some(Ok(port)) => Ok(Port::Explicit(port)),
        Some(Err(_)) => Err(format!("port {digits} is above 65535")),
        None => Err(format!("{digits:?} is not a port")),
    }
}

fn v4_literal(host: &str, port: u16) -> Option<SocketAddr> {
    // Most names begin with a letter, which saves the attempt to parse them.
    if !host.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let ip: Ipv4Addr = host.parse().ok()?;
    Some((ip, port).into())
}

/// Parses an IPv6 address: `::1`, or `fe80::1%25eth0` with a zone (RFC 6874). A plain `%` before the zone (RFC 4007) is accepted too.
fn v6_literal(text: &str, port: u16) -> Result<SocketAddr, ConnectError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        None => (text, None),
    };
    let ip: Ipv6Addr =
        address.parse().map_err(|error: AddrParseError| because(format!("[{text}] is not an IPv6 address"), error))?;
    let zone = match zone {
        None => 0,
        Some("") => return Err(ConnectError::invalid_uri(format!("the zone of [{text}] is empty"), None)),
        Some(zone) => match zone.parse() {
            Ok(index) => index,
            Err(_) => {
                interface_index(zone).map_err(|error| because(format!("no interface has the name {zone:?}"), error))?
            }
        },
    };
    Ok(SocketAddrV6::new(ip, port, 0, zone).into())
}

fn because(problem: String, error: impl Into<BoxError>) -> ConnectError {
    ConnectError::invalid_uri(problem, Some(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Target {
        Target::from_uri(&uri.parse().unwrap(), Schemes::Any).unwrap()
    }

    #[track_caller]
    fn assert_invalid(uri: &str, schemes: Schemes, expected: &str) {
        let error = Target::from_uri(&uri.parse().unwrap(), schemes).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid URI: {expected}"));
        assert!(error.is_invalid_uri());
    }

    #[test]
    fn the_port_is_the_one_in_the_uri_or_the_schemes() {
        assert_eq!(target("http://example.com:9000/").port, Port::Explicit(9000));
        assert_eq!(target("http://example.com/").port, Port::OfScheme(80));
        assert_eq!(target("http://example.com:/").port, Port::OfScheme(80));
        assert_eq!(target("https://user:pw@example.com/x?y").port, Port::OfScheme(443));
        assert_eq!(target("https://user:pw@example.com:1/").port, Port::Explicit(1));
    }

    #[test]
    fn literals_need_no_resolver() {
        assert_eq!(target("http://192.0.2.1:81/").literal, Some("192.0.2.1:81".parse().unwrap()));
        assert_eq!(target("http://[2001:db8::1]/").literal, Some("[2001:db8::1]:80".parse().unwrap()));
        assert_eq!(&*target("http://[2001:db8::1]/").host, "2001:db8::1");
        assert_eq!(target("http://example.com/").literal, None);
        assert_eq!(target("http://1.2.3/").literal, None);
    }

    #[test]
    fn a_zone_is_kept() {
        let scope = |uri| match target(uri).literal {
            Some(SocketAddr::V6(address)) => address.scope_id(),
            other => panic!("{other:?}"),
        };
        assert_eq!(scope("http://[fe80::1%257]/"), 7);
        assert_eq!(scope("http://[fe80::1%7]/"), 7);
        assert_eq!(scope("http://[fe80::1]/"), 0);
    }

    #[test]
    fn bad_uris_say_what_is_wrong() {
        assert_invalid(
            "https://example.com/",
            Schemes::Http,
            "the scheme is https, not http (add .tls(…), or enforce_http(false) under a TLS layer)",
        );
        assert_invalid("ftp://example.com/", Schemes::Http, "the scheme is ftp, not http");
        assert_invalid("ftp://example.com/", Schemes::HttpAndHttps, "the scheme is ftp, not http or https");
        assert_invalid("example.com:80", Schemes::Any, "it has no scheme");
        assert_invalid("/path", Schemes::Http, "it has no scheme");
        assert_invalid("http://:80/", Schemes::Any, "it has no host");
        assert_invalid("http://[]/", Schemes::Any, "it has no host");
        assert_invalid("http://example.com:0/", Schemes::Any, "port 0 cannot be connected to");
        assert_invalid("http://example.com:65536/", Schemes::Any, "port 65536 is above 65535");
        assert_invalid("http://[::1]:99999999999/", Schemes::Any, "port 99999999999 is above 65535");
        assert_invalid("http://example.com:abc/", Schemes::Any, "\"abc\" is not a port");
        assert_invalid("http://example.com:+80/", Schemes::Any, "\"+80\" is not a port");
        assert_invalid("http://[::1]x/", Schemes::Any, "\"x\" follows the host");
        assert_invalid("http://[@]/", Schemes::Any, "\"]\" is not a host");
        assert_invalid("http://[1@]:80/", Schemes::Any, "\"]\" is not a host");
        assert_invalid("http://[@a]b/", Schemes::Any, "\"b\" follows the host");
        assert_invalid("http://a[::1]:80/", Schemes::Any, "\"a[::1]\" is not a host");
        assert_invalid("http://[v1.a]/", Schemes::Any, "[v1.a] is not an IPv6 address");
        assert_invalid("http://[fe80::1%25]/", Schemes::Any, "the zone of [fe80::1%25] is empty");
        assert_invalid("http://[fe80::1%25no-such-if]/", Schemes::Any, "no interface has the name \"no-such-if\"");
    }

    #[test]
    fn an_error_has_neither_userinfo_nor_path() {
        let uri = "http://user:secret@example.com:0/private".parse().unwrap();
        let text = format!("{:?}", Target::from_uri(&uri, Schemes::Http).unwrap_err());
        assert!(!text.contains("secret") && !text.contains("private"), "{text}");
    }
}
