//! Chooses the protocol for a request.

use std::collections::HashSet;

use http::header::UPGRADE;
use http::{Method, Request, Version};

use super::destination::Destination;
use super::error::ClientError;
use super::http2;
use super::speaks::Speaks;

/// The servers that are known to speak HTTP/2 (RFC 9113 §3.3).
#[derive(Clone, Debug, Default)]
pub(super) struct PriorKnowledge {
    /// All servers do.
    pub(super) of_all: bool,
    /// These servers do, by scheme and authority.
    pub(super) of_some: HashSet<Destination>,
}

impl PriorKnowledge {
    #[inline]
    fn is_there(&self, destination: &Destination) -> bool {
        self.of_all || (!self.of_some.is_empty() && self.of_some.contains(destination))
    }
}

/// Chooses the protocol to the destination of `request`, whose URI was taken out.
///
/// # Errors
///
/// The request is invalid: its version, or a feature that it uses, contradicts that.
#[inline]
pub(super) fn choose<B>(
    request: &Request<B>,
    destination: &mut Destination,
    known: &PriorKnowledge,
) -> Result<(), ClientError> {
    let is_known = known.is_there(destination);
    match (is_known, needs_http1(request), request.version()) {
        // The fast path of most requests.
        (false, false, Version::HTTP_11) => return Ok(()),
        (true, true, _) | (_, true, Version::HTTP_2) => {
            return Err(ClientError::invalid_request("CONNECT and Upgrade need HTTP/1.1"));
        }
        (true, _, Version::HTTP_10) => return Err(ClientError::invalid_request("the server speaks HTTP/2")),
        (false, _, Version::HTTP_2) if !destination.is_secure() => {
            return Err(ClientError::invalid_request("HTTP/2 without TLS needs prior knowledge"));
        }
        (true, false, _) | (false, false, Version::HTTP_2) => destination.set_speaks(Speaks::Http2),
        // Without negotiation HTTP/1.1 is spoken anyway.
        (false, _, _) if http2::IS_ON && destination.is_secure() => destination.set_speaks(Speaks::Http1),
        (false, _, _) => {}
    }
    Ok(())
}

/// Whether a request cannot be sent over HTTP/2.
#[inline]
pub(super) fn needs_http1<B>(request: &Request<B>) -> bool {
    *request.method() == Method::CONNECT || (!request.headers().is_empty() && request.headers().contains_key(UPGRADE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the protocol, or why the request cannot be sent.
    fn chosen(known: bool, method: &str, uri: &str, version: Version, upgrade: bool) -> Result<Speaks, String> {
        let mut request = Request::builder().method(method).uri(uri).body(()).unwrap();
        let mut destination = Destination::take_from(&mut request).unwrap();
        *request.version_mut() = version;
        if upgrade {
            request.headers_mut().insert(UPGRADE, http::HeaderValue::from_static("websocket"));
        }
        let known = PriorKnowledge { of_all: known, ..PriorKnowledge::default() };
        choose(&request, &mut destination, &known).map_err(|error| error.to_string())?;
        Ok(destination.speaks())
    }

    #[test]
    fn what_is_spoken_is_negotiated_unless_the_request_or_the_settings_say_otherwise() {
        let (http, https) = ("http://a.example/", "https://a.example/");
        let (old, usual, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        let http1 = if http2::IS_ON { Speaks::Http1 } else { Speaks::Negotiated };
        let tunnel = "invalid request: CONNECT and Upgrade need HTTP/1.1";
        for (known, method, uri, version, upgrade, expected) in [
            (false, "GET", http, usual, false, Ok(Speaks::Negotiated)),
            (false, "GET", https, usual, false, Ok(Speaks::Negotiated)),
            (true, "GET", http, usual, false, Ok(Speaks::Http2)),
            (true, "GET", https, two, false, Ok(Speaks::Http2)),
            (false, "GET", https, two, false, Ok(Speaks::Http2)),
            (false, "GET", http, two, false, Err("invalid request: HTTP/2 without TLS needs prior knowledge")),
            (false, "GET", https, usual, true, Ok(http1)),
            (false, "GET", http, usual, true, Ok(Speaks::Negotiated)),
            (false, "CONNECT", "a.example:80", usual, false, Ok(Speaks::Negotiated)),
            (false, "GET", http, old, false, Ok(Speaks::Negotiated)),
            (false, "CONNECT", "a.example:443", usual, false, Ok(http1)),
            (false, "GET", https, old, false, Ok(http1)),
            (true, "GET", http, old, false, Err("invalid request: the server speaks HTTP/2")),
            (true, "GET", http, usual, true, Err(tunnel)),
            (true, "CONNECT", "a.example:443", usual, false, Err(tunnel)),
            (false, "GET", https, two, true, Err(tunnel)),
        ] {
            let chosen = chosen(known, method, uri, version, upgrade);
            assert_eq!(
                chosen.as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|error| &**error),
                "{method} {uri}"
            );
        }
    }

    #[test]
    fn one_server_can_be_known() {
        let mut known = PriorKnowledge::default();
        let take = |uri: &str| Destination::take_from(&mut Request::get(uri).body(()).unwrap()).unwrap();
        known.of_some.insert(take("http://A.example:81/x"));
        for (uri, is_known) in
            [("http://a.example:81/", true), ("http://a.example/", false), ("https://a.example:81/", false)]
        {
            assert_eq!(known.is_there(&take(uri)), is_known, "{uri}");
        }
    }
}
