//! Recognises the head of a request in what is written, as far as it matters here. Pure text work.

/// What matters of a request's head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    /// The stream may become another protocol's.
    pub(super) wants_upgrade: bool,
}

impl RequestHead {
    /// `None` if `bytes` do not begin with a request line.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|&byte| byte == b'\n').next()?;
        let version = line.strip_suffix(b"\r").unwrap_or(line).rsplit(|&byte| byte == b' ').next()?;
        if !version.starts_with(b"HTTP/1.") {
            return None;
        }
        let wants_upgrade = bytes.starts_with(b"CONNECT ") || fields(bytes).any(is_upgrade);
        Some(Self { wants_upgrade })
    }
}

/// The field lines of a head, up to the empty line.
fn fields(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|&byte| byte == b'\n').skip(1).take_while(|line| !matches!(*line, b"" | b"\r"))
}

fn is_upgrade(line: &[u8]) -> bool {
    const NAME: &[u8] = b"upgrade:";
    line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants_upgrade(bytes: &[u8]) -> Option<bool> {
        RequestHead::of(bytes).map(|head| head.wants_upgrade)
    }

    #[test]
    fn a_request_line_begins_a_request() {
        assert_eq!(wants_upgrade(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"), Some(false));
        assert_eq!(wants_upgrade(b"POST /upgrade: HTTP/1.0\r\n\r\nupgrade: no"), Some(false));
    }

    #[test]
    fn the_rest_of_a_body_does_not() {
        for bytes in [&b""[..], b"\x16\x03\x01\x02", b"hello HTTP/1.1x y\r\n", b"HTTP", b"a\nGET / HTTP/1.1\r\n"] {
            assert_eq!(RequestHead::of(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn an_upgrade_is_asked_for_by_method_or_by_field() {
        assert_eq!(wants_upgrade(b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n"), Some(true));
        assert_eq!(wants_upgrade(b"GET / HTTP/1.1\r\nhost: a\r\nUpGrade: websocket\r\n\r\n"), Some(true));
        assert_eq!(wants_upgrade(b"GET / HTTP/1.1\r\nx-upgrade: 1\r\n\r\n"), Some(false));
    }
}
