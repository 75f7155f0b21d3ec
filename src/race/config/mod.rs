//! What can be set about a race, with its bounds.

mod allowed;
mod public_addresses;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use self::allowed::Allowed;
pub use self::public_addresses::public_addresses_only;
use super::config_error::ConfigError;
use super::endpoint::{Endpoint, Family, ServiceRecord};
use super::families::Families;
use super::gate::Patience;
use super::protocols::Protocols;
use super::selection::PolicyTable;
use super::untried::UntriedReason;

/// RFC 8305 §5: attempts MUST NOT start closer together than this.
pub(super) const ABSOLUTE_MINIMUM_DELAY: Duration = Duration::from_millis(10);
/// RFC 8305 §5: the least a delay that was derived, rather than configured, should be.
pub(super) const MINIMUM_DERIVED_DELAY: Duration = Duration::from_millis(100);
/// RFC 8305 §5: the upper bound of the connection attempt delay.
pub(super) const MAXIMUM_DELAY: Duration = Duration::from_secs(2);

/// The longest of the other delays: the race adds it to an instant, which must not overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How a race paces its attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// RFC 8305 and its successor: one list in which the families alternate. The next attempt starts when the connection
    /// attempt delay has passed or the newest attempt has failed, and earlier attempts keep running.
    #[default]
    Staggered,
    /// RFC 6555: the family of the first address in sequence, and after the fallback delay (or at once, when every address
    /// of the first family has failed) the other family in a sequence beside it.
    TwoFamilies,
    /// One address at a time, in order.
    Sequential,
}

impl Policy {
    /// Whether a race waits for every answer before its first attempt, and takes in none after it.
    pub(super) fn freezes_the_list(self) -> bool {
        match self {
            Self::Staggered => false,
            Self::TwoFamilies | Self::Sequential => true,
        }
    }
}

/// In which order the addresses are tried, before the families are made to alternate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// A list keeps the order in which the resolver gave it, since getaddrinfo has sorted it. Separate answers have no order
    /// among them: they are sorted by RFC 6724 (see [`PolicyTable`]).
    #[default]
    Resolver,
    /// As [`Order::Resolver`], but IPv6 addresses first.
    PreferV6,
    /// As [`Order::Resolver`], but IPv4 addresses first.
    PreferV4,
}

impl Order {
    /// Whether addresses of `family` go behind those of the other one, wherever they stood before.
    #[inline]
    pub(super) fn puts_behind(self, family: Family) -> bool {
        match self {
            Self::Resolver => false,
            Self::PreferV6 => family == Family::V4,
            Self::PreferV4 => family == Family::V6,
        }
    }
}

/// The settings of a race, checked.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | policy | [`Policy::Staggered`] |
/// | order | [`Order::Resolver`] |
/// | connection attempt delay | 250 ms |
/// | resolution delay | 50 ms |
/// | fallback delay | 300 ms |
/// | first address family count | 1 |
/// | cap on concurrent attempts | none |
/// | families, local families | [`Families::Both`] |
/// | protocols | any |
/// | policy table | that of RFC 6724 |
/// | handshake patience | [`Patience::Off`] |
/// | allow | every address |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) policy: Policy,
    pub(super) order: Order,
    pub(super) connection_attempt_delay: Duration,
    pub(super) resolution_delay: Duration,
    pub(super) fallback_delay: Duration,
    pub(super) first_address_family_count: usize,
    pub(super) max_concurrent_attempts: Option<usize>,
    families: Families,
    local_families: Families,
    /// `None` is any.
    protocols: Option<Protocols>,
    pub(super) policy_table: PolicyTable,
    pub(super) handshake_patience: Patience,
    allowed: Allowed,
}

