//! The settings of a connector, which all of its clones share.

use std::sync::Arc;
use std::time::Duration;

use super::memory::Remembering;
use super::target::Schemes;
use crate::network::Network;
use crate::race::{Config, Families, Protocols};
use crate::tcp::SourceAddresses;

/// The settings of a connector, checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) race: Arc<Config>,
    /// The address families that the race can use.
    pub(super) families: Families,
    pub(super) timeout: Option<Duration>,
    pub(super) schemes: Schemes,
    pub(super) sources: SourceAddresses,
    pub(super) network: Arc<Network>,
    pub(super) memory: Arc<Remembering>,
    /// Whether attempts may report something before their end. Those of `TcpConnector` do not.
    pub(super) hears_attempts: bool,
    /// Whether attempts for secure URIs do TLS, and so report something.
    pub(super) does_tls: bool,
}

impl Settings {
    /// Whether the attempts of a connect may report something before their end. `is_secure` is whether the URI is secure.
    #[inline]
    pub(super) fn hears_attempts(&self, is_secure: bool) -> bool {
        self.hears_attempts || self.does_tls && is_secure
    }

    /// Returns the settings of a connect for a client that speaks `protocols`. The connector's own protocols are narrowed to those, in the
    /// connector's order. `None` is a client that does not say.
    ///
    /// # Errors
    ///
    /// A text, if connector and client have no protocol in common, or if TLS could not offer the client's. An empty list on either side is not an
    /// error: nothing is negotiated then.
    pub(super) fn for_client(self: &Arc<Self>, protocols: Option<Protocols>) -> Result<Arc<Self>, String> {
        let Some(client) = protocols else { return Ok(Arc::clone(self)) };
        if let Some(problem) = client.problem() {
            return Err(problem.into());
        }
        let own = self.race.shared_protocols();
        let common = own.map_or_else(|| client.clone(), |own| own.in_common_with(&client));
        match own {
            Some(own) if common == *own => return Ok(Arc::clone(self)),
            Some(own) if common.is_empty() && !client.is_empty() => {
                return Err(format!("the connector speaks {own}, and the client {client}"));
            }
            _ => {}
        }
        Ok(Arc::new(Self { race: Arc::new(self.race.with_protocols(common)), ..Self::clone(self) }))
    }

    /// Returns the protocols that attempts may negotiate. `None` if the URI is not secure.
    #[inline]
    pub(super) fn alpn(&self, is_secure: bool) -> Option<Protocols> {
        if is_secure { self.race.shared_protocols().cloned() } else { None }
    }
}
