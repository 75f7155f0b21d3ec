//! What all clones of a connector share.

use std::sync::Arc;
use std::time::Duration;

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
    pub(super) enforce_http: bool,
    pub(super) sources: SourceAddresses,
    pub(super) network: Arc<Network>,
    /// Whether attempts may say something before they are over: those of `TcpConnector` do not.
    pub(super) hears_attempts: bool,
}

impl Settings {
    /// The same for attempts that may take other routes than the sockets of `TcpConnector`, and may have more to say.
    pub(super) fn for_any_attempt(mut self) -> Self {
        self.sources = self.sources.unless_of_system();
        self.hears_attempts = true;
        self
    }
}
