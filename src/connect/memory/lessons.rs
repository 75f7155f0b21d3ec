//! What a memory learns from an attempt that is over.

use std::error::Error as StdError;
use std::io;

use crate::outcome::{Attempt, AttemptError, AttemptOutcome, causes};
use crate::race::{End, Tried};

/// Converts the record of an attempt into the input of a memory.
pub(super) fn tried(attempt: &Attempt) -> Tried {
    let destination = attempt.endpoint.address().ip();
    let end = end(&attempt.outcome);
    let mut tried = Tried::new(destination, attempt.started, attempt.delay().length(), attempt.ended, end);
    if let Some(phases) = &attempt.phases {
        (tried.transport, tried.waited) = (Some(phases.transport), phases.waited());
    }
    tried
}

fn end(outcome: &AttemptOutcome) -> End {
    match outcome {
        AttemptOutcome::Connected => End::Connected,
        AttemptOutcome::Dropped(_) => End::Silent,
        AttemptOutcome::Failed(error) => end_of(error),
    }
}

/// Only an error that came over the network counts against the destination. That is known only of errors of the system's sockets, so the causes are
/// searched for one.
fn end_of(error: &AttemptError) -> End {
    if !error.was_sent() || error.is_untrusted() {
        return End::Failed;
    }
    let mut kinds =
        error.source().into_iter().flat_map(causes).filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    // An `io::Error` of the kind `Other` is a wrapper around another error.
    match kinds.find(|kind| *kind != io::ErrorKind::Other) {
        Some(
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            // A firewall on the path has answered "administratively prohibited" (ICMPv6 type 1 code 1).
            | io::ErrorKind::PermissionDenied,
        ) => End::Refused,
        // The system has given up retransmitting.
        Some(io::ErrorKind::TimedOut) => End::Silent,
        _ => End::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::DropReason;

    fn failed(kind: io::ErrorKind) -> AttemptError {
        AttemptError::new(io::Error::from(kind))
    }

    #[test]
    fn what_came_over_the_network_speaks_of_the_destination() {
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::HostUnreachable,
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::PermissionDenied,
        ] {
            assert_eq!(end_of(&failed(kind)), End::Refused, "{kind}");
            assert_eq!(
                end_of(&AttemptError::from_any(io::Error::other(failed(kind)))),
                End::Refused,
                "{kind}, wrapped"
            );
            assert_eq!(end_of(&failed(kind).unsent()), End::Failed, "{kind}, by this machine itself");
        }
    }

    #[test]
    fn an_attempt_that_was_dropped_or_given_up_was_silent() {
        for reason in [DropReason::Lost, DropReason::Pruned, DropReason::SliceElapsed, DropReason::DeadlineElapsed] {
            assert_eq!(end(&AttemptOutcome::Dropped(reason)), End::Silent);
        }
        assert_eq!(end_of(&failed(io::ErrorKind::TimedOut)), End::Silent);
    }

    #[test]
    fn what_is_no_matter_of_the_network_says_nothing_of_it() {
        assert_eq!(end_of(&AttemptError::new("the certificate has expired").untrusted()), End::Failed);
        assert_eq!(end_of(&AttemptError::new("the proxy does not know us").permanent()), End::Failed);
        assert_eq!(end_of(&failed(io::ErrorKind::InvalidData)), End::Failed);
        assert_eq!(end_of(&failed(io::ErrorKind::AddrNotAvailable).unsent()), End::Failed);
    }
}
