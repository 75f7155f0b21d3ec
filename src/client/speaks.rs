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

/// How many exchanges a connection has at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchanges {
    OneAtATime,
    ManyAtATime,
    /// As is negotiated.
    Negotiated,
}

impl Speaks {
    /// How many exchanges a connection has at a time, where HTTP/2 can be negotiated or cannot.
    pub(super) fn exchanges(self, can_be_negotiated: bool) -> Exchanges {
        match self {
            Self::Http2 => Exchanges::ManyAtATime,
            Self::Negotiated if can_be_negotiated => Exchanges::Negotiated,
            Self::Negotiated | Self::Http1 => Exchanges::OneAtATime,
        }
    }
}
