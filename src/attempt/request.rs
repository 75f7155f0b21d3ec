//! The request of an attempt service.

use std::sync::Arc;

use super::handle::{AttemptHandle, Listener, Shared};
use crate::race::{Endpoint, Protocols};

/// One connection attempt, as an attempt service is asked for it.
///
/// A clone is the same attempt: its handle is shared.
#[derive(Clone, Debug)]
pub struct AttemptRequest {
    endpoint: Endpoint,
    host: Arc<str>,
    is_secure: bool,
    /// `None` leaves the choice to the attempt service.
    protocols: Option<Protocols>,
    /// `None` if nobody listens to the attempt.
    shared: Option<Arc<Shared>>,
}

impl AttemptRequest {
    /// A request outside a race, to call an attempt service by hand. Its handle reports to nobody, and admits at once. It names no
    /// [`protocols`](Self::protocols), which leaves the choice of them to the attempt service.
    ///
    /// `host` and `is_secure` are as in [`host`](Self::host) and [`is_secure`](Self::is_secure).
    pub fn new(endpoint: impl Into<Endpoint>, host: impl Into<Arc<str>>, is_secure: bool) -> Self {
        Self { endpoint: endpoint.into(), host: host.into(), is_secure, protocols: None, shared: None }
    }

    /// A request of a race that listens to what the attempt says.
    #[inline]
    pub(crate) fn heard(
        listener: &Listener,
        endpoint: Endpoint,
        host: Arc<str>,
        is_secure: bool,
        protocols: Option<Protocols>,
    ) -> Self {
        Self { endpoint, host, is_secure, protocols, shared: listener.shared() }
    }

    /// Where to connect to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The host of the URI as it stands there, without brackets: a name, or an address. It is what TLS names and verifies, and what a
    /// proxy is asked for, wherever the endpoint is.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the scheme of the URI is `https` or `wss`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The application protocols (ALPN ids) that may be negotiated over the connection, the most wanted first: those of the connector
    /// ([`Builder::protocols`](crate::connect::Builder::protocols)) that the client speaks as well
    /// ([`ConnectRequest::protocols`](crate::connect::ConnectRequest::protocols)).
    ///
    /// Empty: nothing is to be negotiated. So it is where the URI is not [secure](Self::is_secure), and where connector or client has an empty
    /// list.
    pub fn protocols(&self) -> &[Vec<u8>] {
        self.protocols.as_ref().map_or(&[], Protocols::as_slice)
    }

    /// The same; `None` if nobody has named any.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is switched off"))]
    pub(crate) fn shared_protocols(&self) -> Option<&Protocols> {
        self.protocols.as_ref()
    }

    /// The attempt's line to its race.
    #[must_use]
    pub fn handle(&self) -> AttemptHandle {
        AttemptHandle::new(self.endpoint.clone(), self.shared.clone())
    }

    /// The same request to another endpoint: that of a proxy, say.
    #[must_use]
    pub fn with_endpoint(self, endpoint: impl Into<Endpoint>) -> Self {
        Self { endpoint: endpoint.into(), ..self }
    }

    /// The same request with these [`protocols`](Self::protocols). TLS fails the attempt if there is an id that has not 1 to 255 bytes (RFC 7301
    /// §3.1), or more than 64.
    #[must_use]
    pub fn with_protocols(self, alpn_ids: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self { protocols: Some(alpn_ids.into_iter().collect()), ..self }
    }
}
