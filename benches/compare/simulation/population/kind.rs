//! The kinds of network that clients are in.

/// What a network does to connects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// How many of a hundred clients are in one, in the mix.
    pub(super) share: usize,
    /// The median of the round trips to all hosts, in seconds. They are log-normal.
    pub(super) median_rtt: f64,
    /// The standard deviation of their logarithm.
    pub(super) spread: f64,
    /// What is added to the round trip of each connect, as a part of it: this much in the mean, exponentially distributed.
    pub(super) jitter: f64,
    /// How likely a round trip is to be lost.
    pub(super) loss: f64,
}

pub(super) const FIXED: Kind =
    Kind { name: "fixed line", share: 70, median_rtt: 0.02, spread: 0.8, jitter: 0.1, loss: 0.005 };
pub(super) const MOBILE: Kind =
    Kind { name: "mobile", share: 25, median_rtt: 0.06, spread: 0.8, jitter: 0.35, loss: 0.02 };
pub(super) const FAR: Kind =
    Kind { name: "far away", share: 5, median_rtt: 0.28, spread: 0.2, jitter: 0.1, loss: 0.01 };
pub(super) const MIX: [Kind; 3] = [FIXED, MOBILE, FAR];

/// It is not in the mix.
pub(super) const SATELLITE: Kind =
    Kind { name: "satellite", share: 0, median_rtt: 0.62, spread: 0.05, jitter: 0.1, loss: 0.01 };

impl Kind {
    /// The kind of the client of this number: any twenty in a row are in the mix's shares.
    pub(super) fn of_client(number: usize) -> Self {
        let place = 5 * (number % 20);
        let mut below = 0;
        let found = MIX.into_iter().find(|kind| {
            below += kind.share;
            place < below
        });
        found.unwrap_or(FAR)
    }
}
