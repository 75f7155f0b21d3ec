//! Makes a configuration of rustls from options, at once or when it is first needed.

use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, DEFAULT_VERSIONS, Error, RootCertStore};

use super::options::{Base, Identity, Parts, TlsOptions};
use super::provider;
use super::roots::{self, Roots, RootsError, Verifying};
use crate::race::{ConfigError, Protocols};

/// A configuration, or how to make one.
pub(super) enum Made {
    Config(Arc<ClientConfig>),
    /// The root certificates have to be read from files.
    Later(Box<Recipe>),
}

/// A configuration without its root certificates, and where to get those.
pub(super) struct Recipe {
    without_roots: ClientConfig,
    roots: Arc<dyn Roots>,
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Recipe {
    pub(super) fn read(&self) -> Result<Verifying, RootsError> {
        self.roots.verifier(&self.extra, Arc::clone(&self.provider))
    }

    pub(super) fn config(&self, verifier: Arc<dyn ServerCertVerifier>) -> ClientConfig {
        let mut config = self.without_roots.clone();
        config.dangerous().set_certificate_verifier(verifier);
        config
    }

    /// Whether a verifier of `other` can be used for this one. All slow roots are the system's, so only the rest is compared.
    pub(super) fn has_roots_of(&self, other: &Self) -> bool {
        // Two providers of one crate are different allocations that point to the same algorithms.
        let algorithms = |recipe: &Self| recipe.provider.signature_verification_algorithms.all.as_ptr();
        self.extra == other.extra && algorithms(self) == algorithms(other)
    }
}

/// Makes a configuration, and finds all errors in the options, except that the system has no root certificates. [`TlsOptions::check_protocols`] finds
/// contradictions with the connector's protocols.
pub(super) fn make(options: &TlsOptions) -> Result<Made, ConfigError> {
    if options.handshake_timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err(ConfigError::new("the handshake timeout must not be zero"));
    }
    if let Some(problem) = options.protocols().as_ref().and_then(Protocols::problem) {
        return Err(ConfigError::new(problem));
    }
    match &options.base {
        Base::Whole { has_parts: true, .. } => {
            Err(ConfigError::new("a whole TLS configuration leaves no room for settings of its parts"))
        }
        Base::Whole { config, .. } => Ok(Made::Config(Arc::clone(config))),
        Base::Parts(parts) => of_parts(parts),
    }
}

fn of_parts(parts: &Parts) -> Result<Made, ConfigError> {
    let provider = provider::choose(parts.provider.clone())?;
    let extra = &parts.extra_roots;
    if let Some(verifier) = &parts.verifier {
        if parts.roots.is_some() || !extra.is_empty() {
            return Err(ConfigError::new("a verifier of one's own leaves no room for root certificates"));
        }
        return Ok(Made::Config(Arc::new(config(parts, &provider, Some(Arc::clone(verifier)))?)));
    }
    let roots =
        parts.roots.clone().or_else(roots::default_roots).ok_or_else(|| {
            ConfigError::new("TLS has no root certificates: give some, or turn on the feature `https`")
        })?;
    check_extra(&*roots, extra).map_err(|error| ConfigError::caused(BAD_ROOTS, error))?;
    if !roots.is_slow() {
        let Verifying { verifier, .. } = roots
            .verifier(extra, Arc::clone(&provider))
            .map_err(|error| ConfigError::caused(BAD_ROOTS, error.into_source()))?;
        return Ok(Made::Config(Arc::new(config(parts, &provider, Some(verifier))?)));
    }
    // Finds errors in everything but the root certificates now.
    let without_roots = config(parts, &provider, None)?;
    Ok(Made::Later(Box::new(Recipe { without_roots, roots, extra: extra.clone(), provider })))
}

/// Checks the extra root certificates before the system's are read.
fn check_extra(roots: &dyn Roots, extra: &[CertificateDer<'static>]) -> Result<(), Error> {
    if !extra.is_empty() && !roots.takes_extra() {
        return Err(Error::General("this system takes no further root certificates".into()));
    }
    let mut store = RootCertStore::empty();
    extra.iter().try_for_each(|certificate| store.add(certificate.clone()))
}

/// Builds a configuration. Without a verifier, it trusts no server.
fn config(
    parts: &Parts,
    provider: &Arc<CryptoProvider>,
    verifier: Option<Arc<dyn ServerCertVerifier>>,
) -> Result<ClientConfig, ConfigError> {
    let versions = parts.versions.as_deref().unwrap_or(DEFAULT_VERSIONS);
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(|error| ConfigError::caused("these versions of TLS cannot be spoken", error))?;
    let builder = match verifier {
        Some(verifier) => builder.dangerous().with_custom_certificate_verifier(verifier),
        None => builder.with_root_certificates(RootCertStore::empty()),
    };
    let mut config = match &parts.identity {
        Identity::None => builder.with_no_client_auth(),
        Identity::Certificate(chain, key) => builder
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(|error| ConfigError::caused("the client certificate cannot be used", error))?,
        Identity::Resolver(resolver) => builder.with_client_cert_resolver(Arc::clone(resolver)),
    };
    let session_hosts = parts.session_hosts.unwrap_or(SESSION_HOSTS).min(MAX_SESSION_HOSTS);
    config.resumption = Resumption::in_memory_sessions(session_hosts * TICKETS_PER_HOST);
    if let Some(key_log) = &parts.key_log {
        config.key_log = Arc::clone(key_log);
    }
    Ok(config)
}

const BAD_ROOTS: &str = "the root certificates cannot be used";

/// The default number of hosts whose sessions are kept.
const SESSION_HOSTS: usize = 256;

/// The most hosts. The store of rustls allocates its table at once, and panics if that is too large.
const MAX_SESSION_HOSTS: usize = 65_536;

/// How many sessions of each host the store of rustls keeps.
const TICKETS_PER_HOST: usize = 8;
