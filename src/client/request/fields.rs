//! The fields of a request that the client is in charge of. Pure work on values.

use http::header::{CONNECTION, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Request};
use http_body::Body;

use super::framing::{Framing, Size};
use crate::client::destination::{Destination, split_port};
use crate::client::error::ClientError;
use crate::connect::authority::default_port;

/// Checks the fields of a request, and makes those of them that frame its body agree with how it is sent.
///
/// # Errors
///
/// An invalid request: what would go out is not one request (RFC 9112).
#[inline(always)]
pub(in crate::client) fn frame<B: Body>(request: &mut Request<B>) -> Result<Framing, ClientError> {
    let size = Size::of(request.body());
    // Most requests.
    if size == Size::Exact(0) && request.headers().is_empty() {
        return Ok(Framing::Empty);
    }
    frame_by_fields(request, size)
}

fn frame_by_fields<B>(request: &mut Request<B>, size: Size) -> Result<Framing, ClientError> {
    let framing = Framing::decide(request.method(), request.version(), request.headers(), size)?;
    check_fields(request.headers())?;
    framing.write_to(request.headers_mut());
    Ok(framing)
}

fn check_fields(headers: &HeaderMap) -> Result<(), ClientError> {
    // A server must refuse it (RFC 9112 §3.2).
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(ClientError::invalid_request("it has several Host fields"));
    }
    if headers.keys_len() > MAX_NAMES {
        return Err(ClientError::invalid_request(format!("it has more than {MAX_NAMES} fields")));
    }
    Ok(())
}

/// How many names a request can have. A map of fields panics where it would have more than 24,576, and some are added here
/// and by hyper.
const MAX_NAMES: usize = 24_000;

/// The value of `Host` (RFC 9110 §7.2): no userinfo, and no port that the scheme implies.
pub(in crate::client) fn host(destination: &Destination) -> Result<HeaderValue, ClientError> {
    let shown = destination.host_and_port();
    let (host, port) = split_port(shown);
    let port = port.parse::<u16>().ok();
    let value = if port.is_none() || port == default_port(destination.scheme()) { host } else { shown };
    HeaderValue::try_from(value)
        .map_err(|_no_value| ClientError::invalid_request("the host is not the value of a field"))
}

/// Whether the body waits for the server to ask for it (RFC 9110 §10.1.1).
#[inline]
pub(in crate::client) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The fields that are for one connection of HTTP/1.1: they are no part of a message over HTTP/2 (RFC 9113 §8.2.2), and no trailers.
pub(in crate::client) static OF_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Adds what the caller left to the client.
#[inline]
pub(in crate::client) fn complete(headers: &mut HeaderMap, host: &HeaderValue, has_body: bool) {
    // A request without content must not expect anything (RFC 9110 §10.1.1).
    if !has_body && !headers.is_empty() && expects_continue(headers) {
        headers.remove(EXPECT);
    }
    headers.entry(HOST).or_insert_with(|| host.clone());
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::header::CONTENT_LENGTH;
    use http_body_util::Empty;

    use super::*;

    #[track_caller]
    fn assert_host(uri: &str, expected: &str) {
        let destination = Destination::take_from(&mut Request::get(uri).body(()).unwrap()).unwrap();
        assert_eq!(host(&destination).unwrap(), expected);
    }

    #[test]
    fn host_leaves_out_what_the_scheme_implies() {
        assert_host("http://a.example:80/", "a.example");
        assert_host("https://a.example:443/", "a.example");
        assert_host("https://a.example:80/", "a.example:80");
        assert_host("http://a.example:81/b?c", "a.example:81");
        assert_host("https://[::1]:8443/b", "[::1]:8443");
        assert_host("http://user:secret@a.example/", "a.example");
        assert_host("http://user@[::1]:81/", "[::1]:81");
        assert_host("http://a.example:/", "a.example");
        assert_host("http://a.example:0080/", "a.example");
        assert_host("ws://a.example:80/", "a.example");
        assert_host("wss://a.example:80/", "a.example:80");
        assert_host("x://a.example:80/", "a.example:80");
    }

    #[test]
    fn a_request_has_one_host_and_no_more_fields_than_a_map_can_hold() {
        let framed = |headers: HeaderMap| {
            let mut request = Request::get("http://a.example/").body(Empty::<Bytes>::new()).unwrap();
            *request.headers_mut() = headers;
            frame(&mut request).map(|framing| (framing, request)).map_err(|error| error.to_string())
        };
        let hosts = ["a.example", "a.example"].map(|host| (HOST, HeaderValue::from_static(host)));
        let error = framed(HeaderMap::from_iter(hosts)).unwrap_err();
        assert_eq!(error, "invalid request: it has several Host fields");
        let fields = |count: usize| {
            let names = (0..count).map(|number| HeaderName::try_from(format!("x-{number}")).unwrap());
            names.map(|name| (name, HeaderValue::from_static("1"))).collect::<HeaderMap>()
        };
        let (framing, mut request) = framed(fields(MAX_NAMES)).unwrap();
        assert_eq!(framing, Framing::Empty);
        // What hyper may add.
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            request.headers_mut().insert(name, HeaderValue::from_static("1"));
        }
        complete(request.headers_mut(), &HeaderValue::from_static("a.example"), false);
        assert_eq!(framed(fields(MAX_NAMES + 1)).unwrap_err(), "invalid request: it has more than 24000 fields");
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
