//! A connection that can take a request.

use super::http1::wire::Wire;
use super::http2::connection::Connection;
use super::pool;

/// The right to one exchange on a shared connection.
pub(super) type Share = pool::Share<Connection>;

/// A connection that can take a request: the result of a checkout or a dial.
pub(super) enum Ready {
    Owned(Box<Wire>),
    Shared(Share),
}
