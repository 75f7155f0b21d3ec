//! The socket of a connection without TLS, also where it could have had TLS.

use std::any::Any;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::connection::HappyEyeballsStream;
use crate::response_first;
use crate::tcp::TcpConnection;
use crate::tls::TlsConnection;

/// Takes the socket out of a connection whose layers do nothing for HTTP, or gives the connection back.
pub(super) fn into_tcp_stream<T: 'static>(io: T) -> Result<TcpStream, T> {
    let io = match response_first::into_tcp_stream(io) {
        Ok(stream) => return Ok(stream),
        Err(io) => io,
    };
    // An option, so that what `Any` shows can be taken.
    let mut io = Some(io);
    let found = without_tls(&mut io).map(TcpConnection::into_inner);
    let found = found.or_else(|| without_tls(&mut io).map(TokioIo::into_inner));
    found.ok_or_else(|| io.expect("it was not taken"))
}

/// Takes the transport of a connection of the connector for http and https, if it was one for http.
fn without_tls<T: 'static>(io: &mut dyn Any) -> Option<T> {
    let slot = io.downcast_mut::<Option<HappyEyeballsStream<TlsConnection<T>>>>()?;
    let connection = slot.take_if(|connection| connection.get_ref().tls().is_none())?;
    connection.into_inner().into_plain().ok()
}