impl Config {
    /// Starts from the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { config: Self::default() }
    }

    /// Why this endpoint will not be tried, or `None` if it may be.
    #[inline]
    pub(super) fn excludes_endpoint(&self, endpoint: &Endpoint) -> Option<UntriedReason> {
        if !self.allowed.contains(endpoint.address().ip()) {
            return Some(UntriedReason::NotAllowed);
        }
        endpoint.defect().or_else(|| self.excludes(endpoint.family()))
    }

    /// Whether a connection can speak one of the protocols of a service (RFC 9460 §7.1.2).
    pub(super) fn speaks_with(&self, service: &ServiceRecord) -> bool {
        let Some(protocols) = &self.protocols else { return true };
        service.alpn.is_empty() || service.alpn.iter().any(|id| protocols.as_slice().contains(id))
    }

    /// The application protocols (ALPN ids) that can be spoken over a connection, the most wanted first. `None` is any.
    pub fn protocols(&self) -> Option<&[Vec<u8>]> {
        self.shared_protocols().map(Protocols::as_slice)
    }

    pub(crate) fn shared_protocols(&self) -> Option<&Protocols> {
        self.protocols.as_ref()
    }

    /// The same, of a connection over which these can be spoken.
    pub(crate) fn with_protocols(&self, protocols: Protocols) -> Self {
        Self { protocols: Some(protocols), ..self.clone() }
    }

    /// The families whose addresses may be tried. The builder sees to it that there is one.
    pub(crate) fn usable_families(&self) -> Families {
        self.families.among(self.local_families)
    }

    /// Why an address of this family would never be tried, or `None` if it may be.
    pub(crate) fn excludes(&self, family: Family) -> Option<UntriedReason> {
        if !self.families.contains(family) {
            Some(UntriedReason::FamilyDisabled)
        } else if !self.local_families.contains(family) {
            Some(UntriedReason::NoLocalAddress)
        } else {
            None
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: Policy::Staggered,
            order: Order::Resolver,
            connection_attempt_delay: Duration::from_millis(250),
            resolution_delay: Duration::from_millis(50),
            fallback_delay: Duration::from_millis(300),
            first_address_family_count: 1,
            max_concurrent_attempts: None,
            families: Families::Both,
            local_families: Families::Both,
            protocols: None,
            policy_table: PolicyTable::default(),
            handshake_patience: Patience::Off,
            allowed: Allowed::default(),
        }
    }
}

