//! The settings of TLS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, KeyLog, SupportedProtocolVersion};

use super::alpn;
use super::roots::{self, Roots};
use crate::race::{ConfigError, Protocols};

/// The settings of TLS.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | provider | that of the process, else aws-lc-rs or ring, whichever is compiled in |
/// | root certificates | the system's, else Mozilla's, whichever is compiled in |
/// | client certificate | none |
/// | versions | TLS 1.2 and 1.3 |
/// | key log | none |
/// | session hosts | 256 |
/// | handshake timeout | 10 s |
/// | race until | [`RaceUntil::Tls`] |
///
/// The connector sets the protocols that are offered (ALPN): see [`protocols`](crate::connect::Builder::protocols). Early data is off.
#[derive(Clone)]
pub struct TlsOptions {
    pub(super) base: Base,
    pub(super) handshake_timeout: Option<Duration>,
    pub(super) race_until: RaceUntil,
}

/// Where the configuration of rustls comes from.
#[derive(Clone)]
pub(super) enum Base {
    Whole {
        config: Arc<ClientConfig>,
        /// Whether parts were set too, which is an error.
        has_parts: bool,
    },
    Parts(Parts),
}

/// The parts of a configuration. Each setter has a field of its own, so that the order of calls does not matter.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) provider: Option<Arc<CryptoProvider>>,
    /// `None` is the default.
    pub(super) roots: Option<Arc<dyn Roots>>,
    pub(super) extra_roots: Vec<CertificateDer<'static>>,
    /// An error if root certificates are set too.
    pub(super) verifier: Option<Arc<dyn ServerCertVerifier>>,
    pub(super) identity: Identity,
    pub(super) versions: Option<Vec<&'static SupportedProtocolVersion>>,
    pub(super) key_log: Option<Arc<dyn KeyLog>>,
    /// `None` is the default.
    pub(super) session_hosts: Option<usize>,
}

/// The client's certificate.
#[derive(Clone, Default)]
pub(super) enum Identity {
    #[default]
    None,
    Certificate(Vec<CertificateDer<'static>>, Arc<PrivateKeyDer<'static>>),
    Resolver(Arc<dyn ResolvesClientCert>),
}

/// What an attempt must achieve to win the race.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RaceUntil {
    /// The handshake is finished and the certificate accepted (v3 §6.1). A server that accepts TCP connections but does not answer TLS costs one
    /// attempt delay.
    #[default]
    Tls,
    /// The transport stands. The other attempts are dropped before the handshake begins, so that no server makes a handshake in vain. If the
    /// handshake fails, the race goes on with the other attempts.
    Tcp,
}

impl TlsOptions {
    /// Returns the default settings.
    pub fn new() -> Self {
        Self::of(Base::Parts(Parts::default()))
    }

    /// Uses a whole configuration of your own, instead of provider, root certificates, client certificate, versions, key log and sessions. To set one
    /// of these as well is an error of the connector's `build`.
    ///
    /// If the configuration has protocols (`alpn_protocols`), those are offered that the connector has as well. If there are none, the connector's
    /// `build` returns an error.
    ///
    /// Clones of a configuration share its sessions (`resumption`). So connectors with clones of one configuration share them, and so do settings
    /// that [replace](super::TlsConnector::replace) others.
    #[doc(alias("use_preconfigured_tls", "tls_backend_preconfigured"))]
    pub fn with_config(config: ClientConfig) -> Self {
        Self::of(Base::Whole { config: Arc::new(config), has_parts: false })
    }

    /// The provider of cryptography.
    ///
    /// Defaults to that of the process ([`CryptoProvider::get_default`]), else to the one that is compiled in, aws-lc-rs before ring.
    #[must_use]
    pub fn provider(self, provider: Arc<CryptoProvider>) -> Self {
        self.part(|parts| parts.provider = Some(provider))
    }

    /// Verifies certificates with these root certificates, instead of the system's or Mozilla's. Of several calls that choose roots the last one
    /// counts; [`extra_root_certificates`](Self::extra_root_certificates) adds to them.
    #[doc(alias("tls_certs_only"))]
    #[must_use]
    pub fn root_certificates(self, certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let certificates = certificates.into_iter().collect();
        self.roots(roots::Given(certificates))
    }

    /// Adds root certificates to those of the other settings. Further calls add more. A certificate that cannot be read is an error of the
    /// connector's `build`; so is any certificate if Android's own verifier is used, which takes none.
    ///
    /// ```no_run
    /// use hyper_happy_eyeballs::TlsOptions;
    /// use hyper_happy_eyeballs::tls::rustls::pki_types::{CertificateDer, pem::PemObject};
    ///
    /// let ca = CertificateDer::from_pem_file("ca.pem")?;
    /// let tls = TlsOptions::new().extra_root_certificates([ca]);
    /// # Ok::<_, hyper_happy_eyeballs::tls::rustls::pki_types::pem::Error>(())
    /// ```
    #[doc(alias("add_root_certificate", "tls_certs_merge"))]
    #[must_use]
    pub fn extra_root_certificates(self, certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.part(|parts| parts.extra_roots.extend(certificates))
    }

