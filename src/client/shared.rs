//! The state that all clones of a client share.

use std::sync::Arc;

use super::http1::wire::Pool;
use super::settings::{RequestSettings, Settings};
use super::stock::Stock;

/// The state that all clones of a client share. Dropping it closes the idle connections.
pub(super) struct Shared<C> {
    /// The connector. In an `Arc` of its own, so that a connect can outlive the client.
    pub(super) connectors: Arc<Stock<C>>,
    pub(super) pool: Arc<Pool>,
    pub(super) settings: RequestSettings,
}

impl<C> Shared<C> {
    pub(super) fn new(connector: C, settings: Settings) -> Arc<Self> {
        let (connectors, pool) = (Arc::new(Stock::new(connector)), Arc::new(Pool::new(settings.pool)));
        Arc::new(Self { connectors, pool, settings: settings.requests })
    }
}

impl<C> Drop for Shared<C> {
    fn drop(&mut self) {
        self.pool.close();
    }
}
