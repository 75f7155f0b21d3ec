//! Configures a connector.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::choices::{Attempts, Choices};
use super::layer::HappyEyeballsLayer;
use super::memory::MemoryHandle;
use super::security::{Plain, Security};
use super::service::HappyEyeballsConnector;
use super::settings::Settings;
use crate::race::{ConfigBuilder, ConfigError, Families, Order, Patience, Policy, PolicyTable, Source};
use crate::resolve::GaiResolver;
use crate::tcp::{SourceAddresses, TcpConnector, TcpOptions};

/// Builds a [`HappyEyeballsConnector`], or a [`HappyEyeballsLayer`].
///
/// The order of the setters does not matter. What is set has precedence over what follows from another setting, as the local families follow from
/// [`tcp`](Builder::tcp). A setter that is called again replaces its value, and the later of [`attempt`](Builder::attempt) and `tcp` replaces the
/// earlier one.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | resolver | [`GaiResolver`] |
/// | attempt | [`TcpConnector`] with the defaults of [`TcpOptions`] |
/// | TLS | none |
/// | timeout | none |
/// | enforce http | on |
/// | protocols | `h2`, `http/1.1` |
/// | source addresses | the system's |
/// | memory | one of its own |
/// | allow | every address |
/// | every other setting of the race | that of [`Config`](crate::race::Config) |
#[derive(Clone, Debug)]
pub struct Builder<R = GaiResolver, A = TcpConnector, S = Plain> {
    resolver: R,
    attempt: A,
    security: S,
    choices: Choices,
}

impl Builder {
    fn new() -> Self {
        Self {
            resolver: GaiResolver::new(),
            attempt: TcpConnector::default(),
            security: Plain,
            choices: Choices::new(),
        }
    }
}

impl<R, A, S> Builder<R, A, S> {
    /// What resolves names: a service from [`Name`](crate::resolve::Name) to [`Answers`](crate::resolve::Answers). Of one look-up, 256
    /// answers are taken in at most; then the stream is dropped, and the queries that are open have failed.
    ///
    /// Defaults to [`GaiResolver`].
    #[doc(alias("new_with_resolver", "dns_resolver"))]
    #[must_use]
    pub fn resolver<R2>(self, resolver: R2) -> Builder<R2, A, S> {
        let Self { attempt, security, choices, .. } = self;
        Builder { resolver, attempt, security, choices }
    }

    /// What makes the attempts: a service from [`AttemptRequest`](crate::attempt::AttemptRequest) to a connection. It replaces what
    /// [`tcp`](Builder::tcp) has set before.
    ///
    /// Defaults to [`TcpConnector`].
    #[must_use]
    pub fn attempt<A2>(self, attempt: A2) -> Builder<R, A2, S> {
        self.attempts(attempt, Attempts::OfCaller)
    }

    /// Attempts over TCP with these options. It replaces what [`attempt`](Builder::attempt) has set before. Candidates of a family without a local
    /// address are skipped, if there is one for the other.
    ///
    /// Defaults to those of [`TcpOptions`].
    #[must_use]
    pub fn tcp(self, options: TcpOptions) -> Builder<R, TcpConnector, S> {
        self.attempts(TcpConnector::new(options.clone()), Attempts::Tcp(options))
    }

    /// What says from which address a destination would be connected to: separate answers are sorted by it (RFC 6724 §6). A list
    /// is taken as it is, and nothing is asked.
    ///
    /// Defaults to what the system says of sockets with the options of [`Builder::tcp`], which is believed for 5 s, or until an
    /// attempt contradicts it; and to [`Source::Unknown`] for any other attempt service, which may take other routes: that of [`Builder::attempt`],
    /// and that of a [`layer`](Builder::layer). A [memory](Builder::memory) asks it for the default routes, by addresses of the benchmarking
    /// networks (198.18.0.1, 2001:2::1).
    #[must_use]
    pub fn source_addresses(mut self, source: impl Fn(SocketAddr) -> Source + Send + Sync + 'static) -> Self {
        self.choices.sources = Some(SourceAddresses::given(source));
        self
    }

