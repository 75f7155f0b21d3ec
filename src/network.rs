//! What is believed of this machine's network, and until when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long something is believed that the system has said of its network: a change that nobody tells of is noticed after this time.
const BELIEVED: Duration = Duration::from_secs(5);

/// Counts the epochs of this process, whoever began them.
static EPOCHS: AtomicU32 = AtomicU32::new(0);

/// Counts the doubts of this process. It may wrap: there is one for each attempt that contradicts what is believed.
static DOUBTS: AtomicU32 = AtomicU32::new(0);

/// A point in time at which something became known of this machine's network: what was learned in an earlier epoch may no longer be true.
///
/// [`HappyEyeballsConnector::network_changed`](crate::HappyEyeballsConnector::network_changed) and `Client::network_changed` begin a new one. Epochs are
/// ordered by time, across all connectors and clients of a process. The default is before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u32);

impl Epoch {
    /// A new epoch, which begins now. For tests of resolvers and connectors: it changes nothing by itself.
    #[must_use]
    pub fn begin() -> Self {
        Self(EPOCHS.fetch_add(1, Relaxed).wrapping_add(1))
    }
}

/// The newest epoch that somebody has heard of.
#[derive(Debug, Default)]
pub(crate) struct CurrentEpoch(AtomicU32);

impl CurrentEpoch {
    #[inline]
    pub(crate) fn get(&self) -> Epoch {
        Epoch(self.0.load(Relaxed))
    }

    /// Takes notice of `epoch`, unless it is older than the one before.
    pub(crate) fn advance(&self, epoch: Epoch) {
        // It is asked of every connect, and hardly ever news.
        if self.get() < epoch {
            self.0.fetch_max(epoch.0, Relaxed);
        }
    }
}

/// What somebody has heard of the network: what was said of it before that may no longer be true. Its order is that of a key, and means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Heard {
    /// The last change that the program has told of.
    pub(crate) epoch: Epoch,
    /// The last doubt.
    doubt: u32,
}

impl Heard {
    /// Whether nothing in `other` is news.
    fn includes(self, other: Self) -> bool {
        self.epoch >= other.epoch && self.doubt.wrapping_sub(other.doubt) <= u32::MAX / 2
    }
}

/// What all clones of a connector have heard of the network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    epoch: CurrentEpoch,
    doubt: AtomicU32,
}

impl Network {
    /// That of the last change that the program has told of.
    pub(crate) fn epoch(&self) -> &CurrentEpoch {
        &self.epoch
    }

    /// An attempt contradicts what is believed: the system is asked again.
    pub(crate) fn doubt(&self) {
        self.doubt.store(DOUBTS.fetch_add(1, Relaxed).wrapping_add(1), Relaxed);
    }

    #[inline]
    pub(crate) fn heard(&self) -> Heard {
        Heard { epoch: self.epoch.get(), doubt: self.doubt.load(Relaxed) }
    }
}

/// When the system has said something of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    until: Instant,
    heard: Heard,
}

impl Observed {
    /// `heard` is what had been heard by whoever asked.
    pub(crate) fn new(at: Instant, heard: Heard) -> Self {
        Self { until: at + BELIEVED, heard }
    }

    /// Whether it is believed at `now`, by somebody who has heard of this.
    pub(crate) fn is_believed(self, heard: Heard, now: Instant) -> bool {
        self.heard.includes(heard) && now < self.until
    }
}

/// An address that only a default route leads to. It is of the benchmarking networks (RFC 2544, RFC 5180), which are global, and which nobody has a
/// route of their own for. No packet is sent there.
pub(crate) const OUTSIDE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1));
/// The same of IPv4.
pub(crate) const OUTSIDE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));

#[cfg(test)]
impl From<Epoch> for Heard {
    fn from(epoch: Epoch) -> Self {
        Self { epoch, doubt: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn an_observation_is_believed_for_five_seconds_of_its_own_and_earlier_epochs() {
        let (began, [first, second]) = (some_instant(), [Epoch::begin(), Epoch::begin()]);
        let observed = Observed::new(began, first.into());
        let at = |epoch: Epoch, after| observed.is_believed(epoch.into(), began + Duration::from_millis(after));
        assert!(at(first, 0) && at(first, 4_999) && at(Epoch::default(), 4_999));
        assert!(!at(first, 5_000));
        assert!(!at(second, 0), "the network has changed since");
    }

    #[test]
    fn epochs_go_on_and_never_back() {
        let (current, [first, second]) = (CurrentEpoch::default(), [Epoch::begin(), Epoch::begin()]);
        current.advance(second);
        current.advance(first);
        assert_eq!(current.get(), second);
    }

    #[test]
    fn a_doubt_is_no_change_but_ends_what_is_believed_like_one() {
        let (network, now) = (Network::default(), some_instant());
        let before = network.heard();
        let observed = Observed::new(now, before);
        network.doubt();
        assert!(observed.is_believed(before, now) && !observed.is_believed(network.heard(), now));
        assert_eq!(network.heard().epoch, before.epoch);
        assert!(Observed::new(now, network.heard()).is_believed(before, now), "an older view believes newer answers");
    }

    #[test]
    fn doubts_go_on_when_their_number_wraps() {
        let heard = |doubt| Heard { doubt, ..Heard::default() };
        assert!(heard(0).includes(heard(u32::MAX)) && !heard(u32::MAX).includes(heard(0)));
        assert!(heard(7).includes(heard(7)));
    }
}
