//! The fields of a request that the client writes or checks: `Host`, `Connection`, `Expect`, and those that frame the body. Pure functions.

use http::header::{CONNECTION, EXPECT, Entry, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Uri};
use http_body::Body;

use super::framing::{Framing, Size};
use crate::client::destination::{self, Destination};
use crate::client::error::ClientError;

/// Checks the fields of a request, decides how its body is framed, and writes the framing fields.
///
/// # Errors
///
/// An invalid request, if a server could not read what would be sent, or would read it as more than one request (RFC 9112).
#[inline(always)]
pub(in crate::client) fn frame<B: Body>(request: &mut Request<B>) -> Result<Framing, ClientError> {
    let size = Size::of(request.body());
    // A shortcut for most requests.
    if size == Size::Exact(0) && request.headers().is_empty() && !means_content(request.method()) {
        return Ok(Framing::Empty);
    }
    frame_by_fields(request, size)
}

fn frame_by_fields<B>(request: &mut Request<B>, size: Size) -> Result<Framing, ClientError> {
    let framing = Framing::decide(request.method(), request.version(), request.headers(), size)?;
    check_fields(request.headers())?;
    let means_content = means_content(request.method());
    framing.write_to(request.headers_mut(), means_content);
    Ok(framing)
}

/// Whether a request with this method usually has content. If it has none, it says so with `Content-Length: 0` (RFC 9110 §8.6).
#[inline]
fn means_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

fn check_fields(headers: &HeaderMap) -> Result<(), ClientError> {
    // A server must refuse a request with an invalid `Host`, or with several (RFC 9112 §3.2).
    let mut hosts = headers.get_all(HOST).iter();
    if hosts.next().is_some_and(|host| !is_host(host.as_bytes())) {
        return Err(ClientError::invalid_request("Host is no host with or without a port"));
    }
    if hosts.next().is_some() {
        return Err(ClientError::invalid_request("it has several Host fields"));
    }
    if headers.keys_len() > MAX_NAMES {
        return Err(ClientError::invalid_request(format!("it has more than {MAX_NAMES} fields")));
    }
    Ok(())
}

/// Whether this is a valid value of `Host`. It may be empty, for a URI without an authority (RFC 9110 §7.2).
fn is_host(value: &[u8]) -> bool {
    let is_authority = |value: &str| {
        !value.contains('@') && value.parse::<Authority>().is_ok() && destination::is_host_and_port(value)
    };
    value.is_empty() || std::str::from_utf8(value).is_ok_and(is_authority)
}

/// The most field names that a request may have. A `HeaderMap` panics beyond 24,576 names. The difference is for the fields that this client and
/// hyper add.
const MAX_NAMES: usize = 24_000;

/// Returns the value of `Host` for this destination (RFC 9110 §7.2).
pub(in crate::client) fn host(destination: &Destination) -> Result<HeaderValue, ClientError> {
    HeaderValue::try_from(&*destination.told())
        .map_err(|_no_value| ClientError::invalid_request("the host is not the value of a field"))
}

/// Returns the value of `Host` for a CONNECT request to `target`.
#[cold]
pub(in crate::client) fn host_of_tunnel(target: &Uri) -> Option<HeaderValue> {
    HeaderValue::try_from(target.authority()?.as_str()).ok()
}

/// Whether the body waits for the server to ask for it (RFC 9110 §10.1.1).
#[inline]
pub(in crate::client) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The fields that are about one HTTP/1.1 connection. They must not be sent over HTTP/2 (RFC 9113 §8.2.2) nor as trailers.
pub(in crate::client) static OF_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Adds `Host`, and `Connection: close` if `closes`, which is that the connection gets no other request. Removes `Expect` from a request
/// without a body.
#[inline]
pub(in crate::client) fn complete(headers: &mut HeaderMap, host: &HeaderValue, has_body: bool, closes: bool) {
    // A request without content must not expect anything (RFC 9110 §10.1.1).
    if !has_body && !headers.is_empty() && expects_continue(headers) {
        headers.remove(EXPECT);
    }
    if headers.is_empty() {
        headers.insert(HOST, host.clone());
    } else {
        begin_with_host(headers, host);
    }
    if closes {
        say_close(headers);
    }
}

/// Makes `Host` the first field (RFC 9110 §7.2). Its value is `host`, unless the caller gave another.
fn begin_with_host(headers: &mut HeaderMap, host: &HeaderValue) {
    let Some(first) = headers.keys().next().filter(|first| **first != HOST).cloned() else { return };
    if let Some(host) = headers.insert(HOST, host.clone()) {
        // The caller gave one: put it back. Its place among the fields does not matter yet.
        headers.remove(HOST);
        headers.insert(HOST, host);
    }
    // `Host` is the last field now. Removing the first field moves the last one into its place, and the removed field is appended at the end.
    let Entry::Occupied(entry) = headers.entry(first) else { return };
    if entry.iter().nth(1).is_none() {
        let (first, value) = entry.remove_entry();
        headers.append(first, value);
        return;
    }
    let (first, values) = entry.remove_entry_mult();
    let values: Vec<_> = values.collect();
    for value in values {
        headers.append(first.clone(), value);
    }
}