    /// What is remembered of the network, so that a broken path is paid for once: which addresses are dead, how far away they are, which were used
    /// (v3 §5.3, §6). [`MemoryHandle`] says what is remembered of which connects.
    ///
    /// Defaults to a memory of this connector and its clones; and to [`MemoryHandle::off`] for the attempts of [`Builder::attempt`], whatever they are, and for a
    /// [`layer`](Builder::layer).
    #[must_use]
    pub fn memory(mut self, memory: MemoryHandle) -> Self {
        self.choices.memory = Some(memory);
        self
    }

    /// The most that look-up and race may take together. `None` is no limit but the system's own, which gives up an attempt
    /// after minutes.
    ///
    /// With `tls`, handshakes are a part of the race, and of this time: a server whose TLS is silent ends with it, if `TlsOptions::handshake_timeout` has not ended its
    /// attempt before. TLS of another layer, around the connector, begins when this time has ended, and has none but that layer's own; so do the request and
    /// the response, which the time-outs of the caller are for.
    ///
    /// It is one budget: with [`Policy::Staggered`] no attempt gets only a share of it. The connector ends with an error that
    /// says what it was waiting for.
    ///
    /// Defaults to `None`.
    #[doc(alias("set_connect_timeout", "connect_timeout"))]
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.choices.timeout = timeout.into();
        self
    }

    /// Whether URIs must have the scheme `http`, or `https` where this connector does TLS. Turn it off under a TLS layer, and under
    /// tonic's own TLS, which pass `https` URIs on: connections for them are TCP as for any other.
    ///
    /// Defaults to `true`.
    #[doc(alias("https_only"))]
    #[must_use]
    pub fn enforce_http(mut self, enforce: bool) -> Self {
        self.choices.enforce_http = enforce;
        self
    }

    /// See [`ConfigBuilder::policy`].
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        self.race(|race| race.policy(policy))
    }

    /// See [`ConfigBuilder::order`].
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        self.race(|race| race.order(order))
    }

    /// See [`ConfigBuilder::connection_attempt_delay`].
    #[doc(alias("set_happy_eyeballs_timeout"))]
    #[must_use]
    pub fn connection_attempt_delay(self, delay: Duration) -> Self {
        self.race(|race| race.connection_attempt_delay(delay))
    }

    /// See [`ConfigBuilder::resolution_delay`].
    #[must_use]
    pub fn resolution_delay(self, delay: Duration) -> Self {
        self.race(|race| race.resolution_delay(delay))
    }

    /// See [`ConfigBuilder::fallback_delay`].
    #[doc(alias("set_happy_eyeballs_timeout"))]
    #[must_use]
    pub fn fallback_delay(self, delay: Duration) -> Self {
        self.race(|race| race.fallback_delay(delay))
    }

    /// See [`ConfigBuilder::first_address_family_count`].
    #[must_use]
    pub fn first_address_family_count(self, count: usize) -> Self {
        self.race(|race| race.first_address_family_count(count))
    }

    /// See [`ConfigBuilder::max_concurrent_attempts`].
    #[must_use]
    pub fn max_concurrent_attempts(self, cap: impl Into<Option<usize>>) -> Self {
        self.race(|race| race.max_concurrent_attempts(cap))
    }

    /// See [`ConfigBuilder::families`].
    #[must_use]
    pub fn families(self, families: Families) -> Self {
        self.race(|race| race.families(families))
    }

    /// See [`ConfigBuilder::protocols`]. For a secure URI those are left out that the client does not speak, if it says what it speaks
    /// ([`ConnectRequest::protocols`](super::ConnectRequest::protocols)): this crate's [`Client`](crate::Client) speaks `http/1.1`. Attempts are told what is
    /// left ([`AttemptRequest::protocols`](crate::attempt::AttemptRequest::protocols)).
    ///
    /// Defaults to `h2` and `http/1.1`, which go over TCP.
    #[must_use]
    pub fn protocols(self, alpn_ids: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.race(|race| race.protocols(alpn_ids))
    }

    /// See [`ConfigBuilder::policy_table`].
    #[must_use]
    pub fn policy_table(self, table: PolicyTable) -> Self {
        self.race(|race| race.policy_table(table))
    }

    /// See [`ConfigBuilder::local_families`]. It is for an attempt service that binds to an address of one family.
    ///
    /// Defaults to the families of the local addresses of [`Builder::tcp`], if it has any, and to [`Families::Both`] for any other attempt service. If none
    /// of those local addresses is of these families, it is an error of [`build`](Builder::build).
    #[must_use]
    pub fn local_families(mut self, families: Families) -> Self {
        self.choices.local_families = Some(families);
        self
    }

    /// See [`ConfigBuilder::handshake_patience`].
    #[must_use]
    pub fn handshake_patience(self, patience: Patience) -> Self {
        self.race(|race| race.handshake_patience(patience))
    }

    /// Which addresses may be connected to, whoever says them: a resolver, a service record, or the URI itself. See [`ConfigBuilder::allow`]. It keeps programs that
    /// fetch what others name, webhooks and crawlers say, out of their own network:
    ///
    /// ```
    /// use hyper_happy_eyeballs::{HappyEyeballsConnector, public_addresses_only};
    ///
    /// let connector = HappyEyeballsConnector::builder().allow(public_addresses_only).build()?;
    /// # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
    /// ```
    ///
    /// If none of the addresses is allowed the error is [`is_not_allowed`](crate::ConnectError::is_not_allowed), and nothing was dialled.
    /// Redirects, proxies and ports are not this setting's business: `docs/guard.md` in the repository says what it covers, and what not.
    ///
    /// Defaults to every address.
    #[doc(alias("ssrf"))]
    #[must_use]
    pub fn allow(self, rule: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        self.race(|race| race.allow(rule))
    }

    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is switched off"))]
    pub(super) fn security<S2>(self, security: S2) -> Builder<R, A, S2> {
        let Self { resolver, attempt, choices, .. } = self;
        Builder { resolver, attempt, security, choices }
    }

    fn attempts<A2>(self, attempt: A2, attempts: Attempts) -> Builder<R, A2, S> {
        let Self { resolver, security, choices, .. } = self;
        Builder { resolver, attempt, security, choices: Choices { attempts, ..choices } }
    }

    fn race(mut self, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.choices.race = set(self.choices.race);
        self
    }
}

