//! What is believed of this machine's network, and until when.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long something is believed that the system has said of its network: a change that nobody tells of is noticed after this time.
const BELIEVED: Duration = Duration::from_secs(5);

/// Counts the epochs of this process, whoever began them.
static EPOCHS: AtomicU32 = AtomicU32::new(0);

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

/// What all clones of a connector have heard of the network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    epoch: CurrentEpoch,
    doubted: CurrentEpoch,
}

impl Network {
    /// That of the last change that the program has told of.
    pub(crate) fn epoch(&self) -> &CurrentEpoch {
        &self.epoch
    }

    /// An attempt contradicts what is believed: the system is asked again.
    pub(crate) fn doubt(&self) {
        self.doubted.advance(Epoch::begin());
    }

    /// That of the last doubt.
    pub(crate) fn doubted(&self) -> Epoch {
        self.doubted.get()
    }

    /// The epoch from which on the system is believed: that of the last change or doubt.
    pub(crate) fn believed_from(&self) -> Epoch {
        self.epoch.get().max(self.doubted())
    }
}

/// When the system has said something of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        current.advance(second);
        current.advance(first);
        assert_eq!(current.get(), second);
    }

    #[test]
    fn a_doubt_is_no_change_but_ends_what_is_believed_like_one() {
        let network = Network::default();
        network.doubt();
        let doubted = network.believed_from();
        assert!(network.epoch().get() == Epoch::default() && doubted > Epoch::default());
        network.epoch().advance(Epoch::begin());
        assert!(network.believed_from() == network.epoch().get() && network.believed_from() > doubted);
    }
}
