//! Tells whether a connection reports what TLS has negotiated.

use http::Extensions;
use hyper_util::client::legacy::connect::Connected;

use crate::tls::TlsInfo;

/// Whether this crate's TLS made the handshake of a connection. If so, what the connection does not report was not negotiated.
pub(super) fn has_negotiated(connected: &Connected) -> bool {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    extras.get::<TlsInfo>().is_some()
}
