//! The outcome of a request for its caller.

use std::fmt;

/// What the caller of a request was told.
#[derive(Debug)]
pub(crate) enum Outcome<C> {
    /// The response to this request, complete.
    Delivered,
    /// Something else was returned as the response.
    Wrong(String),
    /// An error, its claims, and its text.
    Failed(C, String),
    /// No outcome.
    Pending,
}

impl<C: fmt::Debug> fmt::Display for Outcome<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered => f.write_str("delivered"),
            Self::Wrong(found) => write!(f, "got {found}"),
            Self::Failed(claims, error) => write!(f, "{error}, which says {claims:?}"),
            Self::Pending => f.write_str("pending"),
        }
    }
}
