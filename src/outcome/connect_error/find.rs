//! Finds the connector's error in the error of a client of another crate.

use std::error::Error as StdError;

use super::ConnectError;
use crate::outcome::causes::causes;

impl ConnectError {
    /// Finds a `ConnectError` among `error` and its causes, where clients keep the error of their connector. Finds it inside an
    /// [`io::Error`](std::io::Error) too.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|error| error.downcast_ref())
    }
}
