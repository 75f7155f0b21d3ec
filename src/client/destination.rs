//! Where a request goes: what connections are kept apart by.

use std::hash::{Hash, Hasher};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version, uri};

use super::error::ClientError;
use super::http2;
use super::speaks::Speaks;
use crate::connect::authority::{default_port, is_secure, split_authority};

/// The URI of a request, and what its connection is to speak. Two are the same destination if they are to be spoken to alike, and their schemes
/// and authorities are the same; nothing else counts.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// It has a scheme and an authority.
    uri: Uri,
    speaks: Speaks,
}

impl Destination {
    /// Takes the URI out of a request. If it says nowhere to go, the error says why.
    #[inline]
    pub(super) fn take_from<B>(request: &mut Request<B>) -> Result<Self, ClientError> {
        let is_connect = *request.method() == Method::CONNECT;
        match request.version() {
            Version::HTTP_11 => {}
            Version::HTTP_2 if http2::IS_ON => {}
            // A tunnel needs HTTP/1.1.
            Version::HTTP_10 if !is_connect => {}
            version => {
                let method = request.method();
                return Err(ClientError::invalid_request(format!("{method} over {version:?} is not supported")));
            }
        }
        let uri = std::mem::take(request.uri_mut());
        let Some(authority) = uri.authority() else {
            return Err(ClientError::invalid_request("the URI has no host"));
        };
        if is_connect {
            return Self::of_tunnel(&uri, authority);
        }
        match uri.scheme() {
            Some(_) => Ok(Self { uri, speaks: Speaks::default() }),
            None => Err(ClientError::invalid_request("the URI has no scheme")),
        }
    }

    /// The target of CONNECT is only an authority (RFC 9110 §9.3.6).
    fn of_tunnel(uri: &Uri, authority: &Authority) -> Result<Self, ClientError> {
        let scheme = match uri.scheme() {
            Some(scheme) => scheme.clone(),
            None if authority.port_u16() == Some(443) => Scheme::HTTPS,
            None => Scheme::HTTP,
        };
        let this = Self { uri: join(Some(scheme), Some(authority.clone()))?, speaks: Speaks::default() };
        this.check()?;
        this.tunnel().map(|_| this)
    }

    /// Checks that host and port can be written (RFC 3986 §3.2.2 and §3.2.3, RFC 9110 §4.2.1): `http` takes more for an
    /// authority. To be called before a connection is made. Where there is one already, an equal destination was checked.
    pub(super) fn check(&self) -> Result<(), ClientError> {
        check_host(self.host_and_port())?;
        self.bare().map(|_| ())
    }

    #[inline]
    pub(super) fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    /// Whether connections for the scheme are secured by TLS. That of a tunnel is the scheme of its target.
    #[inline]
    pub(super) fn is_secure(&self) -> bool {
        self.uri.scheme().is_some_and(is_secure)
    }

    pub(super) fn speaks(&self) -> Speaks {
        self.speaks
    }

    pub(super) fn set_speaks(&mut self, speaks: Speaks) {
        self.speaks = speaks;
    }

    /// Whether every connection to it is known to have many exchanges at a time.
    #[inline]
    pub(super) fn is_shared(&self) -> bool {
        self.speaks == Speaks::Http2
    }

    #[inline]
    fn authority(&self) -> &str {
        self.uri.authority().map_or("", Authority::as_str)
    }

    /// Host and port, fit to be shown.
    pub(super) fn host_and_port(&self) -> &str {
        without_userinfo(self.authority())
    }

    /// The host, without brackets, and the port, or that of the scheme. An error if either cannot be written.
    pub(super) fn host_and_port_number(&self) -> Result<(&str, u16), ClientError> {
        self.check()?;
        let (host, port) = split_port(self.host_and_port());
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok((host, port.parse().ok().or_else(|| default_port(self.scheme())).unwrap_or_default()))
    }

    /// The URI without its path: for a connector, and to be kept.
    pub(super) fn without_path(&self) -> Self {
        // One that could not be put together again does as well with its path.
        let cut = join(self.uri.scheme().cloned(), self.uri.authority().cloned());
        Self { uri: cut.unwrap_or_else(|_| self.uri.clone()), speaks: self.speaks }
    }

    pub(super) fn into_uri(self) -> Uri {
        self.uri
    }

    /// The target as it is written (RFC 9112 §3.2): of a tunnel the authority, over a proxy the whole, else path and query.
    #[inline]
    pub(super) fn target(&self, method: &Method, is_proxied: bool) -> Uri {
        if *method == Method::CONNECT {
            // It was put together once before.
            return self.tunnel().map(Uri::from).unwrap_or_default();
        }
        // A connector that says of an https connection that it is proxied has made a tunnel.
        if is_proxied && self.uri.scheme() != Some(&Scheme::HTTPS) {
            // An authority that was not checked is not written.
            return self.bare().unwrap_or_else(|_| self.origin());
        }
        self.origin()
    }

