//! The text of an authority, and the port of a scheme.

use http::uri::Scheme;

/// Splits an authority into the host, brackets included, and what follows the host: nothing, or a colon and the port. The third value is whether the
/// host has none of the characters `@`, `[` and `:`, and so needs no further check.
#[inline]
pub(crate) fn split_authority(authority: &str) -> (&str, &str, bool) {
    let bytes = authority.as_bytes();
    let last_mark = bytes.iter().rposition(|byte| matches!(byte, b'@' | b':' | b']'));
    let (may_have_userinfo, rest) = match last_mark.map(|place| (bytes[place], place)) {
        Some((b':', place)) => authority.split_at(place),
        Some((b']', place)) => authority.split_at(place + 1),
        _ => (authority, ""),
    };
    // A fold has no early exit, so that the compiler makes a few instructions of it.
    let is_plain = may_have_userinfo.bytes().fold(true, |plain, byte| plain & PLAIN[usize::from(byte)]);
    let host = if is_plain { may_have_userinfo } else { may_have_userinfo.rsplit('@').next().unwrap_or_default() };
    (host, rest, is_plain)
}

/// Returns the port that a URI with this scheme has if it names none (RFC 9110 §4.2, RFC 6455 §3).
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    // The crate `http` gives `http` and `https` in lower case, and other schemes as they were written.
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
    // The crate `http` gives `https` in lower case, and other schemes as they were written.
    scheme == "https" || scheme.eq_ignore_ascii_case("wss")
}

/// Which bytes say nothing about the structure of an authority: all but `@`, `[` and `:`.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    plain[b'@' as usize] = false;
    plain[b'[' as usize] = false;
    plain[b':' as usize] = false;
    plain
};
