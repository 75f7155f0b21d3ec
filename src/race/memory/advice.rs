//! What a memory says of one destination.

use std::fmt;
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
    /// For how long the next start is put off when the transport of an attempt stands, by how long its handshakes took: from 100 ms to 2 s. It takes the place
    /// of what the attempt says itself ([`Outcome::Progress`](super::super::Outcome::Progress)). `None` is not known.
    pub handshake: Option<Duration>,
    /// That a connection to it wins teaches nothing now, but for how long its handshake took: one has won less than a second ago.
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
///
/// Its times are four seconds at most, and small: they are copied with every record of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AttemptDelay {
    length: Nanos,
    rtt: Nanos,
    samples: u32,
    basis: Basis,
}

/// [`DelayBasis`] without what goes with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    Configured,
    Address,
    Prefix,
    Network,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nanos(u32);

impl AttemptDelay {
    /// A delay of this length. A race obeys one that was learned of an address or a prefix from 100 ms to 1 s, one of a network if it is
    /// longer than its own, up to 1 s, and one that somebody has configured for the destination from 10 ms to 2 s.
    #[inline]
    pub fn new(length: Duration, basis: DelayBasis) -> Self {
        let (basis, rtt, samples) = match basis {
            DelayBasis::Configured => (Basis::Configured, Duration::ZERO, 0),
            DelayBasis::Address { rtt, samples } => (Basis::Address, rtt, samples),
            DelayBasis::Prefix { rtt, samples } => (Basis::Prefix, rtt, samples),
            DelayBasis::Network { rtt, samples } => (Basis::Network, rtt, samples),
        };
        Self { length: Nanos::of(length), rtt: Nanos::of(rtt), samples, basis }
    }

    /// How long.
    #[inline]
    pub fn length(&self) -> Duration {
        self.length.get()
    }

    /// What it was derived from.
    pub fn basis(&self) -> DelayBasis {
        let (rtt, samples) = (self.rtt.get(), self.samples);
        match self.basis {
            Basis::Configured => DelayBasis::Configured,
            Basis::Address => DelayBasis::Address { rtt, samples },
            Basis::Prefix => DelayBasis::Prefix { rtt, samples },
            Basis::Network => DelayBasis::Network { rtt, samples },
        }
    }

    /// Of nanoseconds.
    #[inline]
    pub(super) fn of_nanos(length: u32, basis: Basis, rtt: u32, samples: u32) -> Self {
        Self { length: Nanos(length), rtt: Nanos(rtt), samples, basis }
    }

    /// What it was derived from, without what goes with that.
    #[inline]
    pub(super) fn kind(&self) -> Basis {
        self.basis
    }

    /// The same, but no shorter and no longer than these.
    #[inline]
    pub(super) fn within(self, least: Duration, most: Duration) -> Self {
        Self { length: self.length.clamp(Nanos::of(least), Nanos::of(most)), ..self }
    }

    #[inline]
    pub(super) fn is_longer_than(&self, other: &Self) -> bool {
        self.length > other.length
    }
}

impl Nanos {
    #[inline]
    fn of(time: Duration) -> Self {
        match time.as_secs() {
            seconds @ 0..4 => Self(seconds as u32 * 1_000_000_000 + time.subsec_nanos()),
            _ => Self(4_000_000_000),
        }
    }

    #[inline]
    fn get(self) -> Duration {
        Duration::from_nanos(self.0.into())
    }
}

impl fmt::Debug for AttemptDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptDelay").field("length", &self.length()).field("basis", &self.basis()).finish()
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
    /// The round trips to all destinations of the family in this network, as nothing is known of the destination itself.
    #[non_exhaustive]
    Network {
        /// The smoothed round trip.
        rtt: Duration,
        /// How many it was smoothed from.
        samples: u32,
    },
}
