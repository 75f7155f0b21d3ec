//! How long something that the system has said of this machine's network is believed: 5 s, until a change of the network, or until a doubt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long something that the system has said of its network is believed. A change that the program does not report is noticed after this time.
const BELIEVED: Duration = Duration::from_secs(5);

/// The number of epochs that were begun in this process.
static EPOCHS: AtomicU32 = AtomicU32::new(0);

/// The number of doubts that were raised in this process. It may wrap, since each attempt that contradicts what is believed raises one.
static DOUBTS: AtomicU32 = AtomicU32::new(0);

/// The time between two changes of this machine's network. What was learned in an earlier epoch may no longer be true.
///
/// [`HappyEyeballsConnector::network_changed`](crate::HappyEyeballsConnector::network_changed) and `Client::network_changed` begin a new epoch.
/// Epochs are ordered by time, across all connectors and clients of a process. The default is before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u32);

impl Epoch {
    /// Returns a new epoch, which begins now. It is for tests of resolvers and connectors, and changes nothing by itself.
    #[must_use]
    pub fn begin() -> Self {
        Self(EPOCHS.fetch_add(1, Relaxed).wrapping_add(1))
    }
}

/// The newest epoch that its owner (a client, a connector) has heard of.
#[derive(Debug, Default)]
pub(crate) struct CurrentEpoch(AtomicU32);

impl CurrentEpoch {
    #[inline]
    pub(crate) fn get(&self) -> Epoch {
        Epoch(self.0.load(Relaxed))
    }

    /// Sets the epoch, unless `epoch` is older than the present one.
    pub(crate) fn advance(&self, epoch: Epoch) {
        // Every connect calls this, and the epoch is nearly always the present one: a load is cheaper than `fetch_max`.
        if self.get() < epoch {
            self.0.fetch_max(epoch.0, Relaxed);
        }
    }
}

/// The latest change and the latest doubt that a connector or a caller has heard of. What the system said before these may no longer be true. `Ord`
/// is for use as the key of a map, and has no other meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Heard {
    /// The latest change that the program has reported.
    pub(crate) epoch: Epoch,
    /// The number of the latest doubt.
    doubt: u32,
}

impl Heard {
    /// Whether neither the change nor the doubt of `other` is newer.
    fn includes(self, other: Self) -> bool {
        self.epoch >= other.epoch && self.doubt.wrapping_sub(other.doubt) <= u32::MAX / 2
    }
}

/// The latest change and the latest doubt that a connector and its clones have heard of.
#[derive(Debug, Default)]
pub(crate) struct Network {
    epoch: CurrentEpoch,
    doubt: AtomicU32,
}

impl Network {
    /// The epoch of the latest change that the program has reported.
    pub(crate) fn epoch(&self) -> &CurrentEpoch {
        &self.epoch
    }

    /// Raises a doubt, since an attempt contradicts what is believed. The system is asked again.
    pub(crate) fn doubt(&self) {
        self.doubt.store(DOUBTS.fetch_add(1, Relaxed).wrapping_add(1), Relaxed);
    }

    #[inline]
    pub(crate) fn heard(&self) -> Heard {
        Heard { epoch: self.epoch.get(), doubt: self.doubt.load(Relaxed) }
    }
}

/// Until when something that the system has said of its network is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    until: Instant,
    heard: Heard,
}

impl Observed {
    /// The system has said something at `at`. `heard` are the latest change and doubt that were known when it was asked.
    pub(crate) fn new(at: Instant, heard: Heard) -> Self {
        Self { until: at + BELIEVED, heard }
    }

    /// Whether it is still believed at `now`, if `heard` are the latest change and doubt that are known now.
    pub(crate) fn is_believed(self, heard: Heard, now: Instant) -> bool {
        self.heard.includes(heard) && now < self.until
    }
}

/// An IPv6 address that is reached by the default route: one of the benchmarking networks (RFC 5180), which have global scope and for which nobody
/// has a route. No packet is sent there.
pub(crate) const OUTSIDE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1));
/// An IPv4 address that is reached by the default route: one of the benchmarking networks (RFC 2544). No packet is sent there.
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
