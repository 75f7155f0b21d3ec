//! Settings that cannot work.

use std::fmt;

/// Settings that cannot work: of a race, and of the connector and the client, whose builders check theirs as well.
///
/// `Display` names the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigError(&'static str);

impl ConfigError {
    pub(crate) fn new(problem: &'static str) -> Self {
        Self(problem)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ConfigError {}
