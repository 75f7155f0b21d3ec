//! Which protocol a request needs on its connection: a part of its [destination](super::destination).

/// Which protocol is to be spoken on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Speaks {
    /// The negotiated protocol, or HTTP/1.1 if none was negotiated.
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
    /// Depends on the negotiated protocol.
    Negotiated,
}

impl Speaks {
    /// Returns how many exchanges a connection has at a time. `can_be_negotiated` says whether HTTP/2 can be.
    pub(super) fn exchanges(self, can_be_negotiated: bool) -> Exchanges {
        match self {
            Self::Http2 => Exchanges::ManyAtATime,
            Self::Negotiated if can_be_negotiated => Exchanges::Negotiated,
            Self::Negotiated | Self::Http1 => Exchanges::OneAtATime,
        }
    }
}
