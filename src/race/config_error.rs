//! The error of a builder whose settings cannot work.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A setting that cannot work: the error of the builders of a race, of the connector and of the client.
///
/// `Display` names the setting. If another library refused it, its error is the [`source`](Error::source).
#[derive(Debug, Clone)]
pub struct ConfigError {
    problem: &'static str,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConfigError {
    pub(crate) fn new(problem: &'static str) -> Self {
        Self { problem, cause: None }
    }

    /// Makes the error of a setting that another library refused.
    #[cfg_attr(not(any(feature = "http2", feature = "tls")), expect(dead_code, reason = "nothing else is switched on"))]
    pub(crate) fn caused(problem: &'static str, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { problem, cause: Some(Arc::new(cause)) }
    }
}

/// Errors are equal if they are about the same setting. The source does not count.
impl PartialEq for ConfigError {
    fn eq(&self, other: &Self) -> bool {
        self.problem == other.problem
    }
}

impl Eq for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
