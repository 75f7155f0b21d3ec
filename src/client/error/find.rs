//! Finds the connector's error in the error of any client.

use std::error::Error as StdError;

use super::ClientError;
use crate::outcome::{ConnectError, causes};

impl ConnectError {
    /// Finds a `ConnectError` among `error` and its causes, where clients keep the error of their connector. Finds it inside an
    /// [`io::Error`](std::io::Error) and inside a [`ClientError`] too.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|error| {
            let inside = error.downcast_ref().and_then(ClientError::connect_error);
            inside.or_else(|| error.downcast_ref())
        })
    }
}
