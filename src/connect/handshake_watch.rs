//! Tells a client how far TLS is in a connect that it waits for.

use std::sync::Arc;
use std::time::Instant;

use crate::lock::Lock;

/// How far TLS is in a connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Handshaking {
    /// The connector does not report it.
    #[default]
    Unknown,
    /// No transport is connected yet.
    Connecting,
    /// A transport is connected, and TLS is expected to be finished by this instant.
    ExpectedBy(Instant),
}

/// What the client gives to the connector, which writes to it how far TLS is. Clones share the state.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeWatch(Arc<Lock<Handshaking>>);

#[cfg(any(test, feature = "client"))]
impl HandshakeWatch {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Lock::default()))
    }

    pub(crate) fn get(&self) -> Handshaking {
        *self.0.lock()
    }
}

impl HandshakeWatch {
    /// The connector does TLS, and will report when a transport is connected.
    pub(super) fn begin(&self) {
        *self.0.lock() = Handshaking::Connecting;
    }

    /// A transport is connected, and TLS is expected to be finished by `instant`. Of several, the latest instant counts.
    pub(super) fn expect_by(&self, instant: Instant) {
        let mut handshaking = self.0.lock();
        *handshaking = match *handshaking {
            Handshaking::ExpectedBy(before) => Handshaking::ExpectedBy(before.max(instant)),
            Handshaking::Unknown | Handshaking::Connecting => Handshaking::ExpectedBy(instant),
        };
    }
}

impl PartialEq for HandshakeWatch {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for HandshakeWatch {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn the_handshake_that_is_expected_last_is_waited_for() {
        let (now, watch) = (some_instant(), HandshakeWatch::new());
        let other = watch.clone();
        assert_eq!(other.get(), Handshaking::Unknown);
        watch.begin();
        assert_eq!(other.get(), Handshaking::Connecting);
        for ms in [50, 90, 70] {
            watch.expect_by(now + Duration::from_millis(ms));
        }
        assert_eq!(other.get(), Handshaking::ExpectedBy(now + Duration::from_millis(90)));
        assert!(watch == other && watch != HandshakeWatch::new());
    }
}
