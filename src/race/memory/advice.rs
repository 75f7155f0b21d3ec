//! Advice: what a memory says of one destination before a race.

use std::fmt;
use std::time::{Duration, Instant};

/// What a memory knows of a destination, as far as it matters to a race: the input of [`Race::handle_advice`](super::super::Race::handle_advice).
///
/// The default is that nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// Set if the destination is believed to be unreachable. It goes last in its group then (RFC 6724 §6, rule 1), unless the whole group is dead.
    pub dead: Option<Dead>,
    /// The round trip to the destination in steps: 0 is less than 25 ms, or unknown; 1 is from 25 ms, 2 from 50, 3 from 100, 4 from 200, 5 from 400
    /// ms. In separate answers (not in a list), nearer destinations go first, after rule 8 of RFC 6724 §6.
    pub rtt_bucket: u8,
    /// Whether a connection to the destination has won a race in the last ten minutes. In separate answers such destinations go first, before rule 9
    /// of RFC 6724 §6.
    pub used: bool,
    /// The attempt delay that was learned. `None` is the configured one.
    pub delay: Option<AttemptDelay>,
    /// How long the handshake is expected to take, from 100 ms to 2 s, by the handshakes before. The next start is put off so long when the
    /// transport of an attempt is connected. It takes the place of the attempt's own estimate
    /// ([`Outcome::Progress`](super::super::Outcome::Progress)). `None` if that is not known.
    pub handshake: Option<Duration>,
    /// Whether a connection to the destination has won less than a second ago. Another win teaches nothing then, but for the time of its handshake.
    pub is_settled: bool,
}

/// Why a destination is believed to be unreachable, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dead {
    /// When the belief ends, and the destination has its ordinary place again.
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
    /// Attempts to addresses of the same family in three other prefixes, all of them silent: the whole family seems to be cut off.
    Family,
}

/// The delay of an attempt: with [`Policy::Staggered`](super::super::Policy::Staggered) the next attempt starts after it. With the other policies it
/// only says after which time the silence of the attempt counts against its destination.
///
/// Its times are at most four seconds, and stored in 32 bits: every record of an attempt has a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AttemptDelay {
    length: Nanos,
    rtt: Nanos,
    samples: u32,
    basis: Basis,
}

/// [`DelayBasis`] without its fields.
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
    /// A delay of this length. A race clamps it: a delay of an address or a prefix to 100 ms ..= 1 s, and a configured one to 10 ms ..= 2 s. A delay
    /// of a network counts only if it is longer than the race's own, and up to 1 s.
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

    /// The length of the delay.
    #[inline]
    pub fn length(&self) -> Duration {
        self.length.get()
    }

    /// What the delay was derived from.
    pub fn basis(&self) -> DelayBasis {
        let (rtt, samples) = (self.rtt.get(), self.samples);
        match self.basis {
            Basis::Configured => DelayBasis::Configured,
            Basis::Address => DelayBasis::Address { rtt, samples },
            Basis::Prefix => DelayBasis::Prefix { rtt, samples },
            Basis::Network => DelayBasis::Network { rtt, samples },
        }
    }

    /// A delay of `length` nanoseconds, with a round trip of `rtt` nanoseconds.
    #[inline]
    pub(super) fn of_nanos(length: u32, basis: Basis, rtt: u32, samples: u32) -> Self {
        Self { length: Nanos(length), rtt: Nanos(rtt), samples, basis }
    }

    /// What the delay was derived from, without the numbers.
    #[inline]
    pub(super) fn kind(&self) -> Basis {
        self.basis
    }

    /// Clamps the length to these bounds.
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
    /// The delay is the configured one.
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
    /// The round trips to all destinations of the family in this network, if nothing is known of the destination or its prefix.
    #[non_exhaustive]
    Network {
        /// The smoothed round trip.
        rtt: Duration,
        /// How many it was smoothed from.
        samples: u32,
    },
}
