//! The socket of a connection that does nothing for HTTP, where its type is known: then the client has no layers in the way.

use tokio::net::TcpStream;

use crate::response_first;

/// Takes the socket out of a connection, or gives the connection back.
#[cfg(not(feature = "tls"))]
pub(super) fn into_tcp_stream<T: 'static>(io: T) -> Result<TcpStream, T> {
    response_first::into_tcp_stream(io)
}

/// Takes the socket out of a connection, also out of one that might have TLS and has none, or gives the connection back.
#[cfg(feature = "tls")]
pub(super) fn into_tcp_stream<T: 'static>(io: T) -> Result<TcpStream, T> {
    without_tls(io).or_else(response_first::into_tcp_stream)
}

#[cfg(feature = "tls")]
fn without_tls<T: 'static>(io: T) -> Result<TcpStream, T> {
    use std::any::Any;

    use crate::connection::HappyEyeballsStream;
    use crate::tcp::TcpConnection;
    use crate::tls::TlsConnection;

    type Known = Option<HappyEyeballsStream<TlsConnection<TcpConnection>>>;

    // An option, so that what `Any` shows can be taken.
    let mut io = Some(io);
    let known = (&mut io as &mut dyn Any).downcast_mut::<Known>();
    let plain = known.and_then(|known| known.take_if(|connection| connection.get_ref().tls().is_none()));
    match plain.map(|connection| connection.into_inner().into_plain()) {
        Some(Ok(transport)) => Ok(transport.into_inner()),
        Some(Err(_)) => unreachable!("it has no TLS"),
        None => Err(io.expect("it was not taken")),
    }
}
