//! Whether the connector would know what TLS has negotiated.

use http::Extensions;
use hyper_util::client::legacy::connect::Connected;

use crate::tls::TlsInfo;

/// Whether this crate's TLS has shaken hands on a connection: what it does not say was negotiated was not.
pub(super) fn has_negotiated(connected: &Connected) -> bool {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    extras.get::<TlsInfo>().is_some()
}
