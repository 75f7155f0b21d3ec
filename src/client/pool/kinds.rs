//! Which kind of connection a host has, as far as that is known before there is one: one exchange at a time, or many.

use super::bounded::Bounded;
use crate::client::destination::Destination;
use crate::client::speaks::Exchanges;

/// Which kind of connection a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not known before the next connection.
    Unknown,
    /// One exchange at a time.
    Owned,
    /// Many exchanges at a time.
    Shared,
    /// The server has asked for HTTP/1.1 (HTTP_1_1_REQUIRED), although HTTP/2 is negotiated. The requests go to another destination, which speaks
    /// HTTP/1.1.
    Elsewhere,
}

/// What earlier connections have shown of hosts whose connections may be of either kind.
pub(super) struct Kinds(Bounded<Kind>);

/// The most hosts that are remembered.
const CAPACITY: usize = 4096;

impl Kinds {
    pub(super) fn new() -> Self {
        Self(Bounded::new(CAPACITY))
    }

    pub(super) fn of(&mut self, destination: &Destination) -> Kind {
        match destination.exchanges() {
            Exchanges::OneAtATime => Kind::Owned,
            Exchanges::ManyAtATime => Kind::Shared,
            Exchanges::Negotiated => self.0.get(destination).copied().unwrap_or(Kind::Unknown),
        }
    }

    /// A connection to this destination was of this kind. Returns what is known of the destination now.
    pub(super) fn learn(&mut self, destination: &Destination, kind: Kind) -> Kind {
        if destination.exchanges() == Exchanges::Negotiated && self.of(destination) != Kind::Elsewhere {
            self.0.insert(destination, kind);
        }
        self.of(destination)
    }

    /// The server has asked for HTTP/1.1, although HTTP/2 is negotiated.
    pub(super) fn send_elsewhere(&mut self, destination: &Destination) {
        self.0.insert(destination, Kind::Elsewhere);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::client::http2;

    #[test]
    fn only_what_is_negotiated_is_learned_and_what_was_seen_last_counts() {
        let take = |uri: &str| Destination::take_from(&mut Request::get(uri).body(()).unwrap()).unwrap();
        let (plain, secure) = (take("http://a.test/"), take("https://a.test/"));
        let mut kinds = Kinds::new();
        kinds.learn(&plain, Kind::Shared);
        assert_eq!(kinds.of(&plain), Kind::Owned);
        for kind in [Kind::Shared, Kind::Owned, Kind::Shared] {
            kinds.learn(&secure, kind);
            assert_eq!(kinds.of(&take("https://a.test/other")), if http2::IS_ON { kind } else { Kind::Owned });
        }
        kinds.send_elsewhere(&secure);
        kinds.learn(&secure, Kind::Shared);
        assert_eq!(kinds.of(&secure), if http2::IS_ON { Kind::Elsewhere } else { Kind::Owned });
        assert_eq!(kinds.of(&take("https://b.test/")), if http2::IS_ON { Kind::Unknown } else { Kind::Owned });
    }
}
