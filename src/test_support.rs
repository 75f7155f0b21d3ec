//! Help for unit tests.

use std::time::Instant;

/// Returns the instant at which tests of the race begin. From there on they invent their own time.
#[expect(clippy::disallowed_methods, reason = "std has no other way to make an instant")]
pub(crate) fn some_instant() -> Instant {
    Instant::now()
}