/// Adds `close` to `Connection` (RFC 9112 §9.6). An upgrade request is left as the caller wrote it: after an upgrade
/// the connection is the caller's.
#[cold]
fn say_close(headers: &mut HeaderMap) {
    if headers.contains_key(UPGRADE) {
        return;
    }
    let options =
        || headers.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    let named: Vec<_> = options().map(str::trim).filter(|option| !is_about_keeping(option)).collect();
    let value = named.into_iter().chain(["close"]).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(CONNECTION, value);
    }
}

/// Whether this option of `Connection` is `close`, `keep-alive` or empty: the options that `close` replaces.
fn is_about_keeping(option: &str) -> bool {
    option.is_empty() || ["close", "keep-alive"].iter().any(|known| option.eq_ignore_ascii_case(known))
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
        assert_host("http://[fe80::1%25lo]:8080/", "[fe80::1]:8080");
        assert_host("https://[fe80::1%1]:443/", "[fe80::1]");
        assert_host("WSS://a.example:443/", "a.example");
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
        // The fields that hyper may add.
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            request.headers_mut().insert(name, HeaderValue::from_static("1"));
        }
        complete(request.headers_mut(), &HeaderValue::from_static("a.example"), false, true);
        assert_eq!(framed(fields(MAX_NAMES + 1)).unwrap_err(), "invalid request: it has more than 24000 fields");
    }

    #[test]
    fn only_a_body_can_be_expected() {
        let mut headers = HeaderMap::from_iter([(EXPECT, HeaderValue::from_static("100-Continue"))]);
        let host = HeaderValue::from_static("a.example");
        complete(&mut headers, &host, true, false);
        assert!(expects_continue(&headers));
        complete(&mut headers, &host, false, false);
        assert!(!expects_continue(&headers));
    }

    #[test]
    fn a_host_that_the_caller_gave_stays() {
        let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("b.example"))]);
        complete(&mut headers, &HeaderValue::from_static("a.example"), false, false);
        assert_eq!(headers[HOST], "b.example");
    }

    /// Returns the fields that are sent if the caller gives `fields`.
    fn completed(fields: &[(&'static str, &str)], closes: bool) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        complete(&mut headers, &HeaderValue::from_static("a.example"), false, closes);
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn host_is_the_first_field_and_no_value_of_another_is_lost() {
        let ours = "host: a.example";
        assert_eq!(completed(&[], false), [ours]);
        assert_eq!(completed(&[("x", "1")], false), [ours, "x: 1"]);
        assert_eq!(completed(&[("x", "1"), ("y", "2"), ("z", "3")], false), [ours, "y: 2", "z: 3", "x: 1"]);
        assert_eq!(
            completed(&[("x", "1"), ("x", "2"), ("y", "3"), ("x", "4")], false),
            [ours, "y: 3", "x: 1", "x: 2", "x: 4"]
        );
        assert_eq!(completed(&[("host", "b"), ("x", "1")], false), ["host: b", "x: 1"]);
        assert_eq!(completed(&[("x", "1"), ("host", "b"), ("y", "2")], false), ["host: b", "y: 2", "x: 1"]);
        assert_eq!(completed(&[("expect", "100-continue")], false), [ours]);
        for count in 1..40 {
            let names: Vec<_> = (0..count).map(|number| HeaderName::try_from(format!("x-{number}")).unwrap()).collect();
            let mut headers: HeaderMap =
                names.iter().map(|name| (name.clone(), HeaderValue::from_static("1"))).collect();
            complete(&mut headers, &HeaderValue::from_static("a.example"), false, false);
            assert_eq!(headers.keys().next(), Some(&HOST), "{count}");
            assert!(headers.len() == count + 1 && names.iter().all(|name| headers.contains_key(name)), "{count}");
        }
    }

    #[test]
    fn a_request_whose_connection_is_not_kept_says_so() {
        let connection = |fields: &[(&'static str, &str)]| {
            let mut fields = completed(fields, true);
            fields.retain(|field| field.starts_with("connection"));
            fields.join("; ")
        };
        assert_eq!(connection(&[]), "connection: close");
        assert_eq!(connection(&[("connection", "close")]), "connection: close");
        assert_eq!(connection(&[("connection", "Keep-Alive")]), "connection: close");
        assert_eq!(connection(&[("connection", "te, keep-alive"), ("te", "x")]), "connection: te, close");
        assert_eq!(connection(&[("connection", "te"), ("connection", "x")]), "connection: te, x, close");
        assert_eq!(connection(&[("connection", "upgrade"), ("upgrade", "x")]), "connection: upgrade");
    }
}
