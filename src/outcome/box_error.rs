//! Any error.

use std::error::Error as StdError;

/// Any error, as services pass it on.
pub type BoxError = Box<dyn StdError + Send + Sync>;
