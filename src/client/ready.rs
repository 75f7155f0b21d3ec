//! A connection that can have a request.

use super::http1::wire::Wire;
use super::http2::connection::Connection;
use super::pool;

/// The right to one exchange on a connection that others use as well.
pub(super) type Share = pool::Share<Connection>;

/// A connection that can have a request.
pub(super) enum Ready {
    Owned(Box<Wire>),
    Shared(Share),
}
