//! The head of a request in HTTP/2's form. Pure work on values.

use http::header::{self, HeaderMap, HeaderName};
use http::uri::Authority;
use http::{Request, Version};

use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::client::request::fields::OF_CONNECTION;
use crate::client::request::framing::Framing;

/// Rewrites the head of a request to `destination` into HTTP/2's form: an absolute target, whose authority is `authority` or the caller's `Host`, and
/// the fields that HTTP/2 allows (RFC 9113 §8.2 and §8.3). `framing` says how long the body is.
///
/// # Errors
///
/// The request is invalid: `Host` is no authority.
pub(super) fn complete<B>(
    request: &mut Request<B>,
    destination: &Destination,
    authority: &Authority,
    framing: &Framing,
) -> Result<(), ClientError> {
    let host = if request.headers().is_empty() { None } else { take_host(request.headers_mut())? };
    *request.uri_mut() = match destination.as_it_is(authority) {
        // The fast path of most requests: the destination's URI can be sent as it is.
        Some(uri) if host.is_none() => uri.clone(),
        _ => destination.whole(destination.http_scheme(), host.unwrap_or_else(|| authority.clone()))?,
    };
    *request.version_mut() = Version::HTTP_2;
    drop_fields_of_the_connection(request.headers_mut());
    declare_length(request.headers_mut(), framing);
    Ok(())
}

/// Removes `Host`, which HTTP/2 sends as `:authority` (RFC 9113 §8.3.1).
fn take_host(headers: &mut HeaderMap) -> Result<Option<Authority>, ClientError> {
    let Some(host) = headers.remove(header::HOST) else { return Ok(None) };
    let authority = Authority::try_from(host.as_bytes());
    authority.map(Some).map_err(|error| ClientError::invalid_request(format!("Host is no authority: {error}")))
}

/// Sets `content-length`, where the length is known (RFC 9110 §8.6). For a request without a body, the framing step has already set it where that
/// means something.
fn declare_length(headers: &mut HeaderMap, framing: &Framing) {
    if let Framing::Length(length) = *framing {
        headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
}

/// Removes the connection-specific fields of HTTP/1.1, which must not be sent over HTTP/2 (RFC 9113 §8.2.2).
fn drop_fields_of_the_connection(headers: &mut HeaderMap) {
    if headers.is_empty() {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in &OF_CONNECTION {
        headers.remove(name);
    }
    if headers.get(header::TE).is_some_and(|te| te != "trailers") {
        headers.remove(header::TE);
    }
}

#[cfg(test)]
mod tests {

    use http::Uri;

    use super::*;
    use crate::client::request::fields;

    fn completed(mut request: Request<()>) -> Result<Request<()>, ClientError> {
        let destination = Destination::take_from(&mut request)?;
        let authority = fields::host(&destination)?.as_bytes().try_into().unwrap();
        complete(&mut request, &destination, &authority, &Framing::Empty).map(|()| request)
    }

    #[test]
    fn the_target_is_whole_and_has_no_userinfo() {
        for (uri, expected) in [
            ("http://user:pw@a.example:81/b?c", "http://a.example:81/b?c"),
            ("https://a.example:443", "https://a.example/"),
            ("https://a.example?c", "https://a.example/?c"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
        ] {
            let request = completed(Request::get(uri).body(()).unwrap()).unwrap();
            assert_eq!(request.uri().to_string(), expected);
            let fields: &[HeaderName] = if uri.contains('@') { &[header::AUTHORIZATION] } else { &[] };
            assert!(request.headers().keys().eq(fields), "{uri}");
        }
    }

    #[test]
    fn a_server_as_a_whole_is_asked_by_an_asterisk() {
        let uri = Uri::builder().scheme("http").authority("a.example").path_and_query("*").build().unwrap();
        let request = completed(Request::options(uri).body(()).unwrap()).unwrap();
        assert_eq!(request.uri().path(), "*");
    }

    #[test]
    fn a_host_that_the_caller_gave_is_the_authority() {
        let request =
            completed(Request::get("http://a.example/b").header("host", "b.example").body(()).unwrap()).unwrap();
        assert_eq!(request.uri().to_string(), "http://b.example/b");
        let error = completed(Request::get("http://a.example/b").header("host", "b example").body(()).unwrap());
        assert!(error.unwrap_err().is_invalid_request());
    }

    #[test]
    fn fields_of_the_connection_stay_here() {
        let request = Request::get("http://a.example/")
            .header("connection", "close, X-Hop")
            .header("x-hop", "1")
            .header("keep-alive", "5")
            .header("proxy-connection", "close")
            .header("transfer-encoding", "chunked")
            .header("upgrade", "x")
            .header("te", "gzip")
            .header("x-end-to-end", "1");
        let request = completed(request.body(()).unwrap()).unwrap();
        let names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-end-to-end"]);
        let request = completed(Request::get("http://a.example/").header("te", "trailers").body(()).unwrap()).unwrap();
        assert_eq!(request.headers()["te"], "trailers");
    }

    #[test]
    fn a_body_says_how_long_it_is() {
        let declared = |framing| {
            let mut headers = HeaderMap::new();
            declare_length(&mut headers, &framing);
            headers.get("content-length").map(|length| length.to_str().unwrap().to_owned())
        };
        assert_eq!(declared(Framing::Length(5)).as_deref(), Some("5"));
        assert_eq!(declared(Framing::Empty), None);
        assert_eq!(declared(Framing::Chunked(Box::default())), None);
    }
}
