//! Which connection of a pool it is.

/// Which connection it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Place {
    /// Its host's.
    pub(in crate::client) slot: usize,
    /// Never another's.
    pub(in crate::client) id: u64,
}
