//! Help for unit tests.

use std::time::Instant;

/// The one instant that tests of the race begin at; from there on they invent their own time.
#[expect(clippy::disallowed_methods, reason = "std has no other way to make an instant")]
pub(crate) fn some_instant() -> Instant {
    Instant::now()
}