impl<R, A, S: Security<A>> Builder<R, A, S> {
    /// The connector.
    ///
    /// # Errors
    ///
    /// Those of [`ConfigBuilder::build`], a timeout of zero, [local families](Builder::local_families) without a local address, and options of TLS that
    /// cannot work.
    pub fn build(self) -> Result<HappyEyeballsConnector<R, S::Attempt>, ConfigError> {
        let settings = self.choices.settings(S::DOES_TLS)?;
        let attempt = self.security.secure(self.attempt, &settings.race)?;
        Ok(HappyEyeballsConnector::from_parts(Arc::new(settings), self.resolver, attempt))
    }
}

impl<R, A> Builder<R, A> {
    /// A layer with these settings, for any attempt service.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`]; and an attempt service that was set here, by [`attempt`](Builder::attempt) or [`tcp`](Builder::tcp): the layer would not use it.
    pub fn layer(self) -> Result<HappyEyeballsLayer<R>, ConfigError> {
        Ok(HappyEyeballsLayer::from_parts(self.choices.settings_of_layer()?, self.resolver))
    }
}

// What is built begins here, so that neither the connector nor the layer needs its builder.

impl HappyEyeballsConnector {
    /// A connector with the defaults.
    pub fn new() -> Self {
        Self::from_parts(Arc::default(), GaiResolver::new(), TcpConnector::default())
    }

    /// Starts from the defaults.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for HappyEyeballsConnector {
    fn default() -> Self {
        Self::new()
    }
}

impl HappyEyeballsLayer {
    /// A layer with the defaults of [`HappyEyeballsConnector`].
    pub fn new() -> Self {
        Self::from_parts(default_settings_of_layer(), GaiResolver::new())
    }

    /// Starts from the defaults; [`Builder::layer`] ends it.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for HappyEyeballsLayer {
    fn default() -> Self {
        Self::new()
    }
}

fn default_settings_of_layer() -> Settings {
    Choices::new().settings_of_layer().expect("the defaults are valid")
}

impl Default for Settings {
    fn default() -> Self {
        Choices::new().settings(false).expect("the defaults are valid")
    }
}
