//! What a caller chose of the settings, and what follows where nothing was chosen.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::memory::{MemoryHandle, Remembering};
use super::settings::Settings;
use super::target::Schemes;
use crate::race::{Config, ConfigBuilder, ConfigError, Families};
use crate::tcp::{SourceAddresses, TcpOptions};

/// The choices of a caller. `None` is no choice. Defaults that depend on another choice are found when all are known, so that the order of the choices
/// does not matter.
#[derive(Clone)]
pub(super) struct Choices {
    pub(super) race: ConfigBuilder,
    pub(super) attempts: Attempts,
    pub(super) local_families: Option<Families>,
    pub(super) sources: Option<SourceAddresses>,
    pub(super) memory: Option<MemoryHandle>,
    pub(super) timeout: Option<Duration>,
    pub(super) enforce_http: bool,
}

/// Whose attempts the connector makes. Of `TcpConnector` more is known than of any other attempt service.
#[derive(Clone, Debug)]
pub(super) enum Attempts {
    /// Those of `TcpConnector`, since nothing was chosen.
    Default,
    /// Those of `TcpConnector`, with these options.
    Tcp(TcpOptions),
    /// Those of any service. It may take other routes than the sockets of `TcpConnector`, and may report something before the end of an attempt.
    OfCaller,
}

impl Attempts {
    fn options(&self) -> Option<TcpOptions> {
        match self {
            Self::Default => Some(TcpOptions::new()),
            Self::Tcp(options) => Some(options.clone()),
            Self::OfCaller => None,
        }
    }

    fn local_families(&self) -> Families {
        self.options().map_or(Families::Both, |options| options.local_families())
    }

    fn sources(&self) -> SourceAddresses {
        self.options().map_or_else(SourceAddresses::unknown, SourceAddresses::of_system)
    }

    fn memory(&self) -> MemoryHandle {
        if self.report_early() { MemoryHandle::off() } else { MemoryHandle::new() }
    }

    fn report_early(&self) -> bool {
        matches!(self, Self::OfCaller)
    }
}

impl Choices {
    /// Nothing is chosen.
    pub(super) fn new() -> Self {
        Self {
            // What can be spoken over TCP.
            race: Config::builder().protocols(["h2", "http/1.1"]),
            attempts: Attempts::Default,
            local_families: None,
            sources: None,
            memory: None,
            timeout: None,
            enforce_http: true,
        }
    }

    /// The settings of a connector. `does_tls` is whether its attempts for secure URIs do TLS.
    pub(super) fn settings(&self, does_tls: bool) -> Result<Settings, ConfigError> {
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(ConfigError::new("the timeout must not be zero"));
        }
        let bound = self.attempts.local_families();
        let local_families = self.local_families.unwrap_or(bound);
        if local_families.in_common_with(bound).is_none() {
            return Err(ConfigError::new("the local addresses are not of the local families"));
        }
        let race = self.race.clone().local_families(local_families).build()?;
        Ok(Settings {
            families: race.usable_families(),
            race: Arc::new(race),
            timeout: self.timeout,
            schemes: Schemes::new(self.enforce_http, does_tls),
            sources: self.sources.clone().unwrap_or_else(|| self.attempts.sources()),
            network: Arc::default(),
            memory: Arc::new(Remembering::new(self.memory.clone().unwrap_or_else(|| self.attempts.memory()))),
            hears_attempts: self.attempts.report_early(),
            does_tls,
        })
    }

    /// The settings of a layer, which is for any attempt service and has none of its own.
    pub(super) fn settings_of_layer(&self) -> Result<Settings, ConfigError> {
        match self.attempts {
            Attempts::Default => Self { attempts: Attempts::OfCaller, ..self.clone() }.settings(false),
            Attempts::Tcp(_) | Attempts::OfCaller => {
                Err(ConfigError::new("a layer is given its attempt service by what it is put around: set none here"))
            }
        }
    }
}

impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choices")
            .field("race", &self.race)
            .field("attempts", &self.attempts)
            .field("local_families", &self.local_families)
            .field("sources", &self.sources)
            .field("memory", &self.memory.as_ref().map(MemoryHandle::in_brief))
            .field("timeout", &self.timeout)
            .field("enforce_http", &self.enforce_http)
            .finish()
    }
}
