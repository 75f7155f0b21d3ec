//! The settings of a race, with their bounds.

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
/// RFC 8305 §5: the recommended minimum for delays that are derived instead of configured.
pub(super) const MINIMUM_DERIVED_DELAY: Duration = Duration::from_millis(100);
/// RFC 8305 §5: the upper bound of the connection attempt delay.
pub(super) const MAXIMUM_DELAY: Duration = Duration::from_secs(2);

/// The upper bound of all other delays. A race adds them to an instant, which must not overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How a race paces its attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// RFC 8305 and its successor: one list in which the families alternate. The next attempt starts when the connection
    /// attempt delay has passed or the newest attempt has failed, and earlier attempts keep running.
    #[default]
    Staggered,
    /// RFC 6555: the addresses of the first family in sequence. The other family starts in a second sequence after the fallback delay, or at once
    /// when every address of the first has failed.
    TwoFamilies,
    /// One address at a time, in order.
    Sequential,
}

impl Policy {
    /// Whether a race waits for all answers before its first attempt, and ignores later ones.
    pub(super) fn freezes_the_list(self) -> bool {
        match self {
            Self::Staggered => false,
            Self::TwoFamilies | Self::Sequential => true,
        }
    }
}

/// The order of the addresses, before the families alternate.
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
    /// Whether addresses of `family` go behind those of the other, whatever their order was.
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
    /// `None` is any protocol.
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

    /// Returns why this endpoint will not be tried, or `None` if it may be.
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

    /// Returns the application protocols (ALPN ids) that can be spoken over a connection, in order of preference. `None` is any.
    pub fn protocols(&self) -> Option<&[Vec<u8>]> {
        self.shared_protocols().map(Protocols::as_slice)
    }

    pub(crate) fn shared_protocols(&self) -> Option<&Protocols> {
        self.protocols.as_ref()
    }

    /// Returns the same settings with other protocols.
    pub(crate) fn with_protocols(&self, protocols: Protocols) -> Self {
        Self { protocols: Some(protocols), ..self.clone() }
    }

    /// Returns the families whose addresses may be tried. The builder makes sure that there is one.
    pub(crate) fn usable_families(&self) -> Families {
        self.families.among(self.local_families)
    }

    /// Returns why an address of this family is never tried, or `None` if it may be.
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
    /// Sets how attempts are paced.
    ///
    /// Defaults to [`Policy::Staggered`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Sets the order of the addresses.
    ///
    /// Defaults to [`Order::Resolver`].
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.config.order = order;
        self
    }

    /// Sets how long after the start of one attempt the next one starts, if none has failed (RFC 8305 §5). For [`Policy::Staggered`].
    ///
    /// With a shorter delay a dead address costs less time; with a longer delay fewer connections are made in vain. Values are clamped to 10 ms ..= 2
    /// s. Zero is an error.
    ///
    /// Defaults to 250 ms.
    #[must_use]
    pub fn connection_attempt_delay(mut self, delay: Duration) -> Self {
        self.config.connection_attempt_delay = delay;
        self
    }

    /// Sets how long the race waits for the answer of the preferred family (and for the HTTPS answer) once another answer has an address (RFC 8305
    /// §3). For [`Policy::Staggered`]. Zero is no wait. Values above a century are clamped to a century.
    ///
    /// With a longer delay a slow AAAA answer can still be first. With a shorter one the race starts sooner if the resolver never answers AAAA.
    ///
    /// Defaults to 50 ms.
    #[must_use]
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.config.resolution_delay = delay;
        self
    }

    /// Sets how long the first family is tried alone, before the other starts beside it (RFC 6555). For [`Policy::TwoFamilies`]. Zero starts both at
    /// once. Values above a century are clamped to a century.
    ///
    /// Defaults to 300 ms.
    #[must_use]
    pub fn fallback_delay(mut self, delay: Duration) -> Self {
        self.config.fallback_delay = delay;
        self
    }

    /// Sets how many addresses of the first family come before the first address of the other (RFC 8305 §4: First Address Family Count). For
    /// [`Policy::Staggered`]. Zero is an error.
    ///
    /// A higher count favours the first family, and delays the other by as many attempts.
    ///
    /// Defaults to 1.
    #[must_use]
    pub fn first_address_family_count(mut self, count: usize) -> Self {
        self.config.first_address_family_count = count;
        self
    }

    /// Sets how many attempts may run at a time. For [`Policy::Staggered`]. Zero is an error.
    ///
    /// At the limit, the oldest attempt is dropped for the next one, so that no dead address occupies a place for ever. `None` is no limit: the
    /// attempt delay and the caller's timeout limit them already.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_concurrent_attempts(mut self, cap: impl Into<Option<usize>>) -> Self {
        self.config.max_concurrent_attempts = cap.into();
        self
    }

    /// Sets the address families that may be used. Addresses of another family are recorded as untried, with the reason.
    ///
    /// Defaults to [`Families::Both`].
    #[must_use]
    pub fn families(mut self, families: Families) -> Self {
        self.config.families = families;
        self
    }

    /// Sets the address families that have a local address to connect from. Addresses of another family are recorded as untried, with the reason.
    ///
    /// Defaults to [`Families::Both`].
    #[must_use]
    pub fn local_families(mut self, families: Families) -> Self {
        self.config.local_families = families;
        self
    }

    /// Sets the application protocols (ALPN ids) that can be spoken over a connection, in order of preference. A service record with none of them is
    /// left out (RFC 9460 §7.1.2). An id must have 1 to 255 bytes (RFC 7301 §3.1), and there may be 64 of them.
    ///
    /// Defaults to any.
    #[must_use]
    pub fn protocols(mut self, alpn_ids: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.config.protocols = Some(alpn_ids.into_iter().collect());
        self
    }

    /// Sets the policy table by which separate answers are sorted (RFC 6724 §2.1).
    ///
    /// Defaults to the table of the RFC.
    #[must_use]
    pub fn policy_table(mut self, table: PolicyTable) -> Self {
        self.config.policy_table = table;
        self
    }

    /// Sets how long attempts that ask before their handshake ([`Outcome::AtGate`](super::Outcome::AtGate)) wait for the HTTPS query.
    ///
    /// Defaults to [`Patience::Off`].
    #[must_use]
    pub fn handshake_patience(mut self, patience: Patience) -> Self {
        self.config.handshake_patience = patience;
        self
    }

    /// Sets which addresses may be connected to. No attempt is made to any other address, whether it comes from the resolver, from a hint in a
    /// service record, or from the URI itself. It is recorded as untried, with [`UntriedReason::NotAllowed`].
    ///
    /// `rule` gets each address as it would be connected to: an IPv4-mapped IPv6 address as the IPv4 address. It may be called any number of times
    /// for an address, also after the race, and must always return the same.
    ///
    /// [`public_addresses_only`] is a rule for URIs from untrusted sources. A second call replaces the rule.
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
    /// A setting that must not be zero is zero, no address family is left, or no handshake could offer the protocols.
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
