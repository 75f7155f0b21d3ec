//! What all clones of a connector share of TLS.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use tokio_rustls::rustls::{ClientConfig, Error};

use super::config::{Made, Recipe, make};
use super::error::TlsError;
use super::options::{RaceUntil, TlsOptions};
use crate::lock::{Lock, assert_unlocked};
use crate::race::{ConfigError, Protocols};

/// The settings that hold now.
pub(super) struct Current {
    /// Guards the reference alone.
    settings: Lock<Arc<Settings>>,
}

/// Settings, checked.
pub(super) struct Settings {
    pub(super) handshake_timeout: Option<Duration>,
    pub(super) race_until: RaceUntil,
    /// Those that the configuration names, if any.
    pub(super) protocols: Option<Protocols>,
    config: Config,
}

enum Config {
    Ready(Arc<ClientConfig>),
    Later(Arc<Later>),
}

/// A configuration that is made when somebody needs it, by a thread of its own: it takes files to be read.
struct Later {
    recipe: Box<Recipe>,
    /// Guards how far the making has come, and who waits.
    making: Lock<Making>,
}

enum Making {
    NotBegun,
    Begun(Vec<Waker>),
    Over(Result<Arc<ClientConfig>, Error>),
}

impl Current {
    pub(super) fn new(options: &TlsOptions) -> Result<Self, ConfigError> {
        Ok(Self { settings: Lock::new(Arc::new(Settings::new(options)?)) })
    }

    pub(super) fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock())
    }

    pub(super) fn replace(&self, options: &TlsOptions) -> Result<(), ConfigError> {
        let settings = Arc::new(Settings::new(options)?);
        // What was given is foreign, and dropped outside the lock.
        let _before = mem::replace(&mut *self.settings.lock(), settings);
        Ok(())
    }
}

impl Settings {
    fn new(options: &TlsOptions) -> Result<Self, ConfigError> {
        let config = match make(options)? {
            Made::Config(config) => Config::Ready(config),
            Made::Later(recipe) => Config::Later(Arc::new(Later { recipe, making: Lock::new(Making::NotBegun) })),
        };
        let TlsOptions { handshake_timeout, race_until, .. } = *options;
        Ok(Self { handshake_timeout, race_until, protocols: options.protocols(), config })
    }

    /// The configuration, once it is made. The task that polls is woken.
    pub(super) fn poll_config(&self, cx: &Context<'_>) -> Poll<Result<Arc<ClientConfig>, TlsError>> {
        match &self.config {
            Config::Ready(config) => Poll::Ready(Ok(Arc::clone(config))),
            Config::Later(later) => later.poll(cx),
        }
    }

    /// Why there is no configuration, and none to come, if that is known.
    pub(super) fn failure(&self) -> Option<TlsError> {
        match &self.config {
            Config::Ready(_) => None,
            Config::Later(later) => later.failure(),
        }
    }
}

impl Later {
    fn poll(self: &Arc<Self>, cx: &Context<'_>) -> Poll<Result<Arc<ClientConfig>, TlsError>> {
        let waker = cx.waker().clone();
        let begins = {
            let mut making = self.making.lock();
            match &mut *making {
                Making::Over(Ok(config)) => return Poll::Ready(Ok(Arc::clone(config))),
                Making::Over(Err(error)) => return Poll::Ready(Err(TlsError::roots(error.clone()))),
                Making::Begun(waiting) => {
                    // One task may be in the list more than once: to compare wakers is foreign code.
                    waiting.push(waker);
                    false
                }
                Making::NotBegun => {
                    *making = Making::Begun(vec![waker]);
                    true
                }
            }
        };
        if begins {
            self.begin();
        }
        Poll::Pending
    }

    fn failure(&self) -> Option<TlsError> {
        let error = match &*self.making.lock() {
            Making::Over(made) => made.as_ref().err().cloned(),
            Making::NotBegun | Making::Begun(_) => None,
        };
        error.map(TlsError::roots)
    }

    /// No runtime is needed, so that nobody waits for one that is not driven.
    fn begin(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let spawned = thread::Builder::new().name("root-certificates".into()).spawn(move || {
            // The roots are foreign code, and whoever waits must hear of the end.
            let made = catch_unwind(AssertUnwindSafe(|| this.recipe.make()));
            this.end(made.unwrap_or_else(|_| Err(Error::General("reading them panicked".into()))));
        });
        if let Err(error) = spawned {
            self.end(Err(Error::General(format!("no thread could be started: {error}"))));
        }
    }

    fn end(&self, made: Result<ClientConfig, Error>) {
        if let Err(error) = &made {
            tracing::warn!(%error, "there are no root certificates: https will fail");
        }
        let over = Making::Over(made.map(Arc::new));
        let before = mem::replace(&mut *self.making.lock(), over);
        if let Making::Begun(waiting) = before {
            assert_unlocked();
            waiting.into_iter().for_each(Waker::wake);
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
