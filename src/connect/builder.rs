//! Configures a connector.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::layer::HappyEyeballsLayer;
use super::memory::{MemoryHandle, Remembering};
use super::security::{Plain, Security};
use super::service::HappyEyeballsConnector;
use super::settings::Settings;
use super::target::Schemes;
use crate::race::{Config, ConfigBuilder, ConfigError, Families, Order, Patience, Policy, PolicyTable, Source};
use crate::resolve::GaiResolver;
use crate::tcp::{SourceAddresses, TcpConnector, TcpOptions};

/// Builds a [`HappyEyeballsConnector`], or a [`HappyEyeballsLayer`].
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
/// | every other setting of the race | that of [`Config`] |
#[derive(Clone)]
pub struct Builder<R = GaiResolver, A = TcpConnector, S = Plain> {
    resolver: R,
    attempt: A,
    security: S,
    race: ConfigBuilder,
    timeout: Option<Duration>,
    enforce_http: bool,
    sources: SourceAddresses,
    /// `None` is a memory of the connector's own if attempts go by TCP, and no memory otherwise.
    memory: Option<MemoryHandle>,
    hears_attempts: bool,
}

impl Builder {
    fn new() -> Self {
        Self {
            resolver: GaiResolver::new(),
            attempt: TcpConnector::default(),
            security: Plain,
            // The protocols that go over TCP.
            race: Config::builder().protocols(["h2", "http/1.1"]),
            timeout: None,
            enforce_http: true,
            sources: SourceAddresses::of_system(TcpOptions::new()),
            memory: None,
            hears_attempts: false,
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
        let Self { attempt, security, race, timeout, enforce_http, sources, memory, hears_attempts, .. } = self;
        Builder { resolver, attempt, security, race, timeout, enforce_http, sources, memory, hears_attempts }
    }

    /// Sets the attempt service: a service from [`AttemptRequest`](crate::attempt::AttemptRequest) to a connection.
    ///
    /// Defaults to [`TcpConnector`].
    #[must_use]
    pub fn attempt<A2>(self, attempt: A2) -> Builder<R, A2, S> {
        // The local addresses and the routes of `TcpConnector`'s sockets do not apply to other attempt services.
        let Self { resolver, security, race, timeout, enforce_http, memory, .. } = self.local_families(Families::Both);
        let sources = SourceAddresses::unknown();
        Builder { resolver, attempt, security, race, timeout, enforce_http, sources, memory, hears_attempts: true }
    }

    /// Makes attempts over TCP with these options. If only one family has a local address, candidates of the other are skipped.
    ///
    /// Defaults to those of [`TcpOptions`].
    #[must_use]
    pub fn tcp(self, options: TcpOptions) -> Builder<R, TcpConnector, S> {
        let local_families = options.local_families();
        let sources = SourceAddresses::of_system(options.clone());
        let mut builder = self.attempt(TcpConnector::new(options)).local_families(local_families);
        builder.sources = sources;
        builder.hears_attempts = false;
        builder
    }

    /// Sets a function that says from which address the system would connect to a destination. Separate answers are sorted by it (RFC 6724 §6). The
    /// order of a list is kept, and the function is not called for it.
    ///
    /// Defaults to asking the system with the options of [`Builder::tcp`]; its answer is believed for 5 s, or until an attempt contradicts it. For
    /// any other attempt service, which may take other routes, and for a [`layer`](Builder::layer), it defaults to [`Source::Unknown`]: call this
    /// method after [`Builder::attempt`]. A [memory](Builder::memory) calls the function with addresses of the benchmarking networks (198.18.0.1,
    /// 2001:2::1) to learn the default routes.
    #[must_use]
    pub fn source_addresses(mut self, source: impl Fn(SocketAddr) -> Source + Send + Sync + 'static) -> Self {
        self.sources = SourceAddresses::given(source);
        self
    }

    /// Sets the memory of the network, so that a broken path costs time only once: which addresses are dead, how far away they are, which were used
    /// (v3 §5.3, §6). [`MemoryHandle`] lists what is remembered of which connects.
    ///
    /// Defaults to a memory of this connector and its clones. After any call of [`Builder::attempt`], and for a [`layer`](Builder::layer), defaults
    /// to [`MemoryHandle::off`].
    #[must_use]
    pub fn memory(mut self, memory: MemoryHandle) -> Self {
        self.memory = Some(memory);
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
        self.timeout = timeout.into();
        self
    }

    /// Whether URIs must have the scheme `http`, or `https` if this connector does TLS. Turn it off under a TLS layer, and under tonic's own TLS,
    /// since these pass `https` URIs on: the connector then makes TCP connections for any scheme.
    ///
    /// Defaults to `true`.
    #[doc(alias("https_only"))]
    #[must_use]
    pub fn enforce_http(mut self, enforce: bool) -> Self {
        self.enforce_http = enforce;
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

    /// See [`ConfigBuilder::local_families`]. [`Builder::tcp`] sets it by the local addresses, and [`Builder::attempt`] sets it to
    /// [`Families::Both`]: for an attempt service that binds to an address of one family, call this method afterwards.
    #[must_use]
    pub fn local_families(self, families: Families) -> Self {
        self.race(|race| race.local_families(families))
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
        let Self { resolver, attempt, race, timeout, enforce_http, sources, memory, hears_attempts, .. } = self;
        Builder { resolver, attempt, security, race, timeout, enforce_http, sources, memory, hears_attempts }
    }

    fn race(mut self, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.race = set(self.race);
        self
    }

    pub(super) fn settings(&self, does_tls: bool) -> Result<Settings, ConfigError> {
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(ConfigError::new("the timeout must not be zero"));
        }
        let race = self.race.clone().build()?;
        let memory = || if self.hears_attempts { MemoryHandle::off() } else { MemoryHandle::new() };
        Ok(Settings {
            families: race.usable_families(),
            race: Arc::new(race),
            timeout: self.timeout,
            schemes: Schemes::new(self.enforce_http, does_tls),
            sources: self.sources.clone(),
            network: Arc::default(),
            memory: Arc::new(Remembering::new(self.memory.clone().unwrap_or_else(memory))),
            hears_attempts: self.hears_attempts,
            does_tls,
        })
    }
}

impl<R, A, S: Security<A>> Builder<R, A, S> {
    /// Builds the connector.
    ///
    /// # Errors
    ///
    /// Those of [`ConfigBuilder::build`]; a timeout of zero; TLS options that cannot work.
    pub fn build(self) -> Result<HappyEyeballsConnector<R, S::Attempt>, ConfigError> {
        let settings = self.settings(S::DOES_TLS)?;
        let attempt = self.security.secure(self.attempt, &settings.race)?;
        Ok(HappyEyeballsConnector::from_parts(Arc::new(settings), self.resolver, attempt))
    }
}

impl<R, A> Builder<R, A> {
    /// Builds a layer with these settings, for any attempt service. The attempt service that was set here is dropped, but its local families and
    /// source addresses are kept.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn layer(self) -> Result<HappyEyeballsLayer<R>, ConfigError> {
        let memory = self.memory.clone().unwrap_or_else(MemoryHandle::off);
        let settings = self.settings(false)?.for_any_attempt(memory);
        Ok(HappyEyeballsLayer::from_parts(settings, self.resolver))
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
        Self::from_parts(Settings::default().for_any_attempt(MemoryHandle::off()), GaiResolver::new())
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

impl Default for Settings {
    fn default() -> Self {
        Builder::new().settings(false).expect("the defaults are valid")
    }
}

impl<R: fmt::Debug, A: fmt::Debug, S: fmt::Debug> fmt::Debug for Builder<R, A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("resolver", &self.resolver)
            .field("attempt", &self.attempt)
            .field("security", &self.security)
            .field("race", &self.race)
            .field("timeout", &self.timeout)
            .field("enforce_http", &self.enforce_http)
            .field("sources", &self.sources)
            .field("memory", &self.memory.as_ref().map(MemoryHandle::in_brief))
            .finish()
    }
}
