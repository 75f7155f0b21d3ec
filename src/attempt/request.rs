//! The request of an attempt service.

use std::sync::Arc;

use super::handle::{AttemptHandle, Listener, Shared};
use crate::race::{Endpoint, Protocols};

/// The request to an attempt service to make one connection attempt.
///
/// Clones are of the same attempt: they share its handle.
#[derive(Clone, Debug)]
pub struct AttemptRequest {
    endpoint: Endpoint,
    host: Arc<str>,
    is_secure: bool,
    /// `None` leaves the choice to the attempt service.
    protocols: Option<Protocols>,
    /// `None` if no driver reads what the attempt reports.
    shared: Option<Arc<Shared>>,
}

impl AttemptRequest {
    /// Makes a request outside a race, to call an attempt service by hand. Its handle reports to nobody, and admits at once. The request names no
    /// [`protocols`](Self::protocols): the attempt service chooses them.
    ///
    /// `host` and `is_secure` are as in [`host`](Self::host) and [`is_secure`](Self::is_secure).
    pub fn new(endpoint: impl Into<Endpoint>, host: impl Into<Arc<str>>, is_secure: bool) -> Self {
        Self { endpoint: endpoint.into(), host: host.into(), is_secure, protocols: None, shared: None }
    }

    /// Makes a request of a race that listens to what the attempt says.
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

    /// The host of the URI as it is written there, without brackets: a name, or an address. TLS sends and verifies this host, and a proxy is asked
    /// for it, whatever the endpoint is.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the scheme of the URI is `https` or `wss`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The application protocols (ALPN ids) that may be negotiated over the connection, in order of preference: those of the connector
    /// ([`Builder::protocols`](crate::connect::Builder::protocols)) that the client speaks as well
    /// ([`ConnectRequest::protocols`](crate::connect::ConnectRequest::protocols)).
    ///
    /// The list is empty if nothing is to be negotiated: the URI is not [secure](Self::is_secure), or the list of the connector or of the client is
    /// empty.
    pub fn protocols(&self) -> &[Vec<u8>] {
        self.protocols.as_ref().map_or(&[], Protocols::as_slice)
    }

    /// As [`protocols`](Self::protocols), without copying them. `None` if the request names none.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is switched off"))]
    pub(crate) fn shared_protocols(&self) -> Option<&Protocols> {
        self.protocols.as_ref()
    }

    /// Returns the handle by which the attempt talks to its race.
    #[must_use]
    pub fn handle(&self) -> AttemptHandle {
        AttemptHandle::new(self.endpoint.clone(), self.shared.clone())
    }

    /// Replaces the endpoint, for example by that of a proxy.
    #[must_use]
    pub fn with_endpoint(self, endpoint: impl Into<Endpoint>) -> Self {
        Self { endpoint: endpoint.into(), ..self }
    }

    /// Replaces the [`protocols`](Self::protocols). With TLS the attempt fails if an id does not have 1 to 255 bytes (RFC 7301 §3.1), or if there are
    /// more than 64 ids.
    #[must_use]
    pub fn with_protocols(self, alpn_ids: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self { protocols: Some(alpn_ids.into_iter().collect()), ..self }
    }
}
