//! The error of missing root certificates.

use std::fmt;

use tokio_rustls::rustls::{Error, OtherError};

use crate::outcome::AttemptError;
use crate::tls::error::TlsError;

/// Root certificates are missing: all of them, or some.
#[derive(Clone, Debug)]
pub(in crate::tls) struct RootsError {
    source: Error,
    may_pass: bool,
}

impl RootsError {
    /// A permanent error: reading again would fail in the same way.
    pub(super) fn lasting(source: Error) -> Self {
        Self { source, may_pass: false }
    }

    /// A temporary error: reading again may succeed.
    pub(in crate::tls) fn passing(source: Error) -> Self {
        Self { source, may_pass: true }
    }

    pub(in crate::tls) fn may_pass(&self) -> bool {
        self.may_pass
    }

    pub(in crate::tls) fn into_source(self) -> Error {
        self.source
    }

    /// Converts the error to the failure of an attempt.
    pub(in crate::tls) fn into_attempt_error(self) -> AttemptError {
        let error = TlsError::roots(format!("no root certificates: {self}"), Some(self.source)).into_attempt_error();
        if self.may_pass { error } else { error.permanent() }
    }
}

impl From<Error> for RootsError {
    fn from(source: Error) -> Self {
        Self::lasting(source)
    }
}

impl fmt::Display for RootsError {
    /// Displays the cause without the prefix that rustls adds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Error::General(words) => f.write_str(words),
            Error::Other(OtherError(error)) => error.fmt(f),
            error => error.fmt(f),
        }
    }
}
