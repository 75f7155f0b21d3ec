//! Settings that cannot work.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Settings that cannot work: of a race, and of the connector and the client, whose builders check theirs as well.
///
/// `Display` names the setting, and [`source`](Error::source) is the error of another library that would not have it.
#[derive(Debug, Clone)]
pub struct ConfigError {
    problem: &'static str,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConfigError {
    pub(crate) fn new(problem: &'static str) -> Self {
        Self { problem, cause: None }
    }

    /// Another library says that a setting cannot work.
    #[cfg_attr(not(any(feature = "http2", feature = "tls")), expect(dead_code, reason = "nothing else is switched on"))]
    pub(crate) fn caused(problem: &'static str, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { problem, cause: Some(Arc::new(cause)) }
    }
}

/// Two are equal if they are about the same setting.
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
