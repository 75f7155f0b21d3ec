//! What a request needs to go out over HTTP/1.1: the form of its target, its `Host`. Pure work on values.

use http::header::{EXPECT, HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version, uri};

use super::error::Error;
use super::pool::Key;

/// Where a request goes, or why it cannot.
pub(super) fn destination<B>(request: &Request<B>) -> Result<Key, Error> {
    let (method, uri) = (request.method(), request.uri());
    match request.version() {
        Version::HTTP_11 => {}
        // A tunnel needs HTTP/1.1.
        Version::HTTP_10 if *method != Method::CONNECT => {}
        version => return Err(Error::invalid_request(format!("{method} over {version:?} is not supported"))),
    }
    let Some(authority) = uri.authority() else {
        return Err(Error::invalid_request("the URI has no host"));
    };
    let scheme = match uri.scheme() {
        Some(scheme) => scheme.clone(),
        // The target of CONNECT is only an authority (RFC 9110 §9.3.6).
        None if *method == Method::CONNECT && authority.port_u16() == Some(443) => Scheme::HTTPS,
        None if *method == Method::CONNECT => Scheme::HTTP,
        None => return Err(Error::invalid_request("the URI has no scheme")),
    };
    Ok(Key { scheme, authority: authority.clone() })
}

/// The URI that a connector is given.
pub(super) fn connect_uri(key: &Key) -> Uri {
    let mut parts = uri::Parts::default();
    parts.scheme = Some(key.scheme.clone());
    parts.authority = Some(key.authority.clone());
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).expect("a scheme, an authority and a path make a URI")
}

/// The target as it is written (RFC 9112 §3.2): of a tunnel the authority, over a proxy the whole, else the path and the query.
pub(super) fn target(uri: &Uri, key: &Key, method: &Method, is_proxied: bool) -> Uri {
    let mut parts = uri::Parts::default();
    if *method == Method::CONNECT {
        parts.authority = Some(without_userinfo(key));
    } else {
        // `OPTIONS *` has no path, and `http` calls its absence a slash.
        let path = uri.path_and_query();
        // A connector that says of an https connection that it is proxied has made a tunnel.
        if is_proxied && key.scheme != Scheme::HTTPS {
            parts.scheme = Some(key.scheme.clone());
            parts.authority = Some(without_userinfo(key));
        } else if path.is_none_or(|path| *path == "/") {
            return Uri::default();
        }
        parts.path_and_query = Some(path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    Uri::from_parts(parts).expect("parts of a URI make a URI")
}

/// The value of `Host` (RFC 9110 §7.2): no userinfo, and no port that the scheme implies.
pub(super) fn host(key: &Key) -> HeaderValue {
    let Key { scheme, authority } = key;
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
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Adds what the caller left to the client.
pub(super) fn complete(headers: &mut HeaderMap, host: &HeaderValue, has_body: bool) {
    // A request without content must not expect anything (RFC 9110 §10.1.1).
    if !has_body && !headers.is_empty() && expects_continue(headers) {
        headers.remove(EXPECT);
    }
    headers.entry(HOST).or_insert_with(|| host.clone());
}

fn without_userinfo(key: &Key) -> Authority {
    let shown = key.host_and_port();
    if shown.len() == key.authority.as_str().len() {
        return key.authority.clone();
    }
    shown.parse().expect("an authority without userinfo is one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, uri: &str) -> Request<()> {
        Request::builder().method(method).uri(uri).body(()).unwrap()
    }

    fn written(method: Method, uri: &str, is_proxied: bool) -> (String, String) {
        let request = request(method, uri);
        let key = destination(&request).unwrap();
        let host = host(&key).to_str().unwrap().to_owned();
        (target(request.uri(), &key, request.method(), is_proxied).to_string(), host)
    }

    #[track_caller]
    fn assert_written(written: (String, String), target: &str, host: &str) {
        assert_eq!((written.0.as_str(), written.1.as_str()), (target, host));
    }

    #[test]
    fn an_origin_is_told_the_path_and_the_query() {
        assert_written(written(Method::GET, "http://a.example/b?c", false), "/b?c", "a.example");
        assert_written(written(Method::GET, "http://a.example", false), "/", "a.example");
        assert_written(written(Method::GET, "http://a.example?c", false), "/?c", "a.example");
        assert_written(written(Method::GET, "https://[::1]:8443/b", true), "/b", "[::1]:8443");
    }

    #[test]
    fn a_proxy_is_told_the_whole() {
        let uri = "http://user:pw@a.example:81/b?c";
        assert_written(written(Method::GET, uri, true), "http://a.example:81/b?c", "a.example:81");
        assert_written(written(Method::GET, "http://a.example", true), "http://a.example/", "a.example");
    }

    #[test]
    fn a_tunnel_is_to_an_authority() {
        assert_written(written(Method::CONNECT, "a.example:443", false), "a.example:443", "a.example");
        assert_written(written(Method::CONNECT, "u@a.example:81", true), "a.example:81", "a.example:81");
        assert_eq!(destination(&request(Method::CONNECT, "a.example:443")).unwrap().scheme, Scheme::HTTPS);
        assert_eq!(destination(&request(Method::CONNECT, "a.example:80")).unwrap().scheme, Scheme::HTTP);
    }

    #[test]
    fn host_leaves_out_what_the_scheme_implies() {
        assert_written(written(Method::GET, "http://a.example:80/", false), "/", "a.example");
        assert_written(written(Method::GET, "https://a.example:443/", false), "/", "a.example");
        assert_written(written(Method::GET, "https://a.example:80/", false), "/", "a.example:80");
        assert_written(written(Method::GET, "http://user:secret@a.example/", false), "/", "a.example");
    }

    #[test]
    fn a_request_that_cannot_be_sent_says_why() {
        let message = |request: Request<()>| destination(&request).unwrap_err().to_string();
        assert_eq!(message(request(Method::GET, "/path")), "invalid request: the URI has no host");
        assert_eq!(message(request(Method::GET, "a.example:80")), "invalid request: the URI has no scheme");
        let mut old = request(Method::CONNECT, "a.example:443");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(message(old), "invalid request: CONNECT over HTTP/1.0 is not supported");
        let mut new = request(Method::GET, "http://a.example/");
        *new.version_mut() = Version::HTTP_2;
        assert_eq!(message(new), "invalid request: GET over HTTP/2.0 is not supported");
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