    #[inline]
    fn origin(&self) -> Uri {
        match self.uri.path_and_query() {
            Some(path) if path.as_str() != "/" => Uri::from(path.clone()),
            // What a URI is by default.
            _slash => Uri::default(),
        }
    }

    /// Path and query, which are never empty.
    pub(super) fn path(&self) -> PathAndQuery {
        self.uri.path_and_query().cloned().unwrap_or_else(slash)
    }

    /// The URI without userinfo, which is not for the wire (RFC 9110 §4.2.4).
    fn bare(&self) -> Result<Uri, ClientError> {
        let bare = self.host_and_port();
        if bare.len() == self.authority().len() {
            return Ok(self.uri.clone());
        }
        let mut parts = uri::Parts::default();
        (parts.scheme, parts.authority) = (self.uri.scheme().cloned(), Some(parse(bare)?));
        parts.path_and_query = Some(self.path());
        from_parts(parts)
    }

    /// The URI, if its scheme is `http` or `https`, and its authority is `bare`.
    #[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "HTTP/2 is switched off"))]
    #[inline]
    pub(super) fn as_it_is(&self, bare: &Authority) -> Option<&Uri> {
        let is_http = self.uri.scheme().is_some_and(|of| *of == Scheme::HTTP || *of == Scheme::HTTPS);
        (is_http && self.authority() == bare.as_str()).then_some(&self.uri)
    }

    /// Host and port: the target of CONNECT always has a port.
    fn tunnel(&self) -> Result<Authority, ClientError> {
        let bare = self.host_and_port();
        let (host, port) = split_port(bare);
        match default_port(self.scheme()) {
            _ if !port.is_empty() => parse(bare),
            Some(port) => parse(&format!("{host}:{port}")),
            None => Err(ClientError::invalid_request("CONNECT needs a port")),
        }
    }
}

/// Returns the host, brackets included, and the port, empty if there is none. What follows a bracket and is no port counts as part of the host.
pub(super) fn split_port(host_and_port: &str) -> (&str, &str) {
    let (host, rest, _) = split_authority(host_and_port);
    match rest.strip_prefix(':') {
        Some(port) => (host, port),
        None => (host_and_port, ""),
    }
}

/// Returns what follows the userinfo.
fn without_userinfo(authority: &str) -> &str {
    let (host, rest, _) = split_authority(authority);
    &authority[authority.len() - host.len() - rest.len()..]
}

fn check_host(bare: &str) -> Result<(), ClientError> {
    let invalid = |problem: String| Err(ClientError::invalid_request(problem));
    let (host, port) = split_port(bare);
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = literal.unwrap_or(host);
    if name.is_empty() {
        return invalid("the URI has no host".into());
    }
    if name.contains(['[', ']', '@']) || (literal.is_none() && name.contains([':', '%'])) {
        return invalid(format!("{host:?} is not a host"));
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || (!port.is_empty() && port.parse::<u16>().is_err()) {
        return invalid(format!("{port:?} is not a port"));
    }
    Ok(())
}

impl PartialEq for Destination {
    /// The case of a host does not matter (RFC 3986 §6.2.2.1), but most often it is the same.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.authority(), other.authority());
        self.uri.scheme() == other.uri.scheme()
            && self.speaks == other.speaks
            && (ours == theirs || ours.eq_ignore_ascii_case(theirs))
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
        let authority = self.authority().as_bytes();
        let words = authority.chunks_exact(8);
        let rest = words.remainder();
        words.for_each(|word| add(word.try_into().expect("eight bytes")));
        match authority.last_chunk() {
            // A part of it for the second time, which is faster than bytes one by one.
            Some(last) => add(*last),
            None => rest.iter().for_each(|&byte| add([byte; 8])),
        }
        state.write_u8(self.scheme().len() as u8 ^ (self.speaks as u8) << 6);
    }
}

fn slash() -> PathAndQuery {
    PathAndQuery::from_static("/")
}

fn parse(authority: &str) -> Result<Authority, ClientError> {
    authority.parse().map_err(|error| ClientError::invalid_request(format!("the host: {error}")))
}

/// A URI with an empty path.
fn join(scheme: Option<Scheme>, authority: Option<Authority>) -> Result<Uri, ClientError> {
    let mut parts = uri::Parts::default();
    (parts.scheme, parts.authority, parts.path_and_query) = (scheme, authority, Some(slash()));
    from_parts(parts)
}

