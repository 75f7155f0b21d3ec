//! Unwraps the socket of a connection without TLS, also if the connection type could have TLS.

use std::any::Any;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::connection::HappyEyeballsStream;
use crate::response_first;
use crate::tcp::TcpConnection;
use crate::tls::TlsConnection;

/// Unwraps the socket of a connection whose layers do nothing for HTTP. Otherwise returns the connection.
pub(super) fn into_tcp_stream<T: 'static>(io: T) -> Result<TcpStream, T> {
    let io = match response_first::into_tcp_stream(io) {
        Ok(stream) => return Ok(stream),
        Err(io) => io,
    };
    // An `Option`, so that the value can be taken through `Any`.
    let mut io = Some(io);
    let found = without_tls(&mut io).map(TcpConnection::into_inner);
    let found = found.or_else(|| without_tls(&mut io).map(TokioIo::into_inner));
    found.ok_or_else(|| io.expect("it was not taken"))
}

/// Takes the transport of a connection to an `http` URI from the connector for http and https.
fn without_tls<T: 'static>(io: &mut dyn Any) -> Option<T> {
    let slot = io.downcast_mut::<Option<HappyEyeballsStream<TlsConnection<T>>>>()?;
    let connection = slot.take_if(|connection| connection.get_ref().tls().is_none())?;
    connection.into_inner().into_plain().ok()
}
