//! The DNS servers and search domains as they are now: those of another network are made anew.

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

/// Where a resolver has its servers from.
pub(super) enum Origin {
    /// The system's configuration.
    System,
    Configuration(ResolverConfig, ResolverOpts),
    /// A resolver of hickory's own making.
    Hickory(TokioResolver),
}

/// What is asked for a name, and how.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) look_ups: LookUps,
    pub(super) search: Arc<Search>,
    /// The only server that there is to ask.
    pub(super) server: Option<SocketAddr>,
    /// Those that are asked for whatever the machine is connected with, where the configuration says so.
    pub(super) families: Option<Families>,
}

/// What is asked in the present epoch. Clones share it.
#[derive(Clone)]
pub(super) struct Current {
    origin: Arc<Origin>,
    /// Guards the epoch and what is asked in it. Nothing is made, and no configuration read, under the lock.
    asked: Arc<Lock<(Epoch, Asked)>>,
}

impl Current {
    /// # Errors
    ///
    /// If the configuration cannot be read, or hickory cannot make a resolver of it.
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

    /// What is asked in `epoch`, without the caches and connections of earlier ones. A configuration that cannot be read leaves
    /// everything as it was, and is read again by the next look-up.
    pub(super) fn at(&self, epoch: Epoch) -> Asked {
        let (known, asked) = self.asked.lock().clone();
        if known >= epoch {
            return asked;
        }
        let made = match self.origin.make() {
            Ok(made) => made,
            Err(error) => {
                warn!(%error, "the network has changed, and its DNS servers cannot be found out");
                return asked;
            }
        };
        let mut current = self.asked.lock();
        if current.0 >= epoch {
            // Another thread was faster: its servers, with their caches, are everybody's.
            return current.1.clone();
        }
        let replaced = mem::replace(&mut *current, (epoch, made.clone()));
        // Its caches are dropped after the lock.
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
        // The search is made here, and so is the look into the table of hosts: hickory is asked for complete names, and asks for them.
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
