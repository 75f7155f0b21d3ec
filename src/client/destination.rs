//! Where a request goes: what connections are kept apart by.

use std::hash::{Hash, Hasher};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version, uri};

use super::error::Error;

/// The URI of a request. Two are the same destination if their schemes and authorities are the same; nothing else counts.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// It has a scheme and an authority.
    uri: Uri,
}

impl Destination {
    /// Takes the URI out of a request. If it says nowhere to go, the error says why.
    #[inline]
    pub(super) fn take_from<B>(request: &mut Request<B>) -> Result<Self, Error> {
        let is_connect = *request.method() == Method::CONNECT;
        match request.version() {
            Version::HTTP_11 => {}
            // A tunnel needs HTTP/1.1.
            Version::HTTP_10 if !is_connect => {}
            version => {
                let method = request.method();
                return Err(Error::invalid_request(format!("{method} over {version:?} is not supported")));
            }
        }
        let uri = std::mem::take(request.uri_mut());
        let Some(authority) = uri.authority() else {
            return Err(Error::invalid_request("the URI has no host"));
        };
        if uri.scheme().is_some() {
            return Ok(Self { uri });
        }
        if !is_connect {
            return Err(Error::invalid_request("the URI has no scheme"));
        }
        // The target of CONNECT is only an authority (RFC 9110 §9.3.6).
        let scheme = if authority.port_u16() == Some(443) { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self { uri: join(Some(scheme), Some(authority.clone()), Some(slash())) })
    }

    #[inline]
    pub(super) fn scheme(&self) -> &Scheme {
        self.uri.scheme().expect("a destination has a scheme")
    }

    #[inline]
    pub(super) fn authority(&self) -> &Authority {
        self.uri.authority().expect("a destination has an authority")
    }

    /// Host and port, fit to be shown.
    pub(super) fn host_and_port(&self) -> &str {
        let authority = self.authority().as_str();
        authority.rsplit_once('@').map_or(authority, |(_, rest)| rest)
    }

    /// The URI without its path: for a connector, and to be kept.
    pub(super) fn without_path(&self) -> Self {
        Self { uri: join(Some(self.scheme().clone()), Some(self.authority().clone()), Some(slash())) }
    }

    pub(super) fn into_uri(self) -> Uri {
        self.uri
    }

    /// The target as it is written (RFC 9112 §3.2): of a tunnel the authority, over a proxy the whole, else path and query.
    #[inline]
    pub(super) fn target(&self, method: &Method, is_proxied: bool) -> Uri {
        if *method == Method::CONNECT {
            return join(None, Some(self.authority_without_userinfo()), None);
        }
        let path = self.uri.path_and_query();
        // A connector that says of an https connection that it is proxied has made a tunnel.
        if is_proxied && *self.scheme() != Scheme::HTTPS {
            let path = path.cloned().unwrap_or_else(slash);
            return join(Some(self.scheme().clone()), Some(self.authority_without_userinfo()), Some(path));
        }
        match path {
            Some(path) if path.as_str() != "/" => join(None, None, Some(path.clone())),
            // What a URI is by default.
            _slash => Uri::default(),
        }
    }

    fn authority_without_userinfo(&self) -> Authority {
        let shown = self.host_and_port();
        if shown.len() == self.authority().as_str().len() {
            return self.authority().clone();
        }
        shown.parse().expect("an authority without userinfo is one")
    }
}

impl PartialEq for Destination {
    /// The case of a host does not matter (RFC 3986 §6.2.2.1), but most often it is the same.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.authority().as_str(), other.authority().as_str());
        self.scheme() == other.scheme() && (ours == theirs || ours.eq_ignore_ascii_case(theirs))
    }
}

impl Eq for Destination {}

