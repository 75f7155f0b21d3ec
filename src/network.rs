//! What is believed of this machine's network, and until when.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long something is believed that the system has said of its network: a change that nobody tells of is noticed after this time.
const BELIEVED: Duration = Duration::from_secs(5);

/// Counts the calls of `network_changed` in this process, on whichever connector or client.
static CHANGES: AtomicU32 = AtomicU32::new(0);

/// A period between two changes of the network, as far as the program tells of them.
///
/// [`HappyEyeballsConnector::network_changed`](crate::HappyEyeballsConnector::network_changed) begins a new one. Epochs are ordered by time, across all
/// connectors and clients of a process: what was learned in an earlier epoch than the one that is asked for may no longer be true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u32);

impl Epoch {
    /// The epoch that begins now.
    pub(crate) fn begin() -> Self {
        Self(CHANGES.fetch_add(1, Relaxed).wrapping_add(1))
    }
}

/// The newest epoch that somebody has heard of.
#[derive(Debug, Default)]
pub(crate) struct CurrentEpoch(AtomicU32);

impl CurrentEpoch {
    pub(crate) fn get(&self) -> Epoch {
        Epoch(self.0.load(Relaxed))
    }

    /// Takes notice of `epoch`. Whether it is newer than the one before.
    pub(crate) fn advance(&self, epoch: Epoch) -> bool {
        // It is asked of every connect, and hardly ever true.
        self.get() < epoch && self.0.fetch_max(epoch.0, Relaxed) < epoch.0
    }
}

/// What all clones of a connector believe of the network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    epoch: CurrentEpoch,
    /// An attempt has contradicted what is believed, and no look-up has asked the system since.
    is_in_doubt: AtomicBool,
}

impl Network {
    pub(crate) fn epoch(&self) -> &CurrentEpoch {
        &self.epoch
    }

    /// Something contradicts what is believed: the next look-up asks the system again.
    pub(crate) fn doubt(&self) {
        self.is_in_doubt.store(true, Relaxed);
    }

    /// Whether there is a doubt that nobody has cleared up yet. The caller is to do so.
    #[inline]
    pub(crate) fn take_doubt(&self) -> bool {
        // Most connects find no doubt, and then nothing is written.
        self.is_in_doubt.load(Relaxed) && self.is_in_doubt.swap(false, Relaxed)
    }
}

/// When the system has said something of its network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    at: Instant,
    epoch: Epoch,
}

impl Observed {
    /// `epoch` is that of the question.
    pub(crate) fn new(at: Instant, epoch: Epoch) -> Self {
        Self { at, epoch }
    }

    /// Whether it is believed at `now`, by somebody who has heard of `epoch`.
    pub(crate) fn is_believed(self, epoch: Epoch, now: Instant) -> bool {
        self.epoch >= epoch && now.saturating_duration_since(self.at) < BELIEVED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn an_observation_is_believed_for_five_seconds_of_its_own_and_earlier_epochs() {
        let (began, [first, second]) = (some_instant(), [Epoch::begin(), Epoch::begin()]);
        let observed = Observed::new(began, first);
        let at = |epoch, after| observed.is_believed(epoch, began + Duration::from_millis(after));
        assert!(at(first, 0) && at(first, 4_999) && at(Epoch::default(), 4_999));
        assert!(!at(first, 5_000));
        assert!(!at(second, 0), "the network has changed since");
    }

    #[test]
    fn epochs_go_on_and_never_back() {
        let (current, [first, second]) = (CurrentEpoch::default(), [Epoch::begin(), Epoch::begin()]);
        assert!(current.advance(second));
        assert!(!current.advance(first) && !current.advance(second));
        assert_eq!(current.get(), second);
    }

    #[test]
    fn a_doubt_is_for_one_look_up() {
        let network = Network::default();
        assert!(!network.take_doubt());
        network.doubt();
        assert!(network.take_doubt() && !network.take_doubt());
    }
}
