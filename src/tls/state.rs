//! The TLS state that all clones of a connector share.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;

use super::config::{Made, make};
use super::later::{Later, Place};
use super::options::{RaceUntil, TlsOptions};
use super::roots::RootsError;
use crate::lock::Lock;
use crate::race::{ConfigError, Protocols};

/// The present settings.
pub(super) struct Current {
    /// Guards the reference only.
    settings: Lock<Arc<Settings>>,
}

/// Settings that were checked.
pub(super) struct Settings {
    pub(super) handshake_timeout: Option<Duration>,
    pub(super) race_until: RaceUntil,
    /// The protocols of a whole configuration, if it has any.
    pub(super) protocols: Option<Protocols>,
    config: Config,
}

enum Config {
    Ready(Arc<ClientConfig>),
    Later(Arc<Later>),
}

impl Current {
    pub(super) fn new(options: &TlsOptions) -> Result<Self, ConfigError> {
        Ok(Self { settings: Lock::new(Arc::new(Settings::new(options, None)?)) })
    }

    pub(super) fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock())
    }

    pub(super) fn replace(&self, options: &TlsOptions) -> Result<(), ConfigError> {
        let settings = Arc::new(Settings::new(options, Some(&self.get()))?);
        // The old settings have foreign code, and are dropped outside the lock.
        let _before = mem::replace(&mut *self.settings.lock(), settings);
        Ok(())
    }
}

impl Settings {
    fn new(options: &TlsOptions, before: Option<&Self>) -> Result<Self, ConfigError> {
        let config = match make(options)? {
            Made::Config(config) => Config::Ready(config),
            Made::Later(recipe) => Config::Later(Arc::new(Later::new(recipe, before.and_then(Self::later)))),
        };
        let TlsOptions { handshake_timeout, race_until, .. } = *options;
        Ok(Self { handshake_timeout, race_until, protocols: options.protocols(), config })
    }

    /// Returns the configuration, once it is made. While pending, the task that last polled with `place` is woken.
    pub(super) fn poll_config(
        &self,
        place: &mut Option<Place>,
        cx: &Context<'_>,
    ) -> Poll<Result<Arc<ClientConfig>, RootsError>> {
        match &self.config {
            Config::Ready(config) => Poll::Ready(Ok(Arc::clone(config))),
            Config::Later(later) => later.poll(place, cx),
        }
    }

    /// Returns why there is no configuration, while that failure is kept.
    pub(super) fn failure(&self) -> Option<RootsError> {
        self.later().and_then(Later::failure)
    }

    fn later(&self) -> Option<&Later> {
        match &self.config {
            Config::Ready(_) => None,
            Config::Later(later) => Some(later),
        }
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("handshake_timeout", &self.handshake_timeout)
            .field("race_until", &self.race_until)
            .finish_non_exhaustive()
    }
}