    /// Verifies certificates with your own verifier, instead of root certificates. To set both is an error of the connector's `build`.
    #[doc(alias(
        "danger_accept_invalid_certs",
        "danger_accept_invalid_hostnames",
        "tls_danger_accept_invalid_certs",
        "tls_danger_accept_invalid_hostnames"
    ))]
    #[must_use]
    pub fn verifier(self, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        self.part(|parts| parts.verifier = Some(verifier))
    }

    /// The certificate that the client sends to servers that ask for one, with the chain to its root, and its key. A session is resumed only with the
    /// certificate that it began with. A certificate and a [resolver](Self::client_certificate_resolver) replace each other.
    ///
    /// Defaults to none.
    #[doc(alias("identity"))]
    #[must_use]
    pub fn client_certificate(self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        self.part(|parts| parts.identity = Identity::Certificate(chain, Arc::new(key)))
    }

    /// Chooses the client's certificate for each request of a server. A resolver and a [certificate](Self::client_certificate) replace each other.
    ///
    /// Defaults to none.
    #[must_use]
    pub fn client_certificate_resolver(self, resolver: Arc<dyn ResolvesClientCert>) -> Self {
        self.part(|parts| parts.identity = Identity::Resolver(resolver))
    }

    /// The versions of TLS to speak.
    ///
    /// Defaults to TLS 1.2 and 1.3.
    #[doc(alias("min_tls_version", "max_tls_version", "tls_version_min", "tls_version_max"))]
    #[must_use]
    pub fn versions(self, versions: impl IntoIterator<Item = &'static SupportedProtocolVersion>) -> Self {
        self.part(|parts| parts.versions = Some(versions.into_iter().collect()))
    }

    /// Gets the keys of every connection, so that a recording of it can be decrypted: [`KeyLogFile`](super::rustls::KeyLogFile), say.
    ///
    /// Defaults to nothing.
    #[doc(alias("tls_sslkeylogfile", "SSLKEYLOGFILE"))]
    #[must_use]
    pub fn key_log(self, key_log: Arc<dyn KeyLog>) -> Self {
        self.part(|parts| parts.key_log = Some(key_log))
    }

    /// How many hosts have their sessions kept for resumption, eight sessions for each. A higher number saves full handshakes for a client of many
    /// hosts, and costs some kilobytes a host. Zero turns resumption off. Clones of the connector share the sessions. The table of hosts is allocated
    /// at once, with some hundred bytes a host. The number is limited to 65,536.
    ///
    /// Defaults to 256.
    #[must_use]
    pub fn session_hosts(self, hosts: usize) -> Self {
        self.part(|parts| parts.session_hosts = Some(hosts))
    }

    /// How long a handshake may take once the transport stands, including the wait for the system's root certificates. After that the attempt fails.
    /// With `None` only the connector's timeout limits it: without that one, a server that accepts connections and never answers is waited for for
    /// ever. Zero is an error.
    ///
    /// Defaults to 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = timeout.into();
        self
    }

    /// What an attempt must achieve to win the race.
    ///
    /// Defaults to [`RaceUntil::Tls`].
    #[must_use]
    pub fn race_until(mut self, until: RaceUntil) -> Self {
        self.race_until = until;
        self
    }

    /// Returns the protocols of a whole configuration; `None` if it has none.
    pub(super) fn protocols(&self) -> Option<Protocols> {
        match &self.base {
            Base::Whole { config, .. } if !config.alpn_protocols.is_empty() => {
                Some(config.alpn_protocols.iter().cloned().collect())
            }
            Base::Whole { .. } | Base::Parts(_) => None,
        }
    }

    /// Checks that a connector with these protocols can offer any.
    pub(crate) fn check_protocols(&self, of_connector: Option<&Protocols>) -> Result<(), ConfigError> {
        alpn::offer(of_connector, self.protocols().as_ref()).map(drop).map_err(ConfigError::new)
    }

    fn of(base: Base) -> Self {
        Self { base, handshake_timeout: Some(Duration::from_secs(10)), race_until: RaceUntil::default() }
    }

    pub(super) fn roots(self, roots: impl Roots + 'static) -> Self {
        self.part(|parts| parts.roots = Some(Arc::new(roots)))
    }

    fn part(mut self, set: impl FnOnce(&mut Parts)) -> Self {
        match &mut self.base {
            Base::Whole { has_parts, .. } => *has_parts = true,
            Base::Parts(parts) => set(parts),
        }
        self
    }
}

#[cfg(feature = "tls-platform-roots")]
impl TlsOptions {
    /// Verifies certificates with the root certificates of the system, or with the system's own verifier. They are read when the first connect to an
    /// `https` URI begins. If there are none, connects to `https` URIs fail; `http` URIs are not affected. Certificates that could not be read are
    /// read again after 5 s.
    #[must_use]
    pub fn platform_roots(self) -> Self {
        self.roots(roots::platform::OfPlatform)
    }
}

#[cfg(feature = "tls-webpki-roots")]
impl TlsOptions {
    /// Verifies certificates with Mozilla's root certificates, as of the release of `webpki-roots`.
    #[must_use]
    pub fn webpki_roots(self) -> Self {
        self.roots(roots::webpki::OfMozilla)
    }
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("TlsOptions");
        match &self.base {
            Base::Whole { .. } => text.field("config", &"<given>"),
            Base::Parts(parts) => text.field("parts", parts),
        };
        text.field("handshake_timeout", &self.handshake_timeout).field("race_until", &self.race_until).finish()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Private keys are never printed.
        f.debug_struct("Parts")
            .field("roots", &self.roots)
            .field("extra_roots", &self.extra_roots.len())
            .field("has_verifier", &self.verifier.is_some())
            .field("has_client_certificate", &!matches!(self.identity, Identity::None))
            .field("versions", &self.versions)
            .field("has_key_log", &self.key_log.is_some())
            .field("session_hosts", &self.session_hosts)
            .finish_non_exhaustive()
    }
}
