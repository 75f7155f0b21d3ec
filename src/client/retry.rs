//! Decides whether a request may be sent again. The rules of RFC 9110 §9.2.2 and RFC 9112 §9.3.1, as a function.

use http::{HeaderMap, Method};

/// The requests that a [`Client`](super::Client) retries if a reused connection turns out to be dead.
///
/// A request on a fresh connection is never retried, nor is one after a byte of its response has arrived, except by
/// [`Builder::retry_on_request_timeout`](super::Builder::retry_on_request_timeout). A retry uses a fresh connection, so there is at most one.
#[doc(alias = "retry_canceled_requests")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryPolicy {
    /// No requests: each failure is an error.
    Never,
    /// Requests that were not sent. Of those that were, the safe ones (GET, HEAD, OPTIONS, TRACE; RFC 9110 §9.2.1), and those with an
    /// `Idempotency-Key`.
    Safe,
    /// Requests that were not sent. Of those that were, the idempotent ones (the safe ones, PUT and DELETE; RFC 9110 §9.2.2), and those with an
    /// `Idempotency-Key`. This is the default.
    #[default]
    Idempotent,
}

impl RetryPolicy {
    /// Whether a request may be sent again although the server may have acted on it.
    pub(super) fn covers(self, method: &Method, headers: &HeaderMap) -> bool {
        match self {
            Self::Never => false,
            Self::Safe => method.is_safe() || has_idempotency_key(headers),
            Self::Idempotent => method.is_idempotent() || has_idempotency_key(headers),
        }
    }
}

/// Whether the request has the field, or its older form with `X-`, from before it was proposed as a standard.
fn has_idempotency_key(headers: &HeaderMap) -> bool {
    !headers.is_empty() && (headers.contains_key("idempotency-key") || headers.contains_key("x-idempotency-key"))
}

/// Whether a request's body is available for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyState {
    Empty,
    /// It was not polled yet.
    Untouched,
    /// There is a copy.
    Copied,
    /// It was polled, and is not available again.
    Gone,
}

/// How far a failed request came: the facts that decide whether a retry is safe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    /// hyper never took the request.
    pub(super) unsent: bool,
    /// The system took a byte of the request.
    pub(super) written: bool,
    /// A byte was read since the request began.
    pub(super) read: bool,
    /// Whether [`RetryPolicy::covers`] the request.
    pub(super) covered: bool,
}

impl Fate {
    /// Whether a retry is safe: the server cannot have acted on the request, or acting twice does no harm, and the server has not begun to answer.
    pub(super) fn may_be_sent_again(self) -> bool {
        let Self { unsent, written, read, covered } = self;
        // Bytes that were read before the request was taken are not its response.
        unsent || (!read && (!written || covered))
    }
}

/// A failed exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    /// It is a reused connection.
    pub(super) reused: bool,
    pub(super) fate: Fate,
    pub(super) body: BodyState,
}

/// Whether to retry a request, on a fresh connection.
pub(super) fn may_retry(policy: RetryPolicy, failed: Failed) -> bool {
    let Failed { reused, fate, body } = failed;
    policy != RetryPolicy::Never && reused && body != BodyState::Gone && fate.may_be_sent_again()
}

/// Whether one failure allows a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Again {
    Never,
    /// If acting on the request twice does no harm.
    IfIdempotent,
    /// Over HTTP/1.1, for any method.
    OverHttp1,
    /// For any method. `counts` is false if the server has made progress since.
    Always {
        counts: bool,
    },
}

/// Counts how often a request was sent again, and limits that.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::client) struct Repeats {
    /// All retries.
    all: u32,
    /// Retries without progress of the server.
    counted: u32,
    /// Retries although the server may have acted on the request.
    unknown: u32,
}

impl Repeats {
    /// Whether the request may be sent again. If so, counts the retry. `is_idempotent` says that acting twice does no harm.
    pub(in crate::client) fn allow(&mut self, again: Again, is_idempotent: bool) -> bool {
        let (allowed, counts) = match again {
            Again::Never => (false, false),
            Again::IfIdempotent => (is_idempotent && self.unknown == 0, true),
            Again::Always { counts } => (true, counts),
            Again::OverHttp1 => (true, true),
        };
        let allowed = allowed && self.all < MOST && (!counts || self.counted < MOST_COUNTED);
        if allowed {
            self.all += 1;
            self.counted += u32::from(counts);
            self.unknown += u32::from(again == Again::IfIdempotent);
        }
        allowed
    }

