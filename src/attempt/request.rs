//! The request of an attempt service.

use std::sync::Arc;

use super::handle::{AttemptHandle, Listener, Shared};
use crate::race::Endpoint;

/// One connection attempt, as an attempt service is asked for it.
///
/// A clone is the same attempt: its handle is shared.
#[derive(Clone, Debug)]
pub struct AttemptRequest {
    endpoint: Endpoint,
    host: Arc<str>,
    is_secure: bool,
    /// `None` if nobody listens to the attempt.
    shared: Option<Arc<Shared>>,
}

impl AttemptRequest {
    /// A request outside a race, to call an attempt service by hand. Its handle reports to nobody, and admits at once.
    ///
    /// `host` and `is_secure` are as in [`host`](Self::host) and [`is_secure`](Self::is_secure).
    pub fn new(endpoint: impl Into<Endpoint>, host: impl Into<Arc<str>>, is_secure: bool) -> Self {
        Self { endpoint: endpoint.into(), host: host.into(), is_secure, shared: None }
    }

    /// A request of a race that listens to what the attempt says.
    #[inline]
    pub(crate) fn heard(listener: &Listener, endpoint: Endpoint, host: Arc<str>, is_secure: bool) -> Self {
        Self { endpoint, host, is_secure, shared: listener.shared() }
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
}
