//! The client's builder.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use hyper::client::conn::http1;

use super::bounds::Connector;
use super::layer::ClientLayer;
use super::request::after_response::AfterResponse;
use super::request::defaults;
use super::retry::RetryPolicy;
use super::service::Client;
use super::settings::Settings;
use crate::connect::HappyEyeballsConnector;
use crate::race::ConfigError;

/// Builds a [`Client`], or a [`ClientLayer`].
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | timeout | none |
/// | response header timeout | none |
/// | default headers | none |
/// | idle timeout | 90 s |
/// | maximum idle per host | no limit |
/// | maximum connections per host | no limit |
/// | maximum age | none |
/// | late binding | off |
/// | retry policy | [`RetryPolicy::Idempotent`] |
/// | retry on 408 | off |
/// | continue timeout | 1 s |
/// | upload after the response | 1 MiB and 5 s |
/// | size of the heads of a response | 1 MiB |
/// | HTTP/1 | the defaults of hyper |
/// | HTTP/2 | where TLS negotiates it |
/// | maximum connections of HTTP/2 per host | 4 in each runtime, where streams are used up |
/// | windows of HTTP/2 | 1 MiB for a response, 16 MiB for a connection |
/// | size of the fields over HTTP/2 | 256 KiB |
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub(super) settings: Settings,
    /// The first setting that cannot work.
    pub(super) problem: Option<ConfigError>,
}

