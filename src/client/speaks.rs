//! What is spoken over a connection.

/// What is spoken over a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Speaks {
    /// What was negotiated, which is HTTP/1.1 where nothing was.
    #[default]
    Negotiated,
    /// HTTP/1.1, since the request needs it.
    Http1,
    /// HTTP/2, which the server is known to speak.
    Http2,
}
