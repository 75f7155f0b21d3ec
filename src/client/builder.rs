//! What can be set.

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
    /// Why what was set cannot work.
    pub(super) problem: Option<ConfigError>,
}

impl Builder {
    /// Starts from the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a request may take: from the call to the end of the response's body. It covers the wait for a connection, look-up, race and TLS, the request, every retry,
    /// and the body, for as long as it is read. At the limit the request, or the next read of the body, is an error that says
    /// [how far it was](super::ClientError::timeout_phase). Its connection, or its stream of HTTP/2, is closed; a connect that other requests wait for goes on. A stream
    /// that was [upgraded](super#upgrades) has no limit.
    ///
    /// A body whose last byte has been read from the connection by then is still given, whenever the caller reads it. Over HTTP/1.1 the connection is read by whoever reads
    /// the body, one chunk at a time: what lies in the socket at the limit, or in hyper's buffer, is not given.
    ///
    /// [`TimeLimits`](super::TimeLimits) sets another limit for one request. `None` is no limit; zero is an error. Without one, what bounds a request is said
    /// [here](super#time-outs).
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.requests.limits.total = timeout.into();
        self
    }

    /// How long a request may take to the head of the final response: from the call, as [`timeout`](Self::timeout) does, and not covering the body. It fits where bodies
    /// may take long, and a server that does not answer is to be given up soon. The upload counts, since most servers answer after it.
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

    /// Fields that each request has: those of these that it does not have itself, with all their values. A request replaces a default by setting the
    /// field; it cannot remove one. CONNECT has none of them. They go to every server that the client talks to: `Authorization` is better said in the requests.
    ///
    /// `Host`, `Content-Length`, `Transfer-Encoding` and `Trailer` are an error: they say something of one request.
    ///
    /// Defaults to none, which costs nothing.
    #[doc(alias("user_agent"))]
    #[must_use]
    pub fn default_headers(mut self, headers: HeaderMap) -> Self {
        self.settings.requests.default_headers = (!headers.is_empty()).then(|| Arc::new(headers));
        self
    }

    /// How long a connection may be idle. More of it saves connects, less of it saves requests from connections that
    /// the server, or something on the way, has given up. `None` is for ever. It is closed within a tenth of a second after. A server that says how long it keeps the
    /// connection (`Keep-Alive: timeout=5`) is believed if that is less; and before that time is up, within a quarter of it and a second at the most, the connection
    /// is not used for a request that could not be sent again.
    ///
    /// Defaults to 90 s.
    #[doc(alias("pool_idle_timeout"))]
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.pool.idle_timeout = timeout.into();
        self
    }

    /// How many connections to a host, that is to a scheme and an authority, may be idle. The one that was used longest ago
    /// makes room. Connections of all runtimes count. Zero closes each connection after its
    /// response, and says so in the request (`Connection: close`).
    ///
    /// Defaults to no limit.
    #[doc(alias("pool_max_idle_per_host"))]
    #[must_use]
    pub fn max_idle_per_host(mut self, max: usize) -> Self {
        self.settings.pool.max_idle_per_host = max;
        self
    }

    /// How many connections to a host there may be, idle or not. Requests beyond it wait; the one that has waited longest goes
    /// first. `None` is no limit; zero is an error. A stream that was upgraded no longer counts. Connections of all runtimes count;
    /// where an idle one of another runtime is in the way, it is closed.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_connections_per_host(mut self, max: impl Into<Option<usize>>) -> Self {
        self.settings.pool.max_connections_per_host = max.into().unwrap_or(usize::MAX);
        self
    }

    /// How old a connection may be to have another request: less of it follows a change of addresses sooner. A
    /// response under way is never cut off. Each connection has up to a tenth less, so that those that were made together do not end together. `None`
    /// is no limit.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.settings.pool.max_age = age.into();
        self
    }

    /// Whether a request that waits for its own connect may take a connection that becomes free meanwhile. The one that has
    /// waited longest goes first; its connect goes on, and is kept as an idle connection. It pays where a connect takes
    /// longer than a response, and costs connections that may never have a request.
    ///
    /// Defaults to `false`.
    #[must_use]
    pub fn late_binding(mut self, late: bool) -> Self {
        self.settings.requests.late_binding = late;
        self
    }

    /// Which requests are retried if the connection that they were sent on turns out to be dead. A retry needs the body, which is there
    /// if it is empty, if nothing was taken from it, if its first frame is all of it, or if it is a [`RetryBody`](super::RetryBody). Over HTTP/2 it is
    /// there as well as long as no more than 128 KiB were taken from it: so much of a body is kept until the response comes.
    ///
    /// Defaults to [`RetryPolicy::Idempotent`].
    #[doc(alias("retry_canceled_requests", "retry"))]
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.settings.requests.retry_policy = policy;
        self
    }

    /// Whether a `408 Request Timeout` on a connection that was used before is taken for what it most often is: the
    /// server's good-bye to an idle connection, which the request crossed (RFC 9110 §15.5.9). A request that may be
    /// retried then is, once; not if the response has `Retry-After`.
    ///
    /// Defaults to `false`.
    #[must_use]
    pub fn retry_on_request_timeout(mut self, retry: bool) -> Self {
        self.settings.requests.retries_on_request_timeout = retry;
        self
    }

    /// How long the body of a request with `Expect: 100-continue` waits for the server to ask for it, or to answer
    /// (RFC 9110 §10.1.1). Not every server knows of it.
    ///
    /// Defaults to 1 s.
    #[must_use]
    pub fn continue_timeout(mut self, timeout: Duration) -> Self {
        self.settings.requests.continue_timeout = timeout;
        self
    }

    /// How much of a request's body is still sent after the end of a response with a status below 300 that came first: at most
    /// `bytes`, and for at most `time`. A server may answer before it has read the body, and read on; the caller has the response
    /// meanwhile. The connection is not used for another request until the body is sent, and counts among the
    /// [maximum](Self::max_connections_per_host); beyond either limit it is reset. More of both serves slow readers, less of both
    /// frees connections sooner. Zero of either stops the body when the response ends, as a status of 300 or more does when its
    /// head arrives (RFC 9112 §9.5).
    ///
    /// Defaults to 1 MiB and 5 s.
    #[must_use]
    pub fn upload_after_response(mut self, bytes: u64, time: Duration) -> Self {
        self.settings.requests.upload_after_response = AfterResponse { bytes, time };
        self
    }

    /// How many bytes of a response may come before the head of the final response is complete: informational responses (1xx, RFC 9110 §15.2), of which
    /// there may be any number, and that head. Beyond it the response is [invalid](super::ClientError::is_invalid_response). Over HTTP/1 the connection is
    /// closed. Over HTTP/2 the stream is reset with CANCEL, and others go on; what counts are the frames, in which fields are compressed. A head that is larger than the limits of one head is invalid before: see
    /// [`http1`](Self::http1) and `http2_max_header_list_size`.
    ///
    /// Defaults to 1 MiB.
    #[must_use]
    pub fn max_response_head(mut self, bytes: u64) -> Self {
        self.settings.requests.connections.max_response_head = bytes;
        self
    }

    /// hyper's own settings of an HTTP/1 connection: size of buffers, case of field names, and the limits of one head: `max_buf_size`, by default some 400 KiB, and
    /// `max_headers`, by default 100 fields. Beyond either the response is [invalid](super::ClientError::is_invalid_response).
    ///
    /// So is a response with a field that is folded over several lines, which has been obsolete since 2014, unless
    /// `allow_obsolete_multiline_headers_in_responses(true)` is said here: then it is unfolded (RFC 9112 §5.2). It is off since it has hyper look at each byte
    /// of each field.
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

    /// The client, whose connections `connector` makes.
    ///
    /// # Errors
    ///
    /// A maximum number of connections, of HTTP/2 or in all, an idle timeout, a maximum age or a time limit of zero. A default header that is about one request. A window of HTTP/2 of zero, or of more than 2,147,483,647 bytes.
    pub fn build<C: Connector>(self, connector: C) -> Result<Client<C>, ConfigError> {
        Ok(Client::with_settings(connector, self.checked()?))
    }

    /// A layer that makes a client of any connector.
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

/// A client with the defaults over a [`HappyEyeballsConnector`] with the defaults, for `http`; `Client::https` is one for `https` as well.
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
