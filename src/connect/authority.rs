//! The text of an authority, and the port of a scheme.

use http::uri::Scheme;

/// The host, brackets included; what follows it: nothing, or a colon and the port; and whether there is nothing that could
/// be wrong with it.
#[inline]
pub(crate) fn split_authority(authority: &str) -> (&str, &str, bool) {
    let bytes = authority.as_bytes();
    let last_mark = bytes.iter().rposition(|byte| matches!(byte, b'@' | b':' | b']'));
    let (may_have_userinfo, rest) = match last_mark.map(|place| (bytes[place], place)) {
        Some((b':', place)) => authority.split_at(place),
        Some((b']', place)) => authority.split_at(place + 1),
        _ => (authority, ""),
    };
    // Without an early end, this is a handful of instructions for any host.
    let is_plain = may_have_userinfo.bytes().fold(true, |plain, byte| plain & PLAIN[usize::from(byte)]);
    let host = if is_plain { may_have_userinfo } else { may_have_userinfo.rsplit('@').next().unwrap_or_default() };
    (host, rest, is_plain)
}

/// Returns the port of a URI that names none (RFC 9110 §4.2, RFC 6455 §3).
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    // Of these, `http` gives the first and the third in lower case.
    match scheme {
        "http" => Some(HTTP_PORT),
        "https" => Some(443),
        _ if scheme.eq_ignore_ascii_case("ws") => Some(HTTP_PORT),
        _ if scheme.eq_ignore_ascii_case("wss") => Some(443),
        _ => None,
    }
}

/// The port of http.
pub(super) const HTTP_PORT: u16 = 80;

/// Whether connections for this scheme are secured by TLS.
#[inline]
pub(crate) fn is_secure(scheme: &Scheme) -> bool {
    let scheme = scheme.as_str();
    // `http` gives the first in lower case.
    scheme == "https" || scheme.eq_ignore_ascii_case("wss")
}

/// The bytes that a host may have anywhere.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    plain[b'@' as usize] = false;
    plain[b'[' as usize] = false;
    plain[b':' as usize] = false;
    plain
};
