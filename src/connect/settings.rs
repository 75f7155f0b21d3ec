//! What all clones of a connector share.

use std::sync::Arc;
use std::time::Duration;

use super::target::Schemes;
use crate::network::Network;
use crate::race::{Config, Families};
use crate::tcp::SourceAddresses;

/// The settings of a connector, checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) race: Arc<Config>,
    /// Those that the race can use.
    pub(super) families: Families,
    pub(super) timeout: Option<Duration>,
    pub(super) schemes: Schemes,
    pub(super) sources: SourceAddresses,
    pub(super) network: Arc<Network>,
    /// Whether attempts may say something before they are over: those of `TcpConnector` do not.
    pub(super) hears_attempts: bool,
    /// Whether those for secure URIs do, as they do TLS.
    pub(super) does_tls: bool,
}

impl Settings {
    /// Whether attempts for a URI that is secure or not may say something before they are over.
    #[inline]
    pub(super) fn hears_attempts(&self, is_secure: bool) -> bool {
        self.hears_attempts || self.does_tls && is_secure
    }

    /// The same for attempts that may take other routes than the sockets of `TcpConnector`, and may have more to say.
    pub(super) fn for_any_attempt(mut self) -> Self {
        self.sources = self.sources.unless_of_system();
        self.hears_attempts = true;
        self
    }
}