    /// Counts a retry over HTTP/1.1 although the server may have acted on the request.
    pub(in crate::client) fn add_unknown(&mut self) {
        self.unknown += 1;
    }

    /// Whether the request was sent again although a server may have acted on it.
    pub(in crate::client) fn has_unknown(&self) -> bool {
        self.unknown > 0
    }
}

/// The most retries without progress of the server.
const MOST_COUNTED: u32 = 2;

/// The most retries of a request.
const MOST: u32 = 16;

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    const DIED_AFTER_WRITING: Fate = Fate { unsent: false, written: true, read: false, covered: true };

    #[track_caller]
    fn check(expected: bool, fate: Fate, body: BodyState) {
        assert_eq!(fate.may_be_sent_again(), expected, "{fate:?}");
        let failed = Failed { reused: true, fate, body };
        assert_eq!(may_retry(RetryPolicy::Idempotent, failed), expected, "{failed:?}");
        assert!(!may_retry(RetryPolicy::Never, failed), "{failed:?}");
        let fresh = Failed { reused: false, ..failed };
        assert!(!may_retry(RetryPolicy::Idempotent, fresh), "a fresh connection: {failed:?}");
        let gone = Failed { body: BodyState::Gone, ..failed };
        assert!(!may_retry(RetryPolicy::Idempotent, gone), "no body: {failed:?}");
    }

    #[test]
    fn every_case() {
        for body in [BodyState::Empty, BodyState::Untouched, BodyState::Copied] {
            for covered in [false, true] {
                for written in [false, true] {
                    let fate = Fate { written, covered, ..DIED_AFTER_WRITING };
                    // The request was never taken: retried for any method, whatever was read.
                    check(true, Fate { unsent: true, ..fate }, body);
                    check(true, Fate { unsent: true, read: true, ..fate }, body);
                    // Nothing was written: retried for any method. Otherwise only if the policy covers it.
                    check(!written || covered, fate, body);
                    // Never retried after a byte of a response.
                    check(false, Fate { read: true, ..fate }, body);
                }
            }
        }
    }

    #[test]
    fn methods_are_covered_as_rfc_9110_has_it() {
        let none = HeaderMap::new();
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(
                RetryPolicy::Safe.covers(&method, &none) && RetryPolicy::Idempotent.covers(&method, &none),
                "{method}"
            );
        }
        for method in [Method::PUT, Method::DELETE] {
            assert!(
                !RetryPolicy::Safe.covers(&method, &none) && RetryPolicy::Idempotent.covers(&method, &none),
                "{method}"
            );
        }
        for method in [Method::POST, Method::PATCH, Method::CONNECT, Method::from_bytes(b"BREW").unwrap()] {
            assert!(
                !RetryPolicy::Safe.covers(&method, &none) && !RetryPolicy::Idempotent.covers(&method, &none),
                "{method}"
            );
        }
        assert!(!RetryPolicy::Never.covers(&Method::GET, &none));
    }

    #[test]
    fn an_idempotency_key_covers_any_method() {
        for name in ["idempotency-key", "x-idempotency-key"] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("1"))]);
            assert!(RetryPolicy::Safe.covers(&Method::POST, &headers), "{name}");
            assert!(!RetryPolicy::Never.covers(&Method::POST, &headers), "{name}");
        }
    }

    const FREE: Again = Again::Always { counts: false };
    const COUNTED: Again = Again::Always { counts: true };

    #[test]
    fn repeats_are_bounded_by_progress() {
        let mut repeats = Repeats::default();
        let allowed = (0..100).filter(|_| repeats.allow(COUNTED, false)).count();
        assert_eq!(allowed, 2);
        assert!(repeats.allow(FREE, false), "progress was made");
        let mut repeats = Repeats::default();
        assert_eq!((0..100).filter(|_| repeats.allow(FREE, false)).count(), 16);
        assert!(!Repeats::default().allow(Again::Never, true));
    }

    #[test]
    fn what_is_unknown_is_sent_again_once_if_that_does_no_harm() {
        let mut repeats = Repeats::default();
        assert!(!repeats.allow(Again::IfIdempotent, false));
        assert!(repeats.allow(Again::IfIdempotent, true));
        assert!(!repeats.allow(Again::IfIdempotent, true));
        assert!(repeats.allow(COUNTED, true), "this one is known to be safe");
        let mut repeats = Repeats::default();
        repeats.add_unknown();
        assert!(repeats.has_unknown() && !repeats.allow(Again::IfIdempotent, true));
    }
}
