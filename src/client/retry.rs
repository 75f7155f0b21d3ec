//! May this request be sent again? The rules of RFC 9110 §9.2.2 and RFC 9112 §9.3.1, as a function.

use http::{HeaderMap, Method};

/// Which requests a [`Client`](super::Client) retries when a connection that was kept alive turns out to be dead.
///
/// A request on a fresh connection is never sent again, nor one of whose response a byte has arrived, except as
/// [`Builder::retry_on_request_timeout`](super::Builder::retry_on_request_timeout) says. Each retry goes out on a fresh connection: so there is at
/// most one.
#[doc(alias = "retry_canceled_requests")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryPolicy {
    /// None: each failure is an error.
    Never,
    /// Those that were not sent, and of those that were, the safe ones: GET, HEAD, OPTIONS, TRACE (RFC 9110 §9.2.1), and
    /// whatever has an `Idempotency-Key`.
    Safe,
    /// Those that were not sent, and of those that were, the idempotent ones: the safe ones, PUT and DELETE (RFC 9110 §9.2.2),
    /// and whatever has an `Idempotency-Key`. This is the default.
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

/// `X-` is what the field was called before it was proposed as a standard.
fn has_idempotency_key(headers: &HeaderMap) -> bool {
    !headers.is_empty() && (headers.contains_key("idempotency-key") || headers.contains_key("x-idempotency-key"))
}

/// What is left of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyState {
    Empty,
    /// It was not asked for anything yet.
    Untouched,
    /// There is a copy.
    Copied,
    /// It was asked for something, and cannot be had again.
    Gone,
}

/// How far a request came that failed: all that it takes to say whether it is safe to send it again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    /// hyper never took the request.
    pub(super) unsent: bool,
    /// A byte of the request was given to the system.
    pub(super) written: bool,
    /// A byte was read since the request began.
    pub(super) read: bool,
    /// [`RetryPolicy::covers`] the request.
    pub(super) covered: bool,
}

impl Fate {
    /// Whether the request may be sent again, as far as the server is concerned: the server cannot have acted on it, or acting
    /// on it twice does no harm, and the server has not begun to answer.
    pub(super) fn may_be_sent_again(self) -> bool {
        let Self { unsent, written, read, covered } = self;
        // What was read before a request was taken was not its answer.
        unsent || (!read && (!written || covered))
    }
}

/// How an exchange went wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    /// The connection had been used before.
    pub(super) reused: bool,
    pub(super) fate: Fate,
    pub(super) body: BodyState,
}

/// Whether to send a request again, on a fresh connection.
pub(super) fn may_retry(policy: RetryPolicy, failed: Failed) -> bool {
    let Failed { reused, fate, body } = failed;
    policy != RetryPolicy::Never && reused && body != BodyState::Gone && fate.may_be_sent_again()
}

/// Whether a request is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Again {
    Never,
    /// If to do it twice does no harm.
    IfIdempotent,
    /// Over HTTP/1.1, whatever it is.
    OverHttp1,
    /// Whatever it is. It counts unless the server has made progress meanwhile.
    Always {
        counts: bool,
    },
}

/// How often a request was sent again.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::client) struct Repeats {
    /// In all.
    all: u32,
    /// Without the server having made progress.
    counted: u32,
    /// Although the server may have acted on it.
    unknown: u32,
}

impl Repeats {
    /// Whether a request is sent once more, which is counted. `is_idempotent` says that to do it twice does no harm.
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

    /// It is sent again over HTTP/1.1, although the server may have acted on it.
    pub(in crate::client) fn add_unknown(&mut self) {
        self.unknown += 1;
    }

    /// Whether it was sent again although a server may have acted on it.
    pub(in crate::client) fn has_unknown(&self) -> bool {
        self.unknown > 0
    }
}

/// How often a request is sent again that meets no progress.
const MOST_COUNTED: u32 = 2;

/// How often a request is sent again at the most.
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
                    // Never taken: any method, whatever was read.
                    check(true, Fate { unsent: true, ..fate }, body);
                    check(true, Fate { unsent: true, read: true, ..fate }, body);
                    // Nothing written: any method. Something written: only what is covered.
                    check(!written || covered, fate, body);
                    // Never after a byte of an answer.
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
