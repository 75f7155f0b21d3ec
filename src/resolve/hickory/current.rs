//! The present DNS servers and search domains. They are made anew after a change of the network.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use tracing::warn;

use super::look_up::LookUps;
use super::names::Search;
use super::servers::Servers;
use super::system::Configuration;
use crate::lock::Lock;
use crate::network::Epoch;
use crate::race::Families;

/// Where a resolver gets its servers from.
pub(super) enum Origin {
    /// The system's configuration.
    System,
    Configuration(ResolverConfig, ResolverOpts),
    /// A resolver of hickory itself.
    Hickory(TokioResolver),
}

/// The servers and the search that look-ups use.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) look_ups: LookUps,
    pub(super) search: Arc<Search>,
    /// The server, if only one is configured.
    pub(super) server: Option<SocketAddr>,
    /// The families to ask for, if the configuration says so.
    pub(super) families: Option<Families>,
}

/// The servers and the search of the present epoch. Clones share them.
#[derive(Clone)]
pub(super) struct Current {
    origin: Arc<Origin>,
    /// Guards the epoch and its servers. No resolver is made and no configuration read under the lock.
    asked: Arc<Lock<(Epoch, Asked)>>,
}

impl Current {
    /// # Errors
    ///
    /// The configuration cannot be read, or hickory cannot make a resolver of it.
    pub(super) fn new(origin: Origin) -> Result<Self, NetError> {
        let asked = origin.make()?;
        Ok(Self::of(origin, asked))
    }

    pub(super) fn of_hickory(resolver: TokioResolver) -> Self {
        let asked = Asked::of_hickory(resolver.clone());
        Self::of(Origin::Hickory(resolver), asked)
    }

    fn of(origin: Origin, asked: Asked) -> Self {
        Self { origin: Arc::new(origin), asked: Arc::new(Lock::new((Epoch::default(), asked))) }
    }

    /// Returns the servers and the search of `epoch`, without the caches and connections of earlier epochs. If the configuration cannot be read, the
    /// earlier ones stay, and the next look-up reads it again.
    pub(super) fn at(&self, epoch: Epoch) -> Asked {
        let (known, asked) = self.asked.lock().clone();
        if known >= epoch {
            return asked;
        }
        let made = match self.origin.make() {
            Ok(made) => made,
            Err(error) => {
                warn!(%error, "the network has changed, and its DNS servers cannot be read");
                return asked;
            }
        };
        let mut current = self.asked.lock();
        if current.0 >= epoch {
            // Another thread was faster: its servers and their caches are used by all.
            return current.1.clone();
        }
        let replaced = mem::replace(&mut *current, (epoch, made.clone()));
        // The old caches are dropped outside the lock.
        drop(current);
        drop(replaced);
        made
    }
}

impl Origin {
    fn make(&self) -> Result<Asked, NetError> {
        match self {
            Self::System => Asked::of_configuration(Configuration::of_system()?),
            Self::Configuration(config, options) => {
                Asked::of_configuration(Configuration::new(config.clone(), options.clone()))
            }
            Self::Hickory(resolver) => {
                resolver.clear_cache();
                Ok(Asked::of_hickory(resolver.clone()))
            }
        }
    }
}

impl Asked {
    fn of_configuration(configuration: Configuration) -> Result<Self, NetError> {
        let Configuration { mut config, mut options, asks_for_single_labels, asks_for_ipv6 } = configuration;
        let server = match config.name_servers() {
            [server] => server.connections.first().map(|connection| SocketAddr::new(server.ip, connection.port)),
            _ => None,
        };
        // This crate searches the domains and the table of hosts itself: hickory gets complete names only.
        options.use_hosts_file = ResolveHosts::Never;
        let domain = config.domain.take();
        let mut domains = mem::take(&mut config.search);
        if domains.is_empty() {
            domains.extend(domain);
        }
        let search = Arc::new(Search::new(domains, options.ndots, asks_for_single_labels));
        let families = (!asks_for_ipv6).then_some(Families::V4Only);
        Ok(Self { look_ups: LookUps::new(Servers::new(config, options)?), search, server, families })
    }

    fn of_hickory(resolver: TokioResolver) -> Self {
        let look_ups = LookUps::new(Servers::of_hickory(resolver));
        Self { look_ups, search: Arc::new(Search::of_hickory()), server: None, families: None }
    }
}
