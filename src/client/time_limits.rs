//! The time limits of requests.

use std::time::Duration;

use http::Extensions;

/// The time limits of one request, as an extension of the request. They replace the limits that its [`Client`](super::Client) has for all requests.
///
/// A limit that is not set here is the client's: [`Builder::timeout`](super::Builder::timeout) and
/// [`Builder::response_header_timeout`](super::Builder::response_header_timeout), which say what the limits cover. `None` is no limit, whatever the
/// client's is. A limit of zero has passed when the request is first polled, and gives the error of a time limit.
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
///
/// use hyper_happy_eyeballs::Client;
/// use hyper_happy_eyeballs::client::TimeLimits;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::default();
/// let limits = TimeLimits::new().timeout(Duration::from_secs(600)).response_header_timeout(None);
/// let request = http::Request::put("http://example.com/large").extension(limits).body("a long text".to_owned())?;
/// println!("{}", client.request(request).await?.status());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeLimits {
    timeout: Option<Option<Duration>>,
    response_header_timeout: Option<Option<Duration>>,
}

impl TimeLimits {
    /// Returns the limits of the client, until others are set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the time from the call to the end of the response's body, unless that was read from the connection before
    /// ([`Builder::timeout`](super::Builder::timeout)). `None` is no limit.
    ///
    /// Defaults to the limit of the client.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// Limits the time from the call to the head of the response. `None` is no limit.
    ///
    /// Defaults to the limit of the client.
    #[must_use]
    pub fn response_header_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.response_header_timeout = Some(timeout.into());
        self
    }
}

/// The limits of a request, or of all requests of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// From the call to the end of the response's body.
    pub(super) total: Option<Duration>,
    /// From the call to the head of the response.
    pub(super) head: Option<Duration>,
}

impl Limits {
    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.total.is_none() && self.head.is_none()
    }

    /// Returns the limits of a request with these extensions.
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
