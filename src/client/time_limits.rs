//! How long a request may take.

use std::time::Duration;

use http::Extensions;

/// How long one request may take, in the place of what is set for all requests of its [`Client`](super::Client): an extension of the request.
///
/// A limit that is not set here is that of the client: [`Builder::timeout`](super::Builder::timeout) and
/// [`Builder::response_header_timeout`](super::Builder::response_header_timeout), which say what the limits cover. `None` is no limit, whatever the client has; zero
/// is over when the request is first polled, and the error is that of a limit.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use hyper_happy_eyeballs::client::TimeLimits;
///
/// let limits = TimeLimits::new().timeout(Duration::from_secs(600)).response_header_timeout(None);
/// let request = http::Request::get("http://example.com/large").extension(limits).body(())?;
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeLimits {
    timeout: Option<Option<Duration>>,
    response_header_timeout: Option<Option<Duration>>,
}

impl TimeLimits {
    /// The limits of the client, until others are set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the request may take from the call to the end of the response's body, as far as that has not been read from the connection
    /// ([`Builder::timeout`](super::Builder::timeout)). `None` is no limit.
    ///
    /// Defaults to the limit of the client.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// How long the request may take from the call to the head of the response. `None` is no limit.
    ///
    /// Defaults to the limit of the client.
    #[must_use]
    pub fn response_header_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.response_header_timeout = Some(timeout.into());
        self
    }
}

/// The limits of a request, or those that a client has for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// To the end of the body of the response.
    pub(super) total: Option<Duration>,
    /// To the head of the response.
    pub(super) head: Option<Duration>,
}

impl Limits {
    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.total.is_none() && self.head.is_none()
    }

    /// Those of a request with these extensions.
    #[inline]
    pub(super) fn of(self, extensions: &Extensions) -> Self {
        if extensions.is_empty() {
            return self;
        }
        let own = extensions.get().copied().unwrap_or_default();
        let TimeLimits { timeout, response_header_timeout } = own;
        Self { total: timeout.unwrap_or(self.total), head: response_header_timeout.unwrap_or(self.head) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_limits_of_the_client_but_for_those_that_it_sets() {
        let (one, two) = (Some(Duration::from_secs(1)), Some(Duration::from_secs(2)));
        let client = Limits { total: one, head: None };
        let of = |own: Option<TimeLimits>| {
            let mut extensions = Extensions::new();
            extensions.insert("another extension");
            own.map(|own| extensions.insert(own));
            client.of(&extensions)
        };
        assert_eq!(client.of(&Extensions::new()), client);
        assert_eq!(of(None), client);
        assert_eq!(of(Some(TimeLimits::new())), client);
        assert_eq!(of(Some(TimeLimits::new().timeout(two))), Limits { total: two, head: None });
        assert_eq!(of(Some(TimeLimits::new().response_header_timeout(two))), Limits { total: one, head: two });
        assert!(of(Some(TimeLimits::new().timeout(None))).is_none());
    }
}
