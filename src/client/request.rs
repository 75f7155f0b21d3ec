//! The fields of a request that the client is in charge of. Pure work on values.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderValue, TRANSFER_ENCODING};
use http_body::SizeHint;

use super::destination::Destination;
use super::error::Error;

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

/// How many bytes of content the request says it has (RFC 9110 §8.6), if it does. A body that is known to have another
/// length is an error: the server would take what follows for its rest, or its rest for what follows.
pub(super) fn declared_length(headers: &HeaderMap, body: &SizeHint) -> Result<Option<u64>, Error> {
    // What is encoded in chunks needs no length, and hyper sends none (RFC 9112 §6.2).
    if headers.contains_key(TRANSFER_ENCODING) {
        return Ok(None);
    }
    let mut declared = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(length) = length.and_then(|text| text.parse::<u64>().ok()) else {
            return Err(Error::invalid_request("the Content-Length is not a number"));
        };
        if declared.is_some_and(|other| other != length) || body.exact().is_some_and(|exact| exact != length) {
            return Err(Error::invalid_request("the Content-Length is not that of the body"));
        }
        declared = Some(length);
    }
    Ok(declared)
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
    use http::header::HeaderName;

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
    fn a_length_that_is_declared_is_that_of_the_body() {
        let headers = |pairs: &[(HeaderName, &'static str)]| {
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect::<HeaderMap>()
        };
        let [five, unknown] = [SizeHint::with_exact(5), SizeHint::new()];
        let declared = |pairs: &[_], body| declared_length(&headers(pairs), body).map_err(|error| error.to_string());
        assert_eq!(declared(&[], &five), Ok(None));
        assert_eq!(declared(&[(CONTENT_LENGTH, "5")], &five), Ok(Some(5)));
        assert_eq!(declared(&[(CONTENT_LENGTH, "6")], &unknown), Ok(Some(6)));
        assert_eq!(declared(&[(CONTENT_LENGTH, "6"), (TRANSFER_ENCODING, "chunked")], &five), Ok(None));
        let wrong = Err("invalid request: the Content-Length is not that of the body".to_owned());
        assert_eq!(declared(&[(CONTENT_LENGTH, "6")], &five), wrong);
        for text in ["+5", "five", ""] {
            let error = declared(&[(CONTENT_LENGTH, text)], &unknown).unwrap_err();
            assert_eq!(error, "invalid request: the Content-Length is not a number", "{text:?}");
        }
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
