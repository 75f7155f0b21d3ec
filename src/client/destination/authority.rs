//! The text of an authority: its normal form, its form for servers, and its validity. Pure functions.

use std::borrow::Cow;

use http::uri::Authority;

use crate::client::error::ClientError;
use crate::connect::authority::{default_port, split_authority};

/// Whether an authority is certainly in the form that [`normalized`] returns. Most are.
#[inline]
pub(super) fn is_normal(authority: &str) -> bool {
    let bytes = authority.as_bytes();
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, port) = bytes.split_at(bytes.len() - digits);
    let has_plain_port = rest.last() != Some(&b':') || !matches!(port, [] | [b'0', ..] | b"80" | b"443");
    has_plain_port && !has_at(bytes)
}

/// Whether the text has an `@`. Compares eight bytes at a time, since every request is checked.
#[inline]
fn has_at(bytes: &[u8]) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let has = |word: &[u8; 8]| {
        // A byte that matched is zero now. Subtracting one from it borrows from the next byte.
        let zero = u64::from_le_bytes(*word) ^ (EACH * b'@' as u64);
        zero.wrapping_sub(EACH) & !zero & (EACH << 7) != 0
    };
    match bytes.last_chunk() {
        // The last eight bytes overlap bytes that were compared already.
        Some(last) => has(last) || bytes.chunks_exact(8).any(|word| word.try_into().is_ok_and(has)),
        None => bytes.contains(&b'@'),
    }
}

/// Returns the normal form of all authorities that mean the same with `scheme` (RFC 3986 §6.2.3): without userinfo, and without the default port.
/// Host and port are [checked](check).
///
/// # Errors
///
/// The request is invalid.
#[cold]
pub(super) fn normalized(authority: &str, scheme: &str) -> Result<Authority, ClientError> {
    let (host, rest, _) = split_authority(authority);
    let bare = &authority[authority.len() - host.len() - rest.len()..];
    check(bare)?;
    if bare.len() < authority.len() {
        tracing::debug!(host = bare, "user and password of a URI are not sent: set the field Authorization instead");
    }
    let (host, port) = split_port(bare);
    match port.parse::<u16>() {
        Ok(port) if Some(port) != default_port(scheme) => parse(&format!("{host}:{port}")),
        Ok(_) | Err(_) => parse(host),
    }
}

/// Checks that host and port are valid (RFC 3986 §3.2.2 and §3.2.3, RFC 9110 §4.2.1). The crate `http` accepts more.
///
/// # Errors
///
/// The request is invalid.
pub(super) fn check(bare: &str) -> Result<(), ClientError> {
    let invalid = |problem: String| Err(ClientError::invalid_request(problem));
    let (host, port) = split_port(bare);
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = literal.unwrap_or(host);
    // A zone needs an address before it.
    if name.is_empty() || name.starts_with('%') {
        return invalid("the URI has no host".into());
    }
    if name.contains(['[', ']', '@']) || (literal.is_none() && name.contains([':', '%'])) {
        return invalid(format!("{host:?} is not a host"));
    }
    if port.is_empty() {
        return Ok(());
    }
    match port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse()) {
        Some(Ok(1..=u16::MAX)) => Ok(()),
        Some(Ok(0)) => invalid("port 0 cannot be connected to".into()),
        Some(Err(_)) | None => invalid(format!("{port:?} is not a port")),
    }
}

/// Returns host and port for use outside this machine: without the zone of an address, which has a meaning only here (RFC 6874 §4).
#[inline]
pub(super) fn without_zone(authority: &str) -> Cow<'_, str> {
    match authority.split_once('%') {
        None => Cow::Borrowed(authority),
        Some((address, rest)) => {
            let behind = rest.find(']').map_or("", |bracket| &rest[bracket..]);
            Cow::Owned([address, behind].concat())
        }
    }
}

/// Returns the host, brackets included, and the port, empty if there is none. What follows a bracket and is no port counts as part of the host.
pub(super) fn split_port(host_and_port: &str) -> (&str, &str) {
    let (host, rest, _) = split_authority(host_and_port);
    match rest.strip_prefix(':') {
        Some(port) => (host, port),
        None => (host_and_port, ""),
    }
}

pub(super) fn parse(authority: &str) -> Result<Authority, ClientError> {
    authority.parse().map_err(|error| ClientError::invalid_request(format!("the host: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_mean_the_same_have_one_form() {
        for (authority, scheme, expected) in [
            ("a.example", "http", "a.example"),
            ("a.example:", "http", "a.example"),
            ("a.example:80", "http", "a.example"),
            ("a.example:0080", "http", "a.example"),
            ("a.example:80", "https", "a.example:80"),
            ("a.example:080", "https", "a.example:80"),
            ("a.example:443", "https", "a.example"),
            ("a.example:443", "http", "a.example:443"),
            ("a.example:443", "wss", "a.example"),
            ("a.example:443", "WSS", "a.example"),
            ("a.example:80", "ws", "a.example"),
            ("a.example:80", "x", "a.example:80"),
            ("a.example:", "x", "a.example"),
            ("u:p@a.example:81", "http", "a.example:81"),
            ("u@v@a.example", "http", "a.example"),
            ("u@[::1]:80", "http", "[::1]"),
            ("[fe80::1%25lo]:80", "http", "[fe80::1%25lo]"),
            ("a.example:8080", "http", "a.example:8080"),
            ("1", "http", "1"),
            ("127.0.0.1:4430", "https", "127.0.0.1:4430"),
        ] {
            let normal = normalized(authority, scheme).unwrap();
            assert_eq!(normal, expected, "{scheme} {authority}");
            // An authority that `is_normal` accepts must be in the normal form.
            assert!(!is_normal(authority) || authority == expected, "{scheme} {authority}");
        }
        for length in 0..40 {
            for at in 0..length {
                let text = |byte| [vec![b'a'; at], vec![byte], vec![b'?'; length - at]].concat();
                assert!(has_at(&text(b'@')) && !has_at(&text(b'A')) && !has_at(&text(b'?')), "{length} {at}");
            }
        }
        for usual in ["a.example", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8443", "host1", "1"] {
            assert!(is_normal(usual), "{usual}");
        }
    }

    #[test]
    fn a_zone_stays_at_home() {
        for (authority, told) in [
            ("[fe80::1%25lo]:8080", "[fe80::1]:8080"),
            ("[fe80::1%lo]", "[fe80::1]"),
            ("[fe80::1%251]:81", "[fe80::1]:81"),
            ("[::1]:81", "[::1]:81"),
            ("a.example:81", "a.example:81"),
        ] {
            assert_eq!(without_zone(authority), told);
        }
    }

    #[test]
    fn an_authority_is_cut_where_its_port_begins() {
        for (authority, host, port) in [
            ("a.example", "a.example", ""),
            ("a.example:80", "a.example", "80"),
            ("a.example:", "a.example", ""),
            ("[::1]", "[::1]", ""),
            ("[::1]:80", "[::1]", "80"),
            ("[::1]a", "[::1]a", ""),
            ("[::1]a:80", "[::1]a", "80"),
            ("]:80", "]", "80"),
            ("", "", ""),
        ] {
            assert_eq!(split_port(authority), (host, port), "{authority}");
        }
    }
}
