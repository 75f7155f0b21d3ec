//! What can be set of TLS.

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
/// The protocols that are offered (ALPN) are those of the connector: see [`protocols`](crate::connect::Builder::protocols). Early data is off.
#[derive(Clone)]
pub struct TlsOptions {
    pub(super) base: Base,
    pub(super) handshake_timeout: Option<Duration>,
    pub(super) race_until: RaceUntil,
}

/// What the configuration of rustls comes from.
#[derive(Clone)]
pub(super) enum Base {
    Whole {
        config: Arc<ClientConfig>,
        /// Whether parts were set too, which is an error.
        has_parts: bool,
    },
    Parts(Parts),
}

/// What a configuration is made of. Each setter has a field of its own, so that their order does not matter.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) provider: Option<Arc<CryptoProvider>>,
    /// `None` is the default.
    pub(super) roots: Option<Arc<dyn Roots>>,
    pub(super) extra_roots: Vec<CertificateDer<'static>>,
    /// An error together with root certificates.
    pub(super) verifier: Option<Arc<dyn ServerCertVerifier>>,
    pub(super) identity: Identity,
    pub(super) versions: Option<Vec<&'static SupportedProtocolVersion>>,
    pub(super) key_log: Option<Arc<dyn KeyLog>>,
    /// `None` is the default.
    pub(super) session_hosts: Option<usize>,
}

/// Who the client says that it is.
#[derive(Clone, Default)]
pub(super) enum Identity {
    #[default]
    None,
    Certificate(Vec<CertificateDer<'static>>, Arc<PrivateKeyDer<'static>>),
    Resolver(Arc<dyn ResolvesClientCert>),
}

/// What an attempt has to come to for the race to be won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RaceUntil {
    /// The handshake is finished and the certificate accepted (v3 §6.1). A server whose TCP answers and whose TLS is dead costs one delay.
    #[default]
    Tls,
    /// The transport stands. The other attempts are dropped before the handshake begins, so that no server shakes hands in vain; if it fails,
    /// the race goes on with them.
    Tcp,
}

impl TlsOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::of(Base::Parts(Parts::default()))
    }

    /// A whole configuration of one's own, in the place of provider, root certificates, client certificate, versions, key log and
    /// sessions: to set one of these too is an error of the connector's `build`.
    ///
    /// If it names protocols (`alpn_protocols`), those are offered that the connector knows as well. That there are none is an error of the
    /// connector's `build`.
    ///
    /// Its sessions are those of the configuration (`resumption`), which its clones share: so do connectors that are given clones of one configuration, and settings that take
    /// the place of others ([`TlsConnector::replace`](super::TlsConnector::replace)).
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

    /// Certificates are verified by these root certificates, in the place of the system's or Mozilla's.
    #[doc(alias("tls_certs_only"))]
    #[must_use]
    pub fn root_certificates(self, certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let certificates = certificates.into_iter().collect();
        self.roots(roots::Given(certificates))
    }

    /// Root certificates in addition to the roots chosen by the other settings. Further calls add to them. One that
    /// cannot be read is an error of the connector's `build`; so is any where Android's own verifier is used, which takes none.
    #[doc(alias("add_root_certificate", "tls_certs_merge"))]
    #[must_use]
    pub fn extra_root_certificates(self, certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.part(|parts| parts.extra_roots.extend(certificates))
    }

    /// What verifies certificates, in the place of root certificates: to set both is an error of the connector's `build`.
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

    /// The certificate that the client shows to servers that ask for one, with those that lead to its root, and its key. A session is
    /// resumed with the certificate that it began with, or not at all.
    ///
    /// Defaults to none.
    #[doc(alias("identity"))]
    #[must_use]
    pub fn client_certificate(self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        self.part(|parts| parts.identity = Identity::Certificate(chain, Arc::new(key)))
    }

    /// What chooses the certificate that the client shows, by what the server asks for.
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

    /// What is told of the keys of every connection, so that a recording of it can be read: [`KeyLogFile`](super::rustls::KeyLogFile), say.
    ///
    /// Defaults to nothing.
    #[doc(alias("tls_sslkeylogfile", "SSLKEYLOGFILE"))]
    #[must_use]
    pub fn key_log(self, key_log: Arc<dyn KeyLog>) -> Self {
        self.part(|parts| parts.key_log = Some(key_log))
    }

    /// The sessions of how many hosts are kept to be resumed, eight of each. More of it saves handshakes of a client of many hosts, at some
    /// kilobytes a host. Zero resumes none. The connector and its clones share them. The table of hosts is allocated at once, some hundred bytes a
    /// host; more than 65,536 are 65,536.
    ///
    /// Defaults to 256.
    #[must_use]
    pub fn session_hosts(self, hosts: usize) -> Self {
        self.part(|parts| parts.session_hosts = Some(hosts))
    }

    /// How long a handshake may take, once the transport stands; to wait for the system's root certificates is a part of it. Then it is the failure of its attempt. `None` leaves it to the connector's timeout, if there is one: a server that
    /// accepts connections and says nothing is then waited for without end. Zero is an error.
    ///
    /// Defaults to 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = timeout.into();
        self
    }

    /// What an attempt has to come to for the race to be won.
    ///
    /// Defaults to [`RaceUntil::Tls`].
    #[must_use]
    pub fn race_until(mut self, until: RaceUntil) -> Self {
        self.race_until = until;
        self
    }

    /// The protocols that the configuration names; `None` if it names none.
    pub(super) fn protocols(&self) -> Option<Protocols> {
        match &self.base {
            Base::Whole { config, .. } if !config.alpn_protocols.is_empty() => {
                Some(config.alpn_protocols.iter().cloned().collect())
            }
            Base::Whole { .. } | Base::Parts(_) => None,
        }
    }

    /// Finds out whether a connector with these protocols could offer any.
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
    /// Certificates are verified by the root certificates of the system, or by its own verifier where it has one. They are read when the first `https` URI is
    /// connected to. If there are none, connects to `https` URIs fail, and `http` URIs are not concerned. After 5 s they are read again, also where some
    /// could not be read.
    #[must_use]
    pub fn platform_roots(self) -> Self {
        self.roots(roots::platform::OfPlatform)
    }
}

#[cfg(feature = "tls-webpki-roots")]
impl TlsOptions {
    /// Certificates are verified by the root certificates of Mozilla, as they were when `webpki-roots` was released.
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
