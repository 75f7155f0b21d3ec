//! What all clones of a connector share.

use std::sync::Arc;
use std::time::Duration;

use super::memory::{MemoryHandle, Remembering};
use super::target::Schemes;
use crate::network::Network;
use crate::race::{Config, Families, Protocols};
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
    pub(super) memory: Arc<Remembering>,
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

    /// The settings of a connect for a client that speaks `protocols`, if it names any: the connector's own protocols are narrowed to
    /// those, in the connector's order.
    ///
    /// # Errors
    ///
    /// The two have none in common, or no handshake could offer those of the client: in words. If either of them has an empty list, nothing is to be negotiated, which is no error.
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

    /// What attempts may negotiate over a connection. Nothing where the URI is not secure.
    #[inline]
    pub(super) fn alpn(&self, is_secure: bool) -> Option<Protocols> {
        if is_secure { self.race.shared_protocols().cloned() } else { None }
    }

    /// The same for attempts that may take other routes than the sockets of `TcpConnector`, and may have more to say.
    pub(super) fn for_any_attempt(mut self, memory: MemoryHandle) -> Self {
        self.memory = Arc::new(Remembering::new(memory));
        self.sources = self.sources.unless_of_system();
        self.hears_attempts = true;
        self
    }
}
