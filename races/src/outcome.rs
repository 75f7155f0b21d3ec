//! What a request came to, for its caller.

use std::fmt;

/// What the caller of a request was told.
#[derive(Debug)]
pub(crate) enum Outcome<C> {
    /// The response to this very request, to its end.
    Delivered,
    /// Something else, which was called a response to it.
    Wrong(String),
    /// An error, what it claims, and its words.
    Failed(C, String),
    /// Nothing.
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
