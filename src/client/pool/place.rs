//! The identity of a connection in the pool.

/// The identity of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Place {
    /// The slot of its host.
    pub(in crate::client) slot: usize,
    /// The number of the connection, which no other connection of the pool ever has.
    pub(in crate::client) id: u64,
}
