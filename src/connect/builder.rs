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
    /// Sets the resolver: a service from [`Name`](crate::resolve::Name) to [`Answers`](crate::resolve::Answers). At most 256 answers to one look-up
    /// are taken; then the stream is dropped, and the open queries have failed.
    ///
    /// Defaults to [`GaiResolver`].
    #[doc(alias("new_with_resolver", "dns_resolver"))]
    #[must_use]
    pub fn resolver<R2>(self, resolver: R2) -> Builder<R2, A, S> {
        let Self { attempt, security, choices, .. } = self;
        Builder { resolver, attempt, security, choices }
    }

    /// Sets the attempt service: a service from [`AttemptRequest`](crate::attempt::AttemptRequest) to a connection. It replaces what
    /// [`tcp`](Builder::tcp) has set before.
    ///
    /// Defaults to [`TcpConnector`].
    #[must_use]
    pub fn attempt<A2>(self, attempt: A2) -> Builder<R, A2, S> {
        self.attempts(attempt, Attempts::OfCaller)
    }

    /// Makes attempts over TCP with these options. It replaces what [`attempt`](Builder::attempt) has set before. If only one family has a local
    /// address, candidates of the other are skipped.
    ///
    /// Defaults to those of [`TcpOptions`].
    #[must_use]
    pub fn tcp(self, options: TcpOptions) -> Builder<R, TcpConnector, S> {
        self.attempts(TcpConnector::new(options.clone()), Attempts::Tcp(options))
    }

    /// Sets a function that says from which address the system would connect to a destination. Separate answers are sorted by it (RFC 6724 §6). The
    /// order of a list is kept, and the function is not called for it.
    ///
    /// Defaults to asking the system with the options of [`Builder::tcp`]; its answer is believed for 5 s, or until an attempt contradicts it. For
    /// the attempt service of [`Builder::attempt`], which may take other routes, and for a [`layer`](Builder::layer), defaults to
    /// [`Source::Unknown`]. A [memory](Builder::memory) calls the function with addresses of the benchmarking networks (198.18.0.1,
    /// 2001:2::1) to learn the default routes.
    #[must_use]
    pub fn source_addresses(mut self, source: impl Fn(SocketAddr) -> Source + Send + Sync + 'static) -> Self {
        self.choices.sources = Some(SourceAddresses::given(source));
        self
    }

    /// Sets the memory of the network, so that a broken path costs time only once: which addresses are dead, how far away they are, which were used
    /// (v3 §5.3, §6). [`MemoryHandle`] lists what is remembered of which connects.
    ///
    /// Defaults to a memory of this connector and its clones. With the attempt service of [`Builder::attempt`], whichever it is, and for a
    /// [`layer`](Builder::layer), defaults to [`MemoryHandle::off`].
    #[must_use]
    pub fn memory(mut self, memory: MemoryHandle) -> Self {
        self.choices.memory = Some(memory);
        self
    }

    /// Limits the time of look-up and race together. With `None` only the system's limits apply: it gives up an attempt after minutes.
    ///
    /// With `tls`, handshakes are a part of the race and of this time: an attempt at a server that does not answer TLS ends with it, unless
    /// `TlsOptions::handshake_timeout` has ended it before. A TLS layer around the connector begins its handshake after this time, and has only its
    /// own limit. The same holds for the request and the response, which the caller's time-outs limit.
    ///
    /// It is one budget for all attempts: with [`Policy::Staggered`] no attempt is limited to a share of it. The error says what the connector was
    /// waiting for.
    ///
    /// Defaults to `None`.
    #[doc(alias("set_connect_timeout", "connect_timeout"))]
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.choices.timeout = timeout.into();
        self
    }

    /// Whether URIs must have the scheme `http`, or `https` if this connector does TLS. Turn it off under a TLS layer, and under tonic's own TLS,
    /// since these pass `https` URIs on: the connector then makes TCP connections for any scheme.
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

    /// See [`ConfigBuilder::protocols`]. For a secure URI, protocols that the client does not speak are left out, if the client says which ones it
    /// speaks ([`ConnectRequest::protocols`](super::ConnectRequest::protocols)): this crate's [`Client`](crate::Client) speaks `http/1.1`. The
    /// remaining ones are passed to the attempts ([`AttemptRequest::protocols`](crate::attempt::AttemptRequest::protocols)).
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
    /// Defaults to the families of the local addresses of [`Builder::tcp`], if it has any, and to [`Families::Both`] for any other attempt service. If
    /// none of those local addresses is of these families, [`build`](Builder::build) returns an error.
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

    /// Sets which addresses may be connected to, whether they come from a resolver, a service record or the URI itself. See [`ConfigBuilder::allow`].
    /// It keeps programs that fetch URLs of others, such as webhooks and crawlers, out of their own network:
    ///
    /// ```
    /// use hyper_happy_eyeballs::{HappyEyeballsConnector, public_addresses_only};
    ///
    /// let connector = HappyEyeballsConnector::builder().allow(public_addresses_only).build()?;
    /// # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
    /// ```
    ///
    /// If no address is allowed, the error is [`is_not_allowed`](crate::ConnectError::is_not_allowed), and nothing was dialled. Redirects, proxies
    /// and ports are not covered: see `docs/guard.md` in the repository.
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
    /// Builds the connector.
    ///
    /// # Errors
    ///
    /// Those of [`ConfigBuilder::build`]; a timeout of zero; [local families](Builder::local_families) without a local address; TLS options that cannot
    /// work.
    pub fn build(self) -> Result<HappyEyeballsConnector<R, S::Attempt>, ConfigError> {
        let settings = self.choices.settings(S::DOES_TLS)?;
        let attempt = self.security.secure(self.attempt, &settings.race)?;
        Ok(HappyEyeballsConnector::from_parts(Arc::new(settings), self.resolver, attempt))
    }
}

impl<R, A> Builder<R, A> {
    /// Builds a layer with these settings, for any attempt service.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`]; and an attempt service that was set here, by [`attempt`](Builder::attempt) or [`tcp`](Builder::tcp): the layer would not use it.
    pub fn layer(self) -> Result<HappyEyeballsLayer<R>, ConfigError> {
        Ok(HappyEyeballsLayer::from_parts(self.choices.settings_of_layer()?, self.resolver))
    }
}

// These constructors are here, so that neither the connector nor the layer depends on its builder.

impl HappyEyeballsConnector {
    /// Makes a connector with the defaults.
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
    /// Makes a layer with the defaults of [`HappyEyeballsConnector`].
    pub fn new() -> Self {
        Self::from_parts(default_settings_of_layer(), GaiResolver::new())
    }

    /// Starts from the defaults. Finish with [`Builder::layer`].
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
