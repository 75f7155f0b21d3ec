//! The destination of a request: the key by which connections are kept.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version, uri};

use super::error::ClientError;
use super::http2;
use super::speaks::{Exchanges, Speaks};
use crate::connect::authority::{default_port, is_secure};

mod authority;
pub(super) mod credentials;

/// The URI of a request, and the protocol for its connection. Two destinations are equal if their protocols are, and if their schemes and authorities
/// mean the same.
///
/// All request targets come from here, for both protocols: target and `Host`, or `:scheme`, `:authority` and `:path`. Userinfo and the zone of an
/// address have a meaning on this machine only, and are in none of them.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// The URI, with a scheme and an authority in its [normal form](authority::normalized).
    uri: Uri,
    speaks: Speaks,
}

impl Destination {
    /// Takes the URI out of a request. Its user and password become a field of the request. An error if the URI says nowhere to connect to.
    #[inline]
    pub(super) fn take_from<B>(request: &mut Request<B>) -> Result<Self, ClientError> {
        let is_connect = *request.method() == Method::CONNECT;
        match request.version() {
            Version::HTTP_11 => {}
            Version::HTTP_2 if http2::IS_ON => {}
            // CONNECT needs HTTP/1.1.
            Version::HTTP_10 if !is_connect => {}
            version => {
                let method = request.method();
                return Err(ClientError::invalid_request(format!("{method} over {version:?} is not supported")));
            }
        }
        if is_connect {
            return Self::of_tunnel(&std::mem::take(request.uri_mut()));
        }
        let is_normal = is_normal(request.uri())?;
        if is_asterisk(request.uri()) && *request.method() != Method::OPTIONS {
            return Err(ClientError::invalid_request(format!("{} * means nothing", request.method())));
        }
        let uri = std::mem::take(request.uri_mut());
        if is_normal {
            return Ok(Self { uri, speaks: Speaks::default() });
        }
        let this = Self::normalized(uri.clone())?;
        credentials::add(request.headers_mut(), &uri)?;
        Ok(this)
    }

    #[cold]
    fn normalized(uri: Uri) -> Result<Self, ClientError> {
        let mut parts = uri.into_parts();
        let scheme = parts.scheme.as_ref().map_or("", Scheme::as_str);
        parts.authority =
            parts.authority.map(|authority| authority::normalized(authority.as_str(), scheme)).transpose()?;
        Ok(Self { uri: from_parts(parts)?, speaks: Speaks::default() })
    }

    /// The target of CONNECT is only an authority (RFC 9110 §9.3.6).
    fn of_tunnel(uri: &Uri) -> Result<Self, ClientError> {
        let Some(authority) = uri.authority() else {
            return Err(ClientError::invalid_request("the URI has no host"));
        };
        let scheme = match uri.scheme() {
            Some(scheme) => scheme.clone(),
            None if authority.port_u16() == Some(443) => Scheme::HTTPS,
            None => Scheme::HTTP,
        };
        let this = Self::normalized(join(Some(scheme), Some(authority.clone()))?)?;
        this.check()?;
        this.tunnel()?;
        if credentials::userinfo(uri).is_some() {
            // They might be meant for the proxy, or for the server beyond it.
            return Err(ClientError::invalid_request("CONNECT has a URI with user or password: set a field for them"));
        }
        Ok(this)
    }

    /// Checks that host and port are valid: see [`authority::check`]. Must be called before a connection is made. If there is a connection, an equal
    /// destination was checked for it.
    pub(super) fn check(&self) -> Result<(), ClientError> {
        authority::check(self.host_and_port())
    }

    #[inline]
    pub(super) fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    /// Whether connections for the scheme are secured by TLS. For CONNECT, the scheme is that of the tunnel's target.
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

    /// Returns how many exchanges a connection to this destination has at a time.
    pub(super) fn exchanges(&self) -> Exchanges {
        self.speaks.exchanges(http2::IS_ON && self.is_secure())
    }

    /// Returns host and port, as they may be shown. The default port is left out.
    #[inline]
    pub(super) fn host_and_port(&self) -> &str {
        self.uri.authority().map_or("", Authority::as_str)
    }

