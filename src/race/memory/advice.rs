//! What a memory says of one destination.

use std::time::{Duration, Instant};

/// What is known of a destination, as far as it changes a race: told by [`Race::handle_advice`](super::super::Race::handle_advice).
///
/// The default is that nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// It is believed to be unreachable: it goes last in its group (rule 1 of RFC 6724 §6), unless all of the group do.
    pub dead: Option<Dead>,
    /// How far away it is: 0 for less than 25 ms, or unknown; then 1 from 25, 2 from 50, 3 from 100, 4 from 200, and 5 from 400 ms on. Of separate
    /// answers, nearer ones go first, after rule 8 of RFC 6724 §6.
    pub rtt_bucket: u8,
    /// A connection to it has won a race not long ago. Of separate answers, such ones go first, before rule 9 of RFC 6724 §6.
    pub used: bool,
    /// The attempt delay by what was learned. `None` is the configured one.
    pub delay: Option<AttemptDelay>,
    /// That a connection to it wins teaches nothing now: one has won less than a second ago.
    pub is_settled: bool,
}

/// Why a destination is believed to be unreachable, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dead {
    /// When it is believed to be reachable again.
    pub until: Instant,
    /// What the belief comes from.
    pub by: DeadBy,
}

impl Dead {
    /// Unreachable until `until`.
    pub const fn new(until: Instant, by: DeadBy) -> Self {
        Self { until, by }
    }
}

/// What the belief comes from that a destination is unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadBy {
    /// Attempts to the address itself.
    Address,
    /// Attempts to addresses in several other networks, all of them silent: the whole family seems to be cut off.
    Family,
}

/// How long an attempt may be silent: with [`Policy::Staggered`](super::super::Policy::Staggered) the next one starts then. By the other
/// policies it says only from when on its silence speaks against its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptDelay {
    /// How long.
    pub length: Duration,
    /// What it was derived from.
    pub basis: DelayBasis,
}

impl AttemptDelay {
    /// A delay of this length. A race obeys one that was learned of an address or a prefix from 100 ms to 1 s, and one of a network if it is
    /// longer than its own.
    pub const fn new(length: Duration, basis: DelayBasis) -> Self {
        Self { length, basis }
    }
}

/// What an attempt delay was derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelayBasis {
    /// It is the configured one.
    Configured,
    /// The round trip to the address.
    #[non_exhaustive]
    Address {
        /// The smoothed round trip.
        rtt: Duration,
        /// How many it was smoothed from.
        samples: u32,
    },
    /// The round trip to other addresses of the prefix: the /48 of an IPv6 address, the /24 of an IPv4 one.
    #[non_exhaustive]
    Prefix {
        /// The smoothed round trip.
        rtt: Duration,
        /// How many it was smoothed from.
        samples: u32,
    },
    /// The least round trip of the network, which nothing is nearer than: that of a satellite, say.
    #[non_exhaustive]
    Network {
        /// The least smoothed round trip of any address.
        rtt: Duration,
    },
}