fn from_parts(parts: uri::Parts) -> Result<Uri, ClientError> {
    Uri::from_parts(parts).map_err(|error| ClientError::invalid_request(format!("the URI: {error}")))
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
        assert_target(Method::GET, "http://a.example?c", true, "http://a.example/?c");
        assert_target(Method::GET, "http://u@a.example?c", true, "http://a.example/?c");
    }

    #[test]
    fn a_tunnel_is_to_an_authority() {
        assert_target(Method::CONNECT, "a.example:443", false, "a.example:443");
        assert_target(Method::CONNECT, "u@a.example:81", true, "a.example:81");
        assert_target(Method::CONNECT, "a.example", false, "a.example:80");
        assert_target(Method::CONNECT, "https://u@[::1]/b", false, "[::1]:443");
        assert_target(Method::CONNECT, "http://a.example:/b", false, "a.example:80");
        let scheme = |uri| Destination::take_from(&mut request(Method::CONNECT, uri)).unwrap().scheme().to_owned();
        assert_eq!((&*scheme("a.example:443"), &*scheme("u@a.example:80")), ("https", "http"));
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
    fn an_authority_is_cut_where_its_port_begins() {
        for (authority, bare, host, port) in [
            ("a.example", "a.example", "a.example", ""),
            ("a.example:80", "a.example:80", "a.example", "80"),
            ("a.example:", "a.example:", "a.example", ""),
            ("u:p@a.example:80", "a.example:80", "a.example", "80"),
            ("u:p@a.example", "a.example", "a.example", ""),
            ("u@v@a", "a", "a", ""),
            ("[::1]", "[::1]", "[::1]", ""),
            ("u@[::1]:80", "[::1]:80", "[::1]", "80"),
            ("[::1]a", "[::1]a", "[::1]a", ""),
            ("[::1]a:80", "[::1]a:80", "[::1]a", "80"),
            ("[1@]:80", "]:80", "]", "80"),
            ("", "", "", ""),
        ] {
            assert_eq!(without_userinfo(authority), bare, "{authority}");
            assert_eq!(split_port(bare), (host, port), "{authority}");
        }
    }

    #[test]
    fn a_host_that_cannot_be_written_is_none() {
        let message = |method, uri: &str| {
            let taken = Destination::take_from(&mut request(method, uri));
            taken.and_then(|taken| taken.check()).map_err(|error| error.to_string())
        };
        for method in [Method::GET, Method::CONNECT] {
            for (authority, why) in [
                ("[@]", "\"]\" is not a host"),
                ("[1@]:80", "\"]\" is not a host"),
                ("u@[@]:80", "\"]\" is not a host"),
                ("a[::1]", "\"a[::1]\" is not a host"),
                ("[::1]a", "\"[::1]a\" is not a host"),
                ("[::1]a:80", "\"[::1]a\" is not a host"),
                ("[]", "the URI has no host"),
                ("[]:80", "the URI has no host"),
                (":80", "the URI has no host"),
                ("u@:80", "the URI has no host"),
                ("a:80x", "\"80x\" is not a port"),
                ("a:+80", "\"+80\" is not a port"),
                ("a:65536", "\"65536\" is not a port"),
            ] {
                let why = Err(format!("invalid request: {why}"));
                assert_eq!(message(method.clone(), &format!("http://{authority}/")), why, "{authority}");
                if method == Method::CONNECT {
                    assert_eq!(message(method.clone(), authority), why, "{authority}");
                }
            }
            for authority in
                ["1", "1:1", "a:0", "a:00080", "a:65535", "u:p@a:", "a_b", "a!b:1", "[::1%25lo]:1", "[v1.a]"]
            {
                assert_eq!(message(method.clone(), &format!("http://{authority}/")), Ok(()), "{authority}");
            }
        }
    }

    #[test]
    fn a_request_that_cannot_be_sent_says_why() {
        let message = |mut request| Destination::take_from(&mut request).unwrap_err().to_string();
        assert_eq!(message(request(Method::GET, "/path")), "invalid request: the URI has no host");
        assert_eq!(message(request(Method::GET, "a.example:80")), "invalid request: the URI has no scheme");
        assert_eq!(message(request(Method::CONNECT, "x://a.example")), "invalid request: CONNECT needs a port");
        let mut old = request(Method::CONNECT, "a.example:443");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(message(old), "invalid request: CONNECT over HTTP/1.0 is not supported");
        let mut new = request(Method::GET, "http://a.example/");
        *new.version_mut() = Version::HTTP_3;
        assert_eq!(message(new), "invalid request: GET over HTTP/3.0 is not supported");
    }
}
