//! Recognises the head of a request in the bytes that are written. Pure functions.

/// What the wrapper needs of the head of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    /// The method is CONNECT: a successful response makes the stream a tunnel (RFC 9110 §9.3.6).
    pub(super) is_connect: bool,
}

impl RequestHead {
    /// Parses a request line. `None` if `bytes` do not begin with one.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|&byte| byte == b'\n').next()?;
        let version = line.strip_suffix(b"\r").unwrap_or(line).rsplit(|&byte| byte == b' ').next()?;
        version.starts_with(b"HTTP/1.").then(|| Self { is_connect: bytes.starts_with(b"CONNECT ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_connect(bytes: &[u8]) -> Option<bool> {
        RequestHead::of(bytes).map(|head| head.is_connect)
    }

    #[test]
    fn a_request_line_begins_a_request() {
        assert_eq!(is_connect(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"), Some(false));
        assert_eq!(is_connect(b"POST /CONNECT HTTP/1.0\r\n\r\n"), Some(false));
        assert_eq!(is_connect(b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n"), Some(true));
    }

    #[test]
    fn the_rest_of_a_body_does_not() {
        for bytes in [&b""[..], b"\x16\x03\x01\x02", b"hello HTTP/1.1x y\r\n", b"HTTP", b"a\nGET / HTTP/1.1\r\n"] {
            assert_eq!(RequestHead::of(bytes), None, "{bytes:?}");
        }
    }
}