/// Builds a [`Config`].
#[derive(Clone, Debug)]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// How attempts are paced.
    ///
    /// Defaults to [`Policy::Staggered`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = policy;
        self
    }

    /// The order of the addresses.
    ///
    /// Defaults to [`Order::Resolver`].
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.config.order = order;
        self
    }

    /// How long after the start of one attempt the next one starts, while none has failed (RFC 8305 §5). For
    /// [`Policy::Staggered`].
    ///
    /// A shorter delay gets past a dead address sooner; a longer one opens fewer connections that are thrown away. Values
    /// are clamped to 10 ms ..= 2 s; zero is an error.
    ///
    /// Defaults to 250 ms.
    #[must_use]
    pub fn connection_attempt_delay(mut self, delay: Duration) -> Self {
        self.config.connection_attempt_delay = delay;
        self
    }

    /// How long to wait for the preferred family's answer (and the HTTPS answer) once another answer has an address
    /// (RFC 8305 §3). For [`Policy::Staggered`]; zero does not wait, and more than a century is a century.
    ///
    /// A longer delay gives a slow AAAA answer its chance to be first; a shorter one starts sooner where the resolver never
    /// answers it.
    ///
    /// Defaults to 50 ms.
    #[must_use]
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.config.resolution_delay = delay;
        self
    }

    /// How long the first family is alone before the other starts beside it (RFC 6555). For [`Policy::TwoFamilies`];
    /// zero starts both at once, and more than a century is a century.
    ///
    /// Defaults to 300 ms.
    #[must_use]
    pub fn fallback_delay(mut self, delay: Duration) -> Self {
        self.config.fallback_delay = delay;
        self
    }

    /// How many addresses of the first family go before the first of the other (RFC 8305 §4: First Address Family Count).
    /// For [`Policy::Staggered`]; zero is an error.
    ///
    /// 2 favours the first family; more delays the other by as many attempts.
    ///
    /// Defaults to 1.
    #[must_use]
    pub fn first_address_family_count(mut self, count: usize) -> Self {
        self.config.first_address_family_count = count;
        self
    }

    /// The most attempts that run at one time. For [`Policy::Staggered`]; zero is an error.
    ///
    /// When it is reached, the oldest attempt is abandoned to make room for the next, so that no dead address holds a place
    /// for ever. `None` is no cap: the delay between attempts and the caller's timeout bound them already.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_concurrent_attempts(mut self, cap: impl Into<Option<usize>>) -> Self {
        self.config.max_concurrent_attempts = cap.into();
        self
    }

    /// The address families that may be used. Addresses of another are recorded as untried, with the reason.
    ///
    /// Defaults to [`Families::Both`].
    #[must_use]
    pub fn families(mut self, families: Families) -> Self {
        self.config.families = families;
        self
    }

    /// The address families that have a local address to connect from. Addresses of another are recorded as untried, with
    /// the reason.
    ///
    /// Defaults to [`Families::Both`].
    #[must_use]
    pub fn local_families(mut self, families: Families) -> Self {
        self.config.local_families = families;
        self
    }

    /// The application protocols (ALPN ids) that can be spoken over a connection, the most wanted first. A service record that has
    /// none of them is left out (RFC 9460 §7.1.2). An id must have 1 to 255 bytes (RFC 7301 §3.1), and there may be 64 of them.
    ///
    /// Defaults to any.
    #[must_use]
    pub fn protocols(mut self, alpn_ids: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.config.protocols = Some(alpn_ids.into_iter().collect());
        self
    }

    /// The policy table that separate answers are sorted by (RFC 6724 §2.1).
    ///
    /// Defaults to the table of the RFC.
    #[must_use]
    pub fn policy_table(mut self, table: PolicyTable) -> Self {
        self.config.policy_table = table;
        self
    }

    /// How long attempts that ask before their handshake ([`Outcome::AtGate`](super::Outcome::AtGate)) wait for the HTTPS query.
    ///
    /// Defaults to [`Patience::Off`].
    #[must_use]
    pub fn handshake_patience(mut self, patience: Patience) -> Self {
        self.config.handshake_patience = patience;
        self
    }

    /// Which addresses may be connected to. No attempt is made to another one, be it of the resolver, of a hint in a service record, or the host of the
    /// URI itself: it is recorded as untried, with [`UntriedReason::NotAllowed`], and the race is among the others.
    ///
    /// `rule` is given each address as it would be connected to, an IPv4-mapped IPv6 address as the IPv4 address that it is. It may be asked about an address
    /// any number of times, also after the race, and must say the same each time.
    ///
    /// [`public_addresses_only`] is a rule for URIs that come from somebody else. A second call replaces the rule of the first.
    ///
    /// Defaults to every address.
    #[must_use]
    pub fn allow(mut self, rule: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        self.config.allowed = Allowed::by(rule);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If a setting that must not be zero is zero, if no address family is left to use, or if there are protocols that no handshake could offer.
    pub fn build(self) -> Result<Config, ConfigError> {
        let mut config = self.config;
        if config.connection_attempt_delay.is_zero() {
            return Err(ConfigError::new("the connection attempt delay must not be zero"));
        }
        if config.first_address_family_count == 0 {
            return Err(ConfigError::new("the first address family count must not be zero"));
        }
        if config.max_concurrent_attempts == Some(0) {
            return Err(ConfigError::new("the cap on concurrent attempts must not be zero"));
        }
        if config.excludes(Family::V6).is_some() && config.excludes(Family::V4).is_some() {
            return Err(ConfigError::new("the local address is of a family that is switched off"));
        }
        if let Some(problem) = config.protocols.as_ref().and_then(Protocols::problem) {
            return Err(ConfigError::new(problem));
        }
        config.connection_attempt_delay = config.connection_attempt_delay.clamp(ABSOLUTE_MINIMUM_DELAY, MAXIMUM_DELAY);
        config.resolution_delay = config.resolution_delay.min(LONGEST_WAIT);
        config.fallback_delay = config.fallback_delay.min(LONGEST_WAIT);
        if let Patience::Bounded(patience) = &mut config.handshake_patience {
            *patience = (*patience).min(LONGEST_WAIT);
        }
        Ok(config)
    }
}