impl Hash for Destination {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut add = |bytes: [u8; 8]| {
            // What makes letters equal whatever their case, makes few other hosts so.
            state.write_u64(u64::from_le_bytes(bytes) | 0x2020_2020_2020_2020);
        };
        let authority = self.authority().as_str().as_bytes();
        let words = authority.chunks_exact(8);
        let rest = words.remainder();
        words.for_each(|word| add(word.try_into().expect("eight bytes")));
        match authority.last_chunk() {
            // A part of it for the second time, which is faster than bytes one by one.
            Some(last) => add(*last),
            None => rest.iter().for_each(|&byte| add([byte; 8])),
        }
        state.write_u8(self.scheme().as_str().len() as u8);
    }
}

fn slash() -> PathAndQuery {
    PathAndQuery::from_static("/")
}

fn join(scheme: Option<Scheme>, authority: Option<Authority>, path_and_query: Option<PathAndQuery>) -> Uri {
    let mut parts = uri::Parts::default();
    (parts.scheme, parts.authority, parts.path_and_query) = (scheme, authority, path_and_query);
    Uri::from_parts(parts).expect("parts of a URI make a URI")
}

#[cfg(test)]
mod tests {
    use foldhash::quality::FixedState;
    use std::hash::BuildHasher;

    use super::*;

    fn request(method: Method, uri: &str) -> Request<()> {
        Request::builder().method(method).uri(uri).body(()).unwrap()
    }

    fn destination(uri: &str) -> Destination {
        Destination::take_from(&mut request(Method::GET, uri)).unwrap()
    }

    #[track_caller]
    fn assert_target(method: Method, uri: &str, is_proxied: bool, expected: &str) {
        let destination = Destination::take_from(&mut request(method.clone(), uri)).unwrap();
        assert_eq!(destination.target(&method, is_proxied).to_string(), expected);
    }

    #[test]
    fn an_origin_is_told_the_path_and_the_query() {
        assert_target(Method::GET, "http://a.example/b?c", false, "/b?c");
        assert_target(Method::GET, "http://a.example", false, "/");
        assert_target(Method::GET, "http://a.example?c", false, "/?c");
        assert_target(Method::GET, "https://[::1]:8443/b", true, "/b");
    }

    #[test]
    fn a_proxy_is_told_the_whole() {
        assert_target(Method::GET, "http://user:pw@a.example:81/b?c", true, "http://a.example:81/b?c");
        assert_target(Method::GET, "http://a.example", true, "http://a.example/");
    }

    #[test]
    fn a_tunnel_is_to_an_authority() {
        assert_target(Method::CONNECT, "a.example:443", false, "a.example:443");
        assert_target(Method::CONNECT, "u@a.example:81", true, "a.example:81");
        let scheme = |uri| Destination::take_from(&mut request(Method::CONNECT, uri)).unwrap().scheme().clone();
        assert_eq!((scheme("a.example:443"), scheme("a.example:80")), (Scheme::HTTPS, Scheme::HTTP));
    }

    #[test]
    fn scheme_and_authority_make_a_destination_whatever_their_case_and_the_path() {
        let hash = |destination: &Destination| FixedState::default().hash_one(destination);
        let one = destination("http://Some.Host.Example:81/a?b");
        let other = destination("http://some.hOST.example:81/c");
        assert_eq!((&one, hash(&one)), (&other, hash(&other)));
        let different =
            ["https://some.host.example:81", "http://some.host.example", "http://u@some.host.example:81", "http://a"];
        for uri in different {
            assert_ne!(one, destination(uri), "{uri}");
            assert_ne!(hash(&one), hash(&destination(uri)), "{uri}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_sent_says_why() {
        let message = |mut request| Destination::take_from(&mut request).unwrap_err().to_string();
        assert_eq!(message(request(Method::GET, "/path")), "invalid request: the URI has no host");
        assert_eq!(message(request(Method::GET, "a.example:80")), "invalid request: the URI has no scheme");
        let mut old = request(Method::CONNECT, "a.example:443");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(message(old), "invalid request: CONNECT over HTTP/1.0 is not supported");
        let mut new = request(Method::GET, "http://a.example/");
        *new.version_mut() = Version::HTTP_2;
        assert_eq!(message(new), "invalid request: GET over HTTP/2.0 is not supported");
    }
}