impl Builder {
    /// Starts from the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the time of a request, from the call to the end of the response's body: the wait for a connection, look-up, race and TLS, the request,
    /// every retry, and the body while it is read. At the limit the request, or the next read of the body, is an error that says [how far the request
    /// was](super::ClientError::timeout_phase). Its connection, or its HTTP/2 stream, is closed; a connect that other requests wait for goes on. A
    /// stream that was [upgraded](super#upgrades) has no limit.
    ///
    /// A body whose last byte was read from the connection before the limit can still be read afterwards. Over HTTP/1.1 reading the body reads the
    /// connection, one chunk at a time: bytes that are in the socket or in hyper's buffer at the limit are lost.
    ///
    /// [`TimeLimits`](super::TimeLimits) sets another limit for one request. `None` is no limit. Zero is an error. The limits that apply without this
    /// one are listed [here](super#time-outs).
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.requests.limits.total = timeout.into();
        self
    }

    /// Limits the time of a request to the head of the final response, from the call as for [`timeout`](Self::timeout), but without the body. It
    /// suits requests whose bodies may take long, but whose servers should start to answer soon. The upload counts, since most servers answer after
    /// it.
    ///
    /// [`TimeLimits`](super::TimeLimits) sets another limit for one request. `None` is no limit; zero is an error.
    ///
    /// Defaults to `None`.
    #[doc(alias("response_timeout"))]
    #[must_use]
    pub fn response_header_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.requests.limits.head = timeout.into();
        self
    }

    /// Sets fields that each request gets, with all their values, unless it has the field itself. A request can replace a default by setting the
    /// field, but cannot remove it. CONNECT requests get none. A second call replaces the fields of the first. All servers get these fields, so
    /// `Authorization` belongs into single requests.
    ///
    /// `Host`, `Content-Length`, `Transfer-Encoding` and `Trailer` are an error, since they belong to one request.
    ///
    /// Defaults to none, which costs nothing.
    #[doc(alias("user_agent"))]
    #[must_use]
    pub fn default_headers(mut self, headers: HeaderMap) -> Self {
        self.settings.requests.default_headers = (!headers.is_empty()).then(|| Arc::new(headers));
        self
    }

    /// Sets how long a connection may be idle before it is closed. A longer time saves connects; a shorter one avoids connections that the server, or
    /// a device on the path, has given up. `None` is no limit. The connection is closed within a tenth of a second after this time. If the server
    /// says that it keeps connections for less (`Keep-Alive: timeout=5`), that time applies. Shortly before it ends (within a quarter of it, at most
    /// a second), the connection is not used for requests that could not be sent again.
    ///
    /// Defaults to 90 s.
    #[doc(alias("pool_idle_timeout"))]
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.pool.idle_timeout = timeout.into();
        self
    }

    /// Limits how many connections to a host (a scheme and an authority) may be idle. At the limit, the connection that was used longest ago is
    /// closed. Connections of all runtimes count. With zero, each connection is closed after its response, and the request says so (`Connection:
    /// close`).
    ///
    /// Defaults to no limit.
    #[doc(alias("pool_max_idle_per_host"))]
    #[must_use]
    pub fn max_idle_per_host(mut self, max: usize) -> Self {
        self.settings.pool.max_idle_per_host = max;
        self
    }

    /// Limits how many connections to a host there may be, idle or not. Further requests wait, and the one that has waited longest goes first. `None`
    /// is no limit. Zero is an error. A stream that was upgraded does not count. Connections of all runtimes count: at the limit, an idle connection
    /// of another runtime is closed to make room.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_connections_per_host(mut self, max: impl Into<Option<usize>>) -> Self {
        self.settings.pool.max_connections_per_host = max.into().unwrap_or(usize::MAX);
        self
    }

    /// Limits how old a connection may be when it gets a request. A shorter time follows a change of addresses sooner. A response under way is never
    /// cut off. Each connection has up to a tenth less, so that connections that were made together do not end together. `None` is no limit.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.settings.pool.max_age = age.into();
        self
    }

    /// Sets whether a request that waits for its own connect may use a connection that becomes free meanwhile. The request that has waited longest
    /// goes first. The connect goes on, and its connection becomes idle. This helps if a connect takes longer than a response, and costs connections
    /// that may never get a request.
    ///
    /// Defaults to `false`.
    #[must_use]
    pub fn late_binding(mut self, late: bool) -> Self {
        self.settings.requests.late_binding = late;
        self
    }

    /// Sets which requests are retried if their connection turns out to be dead. A retry needs the body: it is available if it is empty, if nothing
    /// was taken from it, if its first frame is all of it, or if it is a [`RetryBody`](super::RetryBody). Over HTTP/2 it is also available if at most
    /// 128 KiB were taken from it, since that much is kept until the response arrives.
    ///
    /// Defaults to [`RetryPolicy::Idempotent`].
    #[doc(alias("retry_canceled_requests", "retry"))]
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.settings.requests.retry_policy = policy;
        self
    }

    /// Sets whether a `408 Request Timeout` on a reused connection counts as the server's close of an idle connection, which crossed the request (RFC
    /// 9110 §15.5.9). Then a request that may be retried is retried once, unless the response has `Retry-After`.
    ///
    /// Defaults to `false`.
    #[must_use]
    pub fn retry_on_request_timeout(mut self, retry: bool) -> Self {
        self.settings.requests.retries_on_request_timeout = retry;
        self
    }

    /// Sets how long the body of a request with `Expect: 100-continue` waits for the server to ask for it or to answer (RFC 9110 §10.1.1). Some
    /// servers ignore that field.
    ///
    /// Defaults to 1 s.
    #[must_use]
    pub fn continue_timeout(mut self, timeout: Duration) -> Self {
        self.settings.requests.continue_timeout = timeout;
        self
    }

    /// Limits how much of a request's body is sent after the end of an early response with a status below 300: at most `bytes`, for at most `time`. A
    /// server may answer before it has read the body, and then read the rest; the caller has the response meanwhile. Until the body is sent, the
    /// connection gets no other request, and counts towards the [maximum](Self::max_connections_per_host). Beyond either limit it is reset. Higher
    /// limits serve slow servers; lower limits free connections sooner. If either is zero, the body stops when the response ends. After a status of
    /// 300 or more it stops when the head arrives (RFC 9112 §9.5).
    ///
    /// Defaults to 1 MiB and 5 s.
    #[must_use]
    pub fn upload_after_response(mut self, bytes: u64, time: Duration) -> Self {
        self.settings.requests.upload_after_response = AfterResponse { bytes, time };
        self
    }

    /// Limits how many bytes of a response may arrive before the head of the final response is complete. Informational responses (1xx, RFC 9110
    /// §15.2), of which there may be any number, count too. The limit ends the wait for the final head: a head that has arrived is delivered. A
    /// response beyond the limit is
    /// [invalid](super::ClientError::is_invalid_response). Over HTTP/1.1 its connection is closed. Over HTTP/2 its stream is reset with CANCEL, and
    /// other streams go on; there the frames count, in which fields are compressed. The limits for a single head may be lower: see
    /// [`http1`](Self::http1) and `http2_max_header_list_size`.
    ///
    /// Defaults to 1 MiB.
    #[must_use]
    pub fn max_response_head(mut self, bytes: u64) -> Self {
        self.settings.requests.connections.max_response_head = bytes;
        self
    }

    /// Sets hyper's own options for HTTP/1 connections: buffer sizes, case of field names, and the limits of one head: `max_buf_size`, by default
    /// about 400 KiB, and `max_headers`, by default 100 fields. A response beyond either is [invalid](super::ClientError::is_invalid_response).
    ///
    /// A response with a field that is folded over several lines, obsolete since 2014, is invalid too. With
    /// `allow_obsolete_multiline_headers_in_responses(true)` the field is unfolded (RFC 9112 §5.2). That is off by default, since hyper then examines
    /// each byte of each field.
    ///
    /// Defaults to hyper's defaults.
    #[doc(alias(
        "http1_max_buf_size",
        "http1_max_headers",
        "http1_title_case_headers",
        "http1_allow_obsolete_multiline_headers_in_responses"
    ))]
    #[must_use]
    pub fn http1(mut self, http1: http1::Builder) -> Self {
        self.settings.requests.connections.http1 = http1;
        self
    }

    /// Builds a client whose connections `connector` makes.
    ///
    /// # Errors
    ///
    /// A maximum number of connections (of HTTP/2, or in all), an idle timeout, a maximum age or a time limit is zero. A default header belongs to
    /// one request. An HTTP/2 window is zero, or more than 2,147,483,647 bytes.
    pub fn build<C: Connector>(self, connector: C) -> Result<Client<C>, ConfigError> {
        Ok(Client::with_settings(connector, self.checked()?))
    }

    /// Builds a layer that makes a client of any connector.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn layer(self) -> Result<ClientLayer, ConfigError> {
        Ok(ClientLayer::with_settings(self.checked()?))
    }

    fn checked(self) -> Result<Settings, ConfigError> {
        let pool = &self.settings.pool;
        if pool.idle_timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(ConfigError::new(
                "the idle timeout must not be zero: a maximum of zero idle connections keeps none",
            ));
        }
        if pool.max_age.is_some_and(|age| age.is_zero()) {
            return Err(ConfigError::new(
                "the maximum age must not be zero: a maximum of zero idle connections keeps none",
            ));
        }
        let limits = self.settings.requests.limits;
        if [limits.total, limits.head].contains(&Some(Duration::ZERO)) {
            return Err(ConfigError::new("the time limit of a request must not be zero"));
        }
        if self.settings.requests.default_headers.as_deref().is_some_and(defaults::are_unfit) {
            return Err(ConfigError::new(
                "Host, Content-Length, Transfer-Encoding and Trailer say something of one request, and cannot be default headers",
            ));
        }
        if pool.max_connections_per_host == 0 {
            return Err(ConfigError::new("the maximum number of connections must not be zero"));
        }
        if pool.max_shared_per_host == 0 {
            return Err(ConfigError::new("the maximum number of connections of HTTP/2 must not be zero"));
        }
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if let Some(problem) = self.settings.requests.connections.http2.problem() {
            return Err(ConfigError::new(problem));
        }
        Ok(self.settings)
    }
}

impl Client<HappyEyeballsConnector> {
    /// Starts from the defaults.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

/// Makes a client with the defaults over a [`HappyEyeballsConnector`] with the defaults, for `http`. `Client::https` makes one for `https` as well.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use hyper_happy_eyeballs::Client;
///
/// let client = Client::default();
/// println!("{}", client.get("http://example.com/").await?.status());
/// # Ok(())
/// # }
/// ```
impl Default for Client<HappyEyeballsConnector> {
    fn default() -> Self {
        Self::new(HappyEyeballsConnector::new())
    }
}
