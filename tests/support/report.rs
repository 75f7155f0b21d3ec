//! Readable errors of scenarios: the harness prints errors with `Debug`, which would escape line breaks.

use std::fmt;

/// A text of several lines whose `Debug` prints it as it is.
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}\n", self.0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Report {}
