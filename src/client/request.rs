//! The fields of a request that the client is in charge of. Pure work on values.

use http::HeaderMap;
use http::header::{EXPECT, HOST, HeaderValue};

use super::destination::Destination;

/// The value of `Host` (RFC 9110 §7.2): no userinfo, and no port that the scheme implies.
pub(super) fn host(destination: &Destination) -> HeaderValue {
    let (scheme, authority) = (destination.scheme(), destination.authority());
    let host = authority.host();
    let implied = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let value = match authority.port_u16() {
        Some(port) if Some(port) != implied => HeaderValue::try_from(format!("{host}:{port}")),
        _ => HeaderValue::try_from(host),
    };
    value.expect("a host is a valid value")
}

/// Whether the body waits for the server to ask for it (RFC 9110 §10.1.1).
#[inline]
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Adds what the caller left to the client.
#[inline]
pub(super) fn complete(headers: &mut HeaderMap, host: &HeaderValue, has_body: bool) {
    // A request without content must not expect anything (RFC 9110 §10.1.1).
    if !has_body && !headers.is_empty() && expects_continue(headers) {
        headers.remove(EXPECT);
    }
    headers.entry(HOST).or_insert_with(|| host.clone());
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn assert_host(uri: &str, expected: &str) {
        let destination = Destination::take_from(&mut Request::get(uri).body(()).unwrap()).unwrap();
        assert_eq!(host(&destination), expected);
    }

    #[test]
    fn host_leaves_out_what_the_scheme_implies() {
        assert_host("http://a.example:80/", "a.example");
        assert_host("https://a.example:443/", "a.example");
        assert_host("https://a.example:80/", "a.example:80");
        assert_host("http://a.example:81/b?c", "a.example:81");
        assert_host("https://[::1]:8443/b", "[::1]:8443");
        assert_host("http://user:secret@a.example/", "a.example");
    }

    #[test]
    fn only_a_body_can_be_expected() {
        let mut headers = HeaderMap::from_iter([(EXPECT, HeaderValue::from_static("100-Continue"))]);
        let host = HeaderValue::from_static("a.example");
        complete(&mut headers, &host, true);
        assert!(expects_continue(&headers));
        complete(&mut headers, &host, false);
        assert!(!expects_continue(&headers));
    }

    #[test]
    fn a_host_that_the_caller_gave_stays() {
        let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("b.example"))]);
        complete(&mut headers, &HeaderValue::from_static("a.example"), false);
        assert_eq!(headers[HOST], "b.example");
    }
}