    /// Returns host and port for `Host` (RFC 9110 §7.2).
    pub(super) fn told(&self) -> Cow<'_, str> {
        authority::without_zone(self.host_and_port())
    }

    /// Returns the host, without brackets, and the port, or the default port. An error if either is invalid.
    pub(super) fn host_and_port_number(&self) -> Result<(&str, u16), ClientError> {
        self.check()?;
        let (host, port) = authority::split_port(self.host_and_port());
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok((host, port.parse().ok().or_else(|| default_port(self.scheme())).unwrap_or_default()))
    }

    /// Returns the destination without its path, for a connector or as a key.
    pub(super) fn without_path(&self) -> Self {
        // If the parts cannot be joined again, the path does no harm.
        let cut = join(self.uri.scheme().cloned(), self.uri.authority().cloned());
        Self { uri: cut.unwrap_or_else(|_| self.uri.clone()), speaks: self.speaks }
    }

    pub(super) fn into_uri(self) -> Uri {
        self.uri
    }

    /// Whether the target is the server as a whole (`*`), which only OPTIONS can have (RFC 9112 §3.2.4).
    #[inline]
    pub(super) fn is_asterisk(&self) -> bool {
        is_asterisk(&self.uri)
    }

    /// Returns the request target (RFC 9112 §3.2): the authority for a tunnel, the whole URI for a proxy, else path and query.
    #[inline]
    pub(super) fn target(&self, method: &Method, is_proxied: bool) -> Uri {
        if *method == Method::CONNECT {
            // Cannot fail: `of_tunnel` has called `tunnel` before.
            return self.tunnel().map(Uri::from).unwrap_or_default();
        }
        if is_proxied {
            // Does not fail: `check` was called before the connection was made.
            return self.absolute().unwrap_or_else(|_| self.origin());
        }
        self.origin()
    }

    #[inline]
    fn origin(&self) -> Uri {
        match self.uri.path_and_query() {
            Some(path) if path.as_str() != "/" => Uri::from(path.clone()),
            // The default URI is `/`.
            _slash => Uri::default(),
        }
    }

    /// Returns the target for a proxy.
    fn absolute(&self) -> Result<Uri, ClientError> {
        // WebSocket begins with an HTTP request, and a proxy does not know the schemes `ws` and `wss` (RFC 6455 §4.1).
        let is_websocket = ["ws", "wss"].iter().any(|scheme| self.scheme().eq_ignore_ascii_case(scheme));
        let scheme = self.uri.scheme().filter(|_| !is_websocket).cloned().unwrap_or_else(|| self.http_scheme());
        self.whole(scheme, authority::parse(&self.told())?)
    }

    /// Returns `https` if connections are secured by TLS, else `http`.
    pub(super) fn http_scheme(&self) -> Scheme {
        if self.is_secure() { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// Returns the URI, if it can be sent as it is: its scheme is `http` or `https`, it has a path, and its authority is `authority`.
    #[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "HTTP/2 is switched off"))]
    #[inline]
    pub(super) fn as_it_is(&self, authority: &Authority) -> Option<&Uri> {
        let is_http = self.uri.scheme().is_some_and(|of| *of == Scheme::HTTP || *of == Scheme::HTTPS);
        let has_path = self.uri.path_and_query().is_some_and(|path| path.as_str().starts_with('/'));
        (is_http && has_path && self.host_and_port() == authority.as_str()).then_some(&self.uri)
    }

    /// Returns path and query at this authority.
    pub(super) fn whole(&self, scheme: Scheme, authority: Authority) -> Result<Uri, ClientError> {
        let mut parts = uri::Parts::default();
        (parts.scheme, parts.authority, parts.path_and_query) = (Some(scheme), Some(authority), Some(self.path()?));
        from_parts(parts)
    }

    /// Returns path and query. The path is never empty (RFC 9112 §3.2.1).
    fn path(&self) -> Result<PathAndQuery, ClientError> {
        match self.uri.path_and_query() {
            // The crate `http` keeps a query without a path, but writes it with a slash: parse that text, to send the slash too.
            Some(query) if query.as_str().starts_with('?') => {
                let path = query.to_string().parse();
                path.map_err(|error| ClientError::invalid_request(format!("the path: {error}")))
            }
            Some(path) => Ok(path.clone()),
            None => Ok(slash()),
        }
    }

    /// Returns host and port. The target of CONNECT always has a port.
    fn tunnel(&self) -> Result<Authority, ClientError> {
        let told = self.told();
        let (host, port) = authority::split_port(&told);
        match default_port(self.scheme()) {
            _ if !port.is_empty() => authority::parse(&told),
            Some(port) => authority::parse(&format!("{host}:{port}")),
            None => Err(ClientError::invalid_request("CONNECT needs a port")),
        }
    }
}

impl PartialEq for Destination {
    /// Compares hosts without regard to case (RFC 3986 §6.2.2.1). Most are equal byte by byte.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.host_and_port(), other.host_and_port());
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
            // This bit makes letters of either case equal. It makes few other hosts equal.
            state.write_u64(u64::from_le_bytes(bytes) | 0x2020_2020_2020_2020);
        };
        let authority = self.host_and_port().as_bytes();
        let words = authority.chunks_exact(8);
        let rest = words.remainder();
        words.for_each(|word| add(word.try_into().expect("eight bytes")));
        match authority.last_chunk() {
            // The last eight bytes overlap bytes that were hashed already, which is faster than single bytes.
            Some(last) => add(*last),
            None => rest.iter().for_each(|&byte| add([byte; 8])),
        }
        state.write_u8(self.scheme().len() as u8 ^ (self.speaks as u8) << 6);
    }
}

fn slash() -> PathAndQuery {
    PathAndQuery::from_static("/")
}

/// Whether the text is a valid host, with a valid port if there is one.
pub(super) fn is_host_and_port(text: &str) -> bool {
    authority::check(text).is_ok()
}

/// Returns a URI with an empty path.
fn join(scheme: Option<Scheme>, authority: Option<Authority>) -> Result<Uri, ClientError> {
    let mut parts = uri::Parts::default();
    (parts.scheme, parts.authority, parts.path_and_query) = (scheme, authority, Some(slash()));
    from_parts(parts)
}

#[inline]
fn is_asterisk(uri: &Uri) -> bool {
    uri.path_and_query().is_some_and(|path| path.as_str() == "*")
}

/// Whether the authority is certainly in its normal form. An error if the URI says nowhere to connect to.
#[inline]
fn is_normal(uri: &Uri) -> Result<bool, ClientError> {
    match (uri.authority(), uri.scheme()) {
        (None, _) => Err(ClientError::invalid_request("the URI has no host")),
        (_, None) => Err(ClientError::invalid_request("the URI has no scheme")),
        (Some(authority), Some(_)) => Ok(authority::is_normal(authority.as_str())),
    }
}

fn from_parts(parts: uri::Parts) -> Result<Uri, ClientError> {
    Uri::from_parts(parts).map_err(|error| ClientError::invalid_request(format!("the URI: {error}")))
}

#[cfg(test)]
mod tests;
