//! Secure requests: what the connector is asked for, and which connectors cannot have them.

use std::any::TypeId;
use std::sync::LazyLock;

use http::Uri;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::bounds::Connector;
use super::destination::Destination;
use super::error::ClientError;
use super::http2;
use super::negotiated::has_negotiated;
use super::speaks::Speaks;
use crate::connect::ConnectRequest;
use crate::connection::HappyEyeballsStream;
use crate::network::Epoch;
use crate::outcome::ConnectError;
use crate::race::Protocols;
use crate::response_first::{ResponseFirst, ResponseFirstStream};
use crate::tcp::TcpConnection;

/// The protocols (ALPN ids) that are offered if the server may choose. [`HTTP1`] and [`HTTP2`] are for requests that need one protocol.
static NEGOTIATED: LazyLock<Protocols> =
    LazyLock::new(|| if http2::IS_ON { ["h2", "http/1.1"].into_iter().collect() } else { HTTP1.clone() });
static HTTP1: LazyLock<Protocols> = LazyLock::new(|| ["http/1.1"].into_iter().collect());
static HTTP2: LazyLock<Protocols> = LazyLock::new(|| ["h2"].into_iter().collect());

/// Returns the request to the connector for a connection to `destination`. `uri` is the URI for the connector.
#[inline]
pub(super) fn connect_request(destination: &Destination, uri: Uri, epoch: Epoch) -> ConnectRequest {
    let request = ConnectRequest::new(uri).with_epoch(epoch);
    if !destination.is_secure() {
        return request;
    }
    let spoken = match destination.speaks() {
        Speaks::Negotiated => &NEGOTIATED,
        Speaks::Http1 => &HTTP1,
        Speaks::Http2 => &HTTP2,
    };
    request.with_shared_protocols(Protocols::clone(spoken))
}

/// Whether HTTP/2 is spoken over a connection to `destination`.
///
/// # Errors
///
/// The negotiated protocol is not the one that the request needs.
pub(super) fn speaks_http2(connected: &Connected, destination: &Destination) -> Result<bool, ClientError> {
    match (connected.is_negotiated_h2(), destination.speaks()) {
        (true, _) if !http2::IS_ON => {
            Err(ClientError::connect("HTTP/2 was negotiated, and the feature `http2` is off"))
        }
        (true, Speaks::Http1) => Err(ClientError::connect("HTTP/2 was negotiated, and the request needs HTTP/1.1")),
        (true, Speaks::Negotiated | Speaks::Http2) => Ok(true),
        (false, Speaks::Negotiated | Speaks::Http1) => Ok(false),
        // Another connector may not report what TLS has negotiated; this crate's does.
        (false, Speaks::Http2) if destination.is_secure() && has_negotiated(connected) => {
            Err(ClientError::connect("the server did not choose HTTP/2"))
        }
        (false, Speaks::Http2) => Ok(true),
    }
}

/// Checks that a request to `destination` with a secure scheme is not sent in clear text. That would happen if the connector is known to make bare
/// TCP connections. A connector with any other connection type is trusted to do TLS.
///
/// Must not be called for CONNECT: its scheme is that of the tunnel's target, and the connection to the proxy may be in clear text. Must be called
/// before a connection is looked for, since one that was made for CONNECT may be idle.
#[inline]
pub(super) fn check<C: Connector>(destination: &Destination) -> Result<(), ClientError> {
    if is_bare_tcp::<C::Response>() && destination.is_secure() { Err(no_tls(destination)) } else { Ok(()) }
}

#[cold]
fn no_tls(destination: &Destination) -> ClientError {
    // An invalid host or port could not be sent over TLS either.
    destination.host_and_port_number().map_or_else(
        |invalid| invalid,
        |(host, port)| {
            let problem = format!("the connector does no TLS {}", ConnectError::TLS_HINT);
            ClientError::connect(ConnectError::unsupported(host, port, problem))
        },
    )
}

/// Whether every connection of this type is bare TCP without TLS: a socket, in any layers of this crate and of hyper-util. Other types are not known.
#[inline]
fn is_bare_tcp<T: 'static>() -> bool {
    is_over::<T, TcpStream>() || is_over::<T, TcpConnection>()
}

/// Whether `T` is the socket `S`, alone or as the connection of a race, in any layers.
#[inline]
fn is_over<T: 'static, S: 'static>() -> bool {
    is_layered::<T, S>()
        || is_layered::<T, HappyEyeballsStream<S>>()
        || is_layered::<T, HappyEyeballsStream<TokioIo<S>>>()
        || is_layered::<T, HappyEyeballsStream<ResponseFirstStream<S>>>()
        || is_layered::<T, HappyEyeballsStream<ResponseFirstStream<TokioIo<S>>>>()
}

/// Whether `T` is `S`, possibly in adapters between hyper's and tokio's traits, and in a `ResponseFirst`.
#[inline]
fn is_layered<T: 'static, S: 'static>() -> bool {
    [
        TypeId::of::<S>(),
        TypeId::of::<TokioIo<S>>(),
        TypeId::of::<ResponseFirstStream<S>>(),
        TypeId::of::<ResponseFirstStream<TokioIo<S>>>(),
        TypeId::of::<TokioIo<ResponseFirst<S>>>(),
        TypeId::of::<TokioIo<ResponseFirst<TokioIo<S>>>>(),
    ]
    .contains(&TypeId::of::<T>())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::marker::PhantomData;

    use tokio::io::DuplexStream;

    use super::*;
    use crate::HappyEyeballsConnector;
    use crate::response_first::ResponseFirstLayer;

    /// The connection type of a connector.
    type Of<C> = <C as tower_service::Service<Uri>>::Response;
    type First<C> = <ResponseFirstLayer as tower_layer::Layer<C>>::Service;

    #[test]
    fn tcp_is_known_by_its_type_in_whatever_layers() {
        assert!(is_bare_tcp::<Of<HappyEyeballsConnector>>());
        assert!(is_bare_tcp::<Of<First<HappyEyeballsConnector>>>());
        assert!(is_bare_tcp::<TcpStream>() && is_bare_tcp::<TokioIo<TcpStream>>());
        assert!(is_bare_tcp::<TokioIo<ResponseFirst<TcpStream>>>());
        assert!(is_bare_tcp::<HappyEyeballsStream<TokioIo<TcpStream>>>());
        assert!(is_bare_tcp::<HappyEyeballsStream<ResponseFirstStream<TcpConnection>>>());
    }

    /// Contains the socket, like the connection of another TLS layer.
    struct Wrapped<T>(PhantomData<T>);

    #[test]
    fn what_is_not_known_to_be_tcp_may_be_tls() {
        assert!(!is_bare_tcp::<Wrapped<TokioIo<TcpStream>>>());
        assert!(!is_bare_tcp::<HappyEyeballsStream<TokioIo<DuplexStream>>>());
        assert!(!is_bare_tcp::<Box<TcpStream>>() && !is_bare_tcp::<io::Empty>());
    }
}
