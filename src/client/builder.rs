//! What can be set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;

use super::duplex::AfterResponse;
use super::layer::ClientLayer;
use super::pool::{self, Pool};
use super::replay::Replay;
use super::service::{Client, Connector, RequestBody, Settings};
use crate::race::ConfigError;

/// Builds a [`Client`], or a [`ClientLayer`].
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | idle timeout | 90 s |
/// | maximum idle per host | no limit |
/// | maximum connections per host | no limit |
/// | maximum age | none |
/// | late binding | off |
/// | replay | [`Replay::Idempotent`] |
/// | replay of bodies | none but empty ones, and those not asked for anything yet |
/// | repeat on 408 | off |
/// | continue timeout | 1 s |
/// | upload after the response | 1 MiB and 5 s |
/// | HTTP/1 | the defaults of hyper |
pub struct Builder<B> {
    pool: pool::Settings,
    settings: Settings<B>,
}

impl<B> Builder<B> {
    /// Starts from the defaults.
    pub fn new() -> Self {
        Self {
            pool: pool::Settings {
                idle_timeout: Some(Duration::from_secs(90)),
                max_age: None,
                max_idle_per_host: usize::MAX,
                max_connections_per_host: usize::MAX,
            },
            settings: Settings {
                replay: Replay::default(),
                replay_body: None,
                repeats_on_request_timeout: false,
                late_binding: false,
                continue_timeout: Duration::from_secs(1),
                upload_after_response: AfterResponse { bytes: 1024 * 1024, time: Duration::from_secs(5) },
                http1: http1::Builder::new(),
            },
        }
    }

    /// How long a connection may be idle. More of it saves connects, less of it saves requests from connections that
    /// the server, or something on the way, has given up. `None` is for ever. It is closed within a tenth of a second after.
    ///
    /// Defaults to 90 s.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.pool.idle_timeout = timeout.into();
        self
    }

    /// How many connections to a host, that is to a scheme and an authority, may be idle. The one that was used longest ago
    /// makes room. Connections of all runtimes count. Zero closes each connection after its response.
    ///
    /// Defaults to no limit.
    #[must_use]
    pub fn max_idle_per_host(mut self, max: usize) -> Self {
        self.pool.max_idle_per_host = max;
        self
    }

    /// How many connections to a host there may be, idle or not. Requests beyond it wait; the one that has waited longest goes
    /// first. `None` is no limit; zero is an error. A stream that was upgraded no longer counts. Connections of all runtimes count;
    /// where an idle one of another runtime is in the way, it is closed.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_connections_per_host(mut self, max: impl Into<Option<usize>>) -> Self {
        self.pool.max_connections_per_host = max.into().unwrap_or(usize::MAX);
        self
    }

    /// How old a connection may be to have another request: less of it follows a change of addresses sooner. A
    /// response under way is never cut off. `None` is no limit.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.pool.max_age = age.into();
        self
    }

    /// Whether a request that waits for its own connect may take a connection that becomes free meanwhile. The one that has
    /// waited longest goes first; its connect goes on, and is kept as an idle connection. It pays where a connect takes
    /// longer than a response, and costs connections that may never have a request.
    ///
    /// Defaults to `false`.
    #[must_use]
    pub fn late_binding(mut self, late: bool) -> Self {
        self.settings.late_binding = late;
        self
    }

    /// Which requests are sent again if the connection that they were sent on turns out to be dead.
    ///
    /// Defaults to [`Replay::Idempotent`].
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.settings.replay = replay;
        self
    }

    /// How to have a body a second time. It is asked before a request goes out on a connection that was used before, and
    /// may decline. Empty bodies can be sent again without it, and those that were not asked for anything yet.
    ///
    /// Defaults to none.
    #[must_use]
    pub fn replay_body_with(mut self, copy: impl Fn(&B) -> Option<B> + Send + Sync + 'static) -> Self {
        self.settings.replay_body = Some(Arc::new(copy));
        self
    }

    /// [`replay_body_with`](Self::replay_body_with) clones: for bodies that are cheap to clone, like `Full<Bytes>`.
    #[must_use]
    pub fn replay_body_clones(self) -> Self
    where
        B: Clone,
    {
        self.replay_body_with(|body| Some(body.clone()))
    }

    /// Whether a `408 Request Timeout` on a connection that was used before is taken for what it most often is: the
    /// server's good-bye to an idle connection, which the request crossed (RFC 9110 §15.5.9). A request that may be sent
    /// again then is, once; not if the response has `Retry-After`.
    ///
    /// Defaults to `false`.
    #[must_use]
    pub fn repeat_on_request_timeout(mut self, repeat: bool) -> Self {
        self.settings.repeats_on_request_timeout = repeat;
        self
    }

    /// How long the body of a request with `Expect: 100-continue` waits for the server to ask for it, or to answer
    /// (RFC 9110 §10.1.1). Not every server knows of it.
    ///
    /// Defaults to 1 s.
    #[must_use]
    pub fn continue_timeout(mut self, timeout: Duration) -> Self {
        self.settings.continue_timeout = timeout;
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
        self.settings.upload_after_response = AfterResponse { bytes, time };
        self
    }

    /// hyper's own settings of an HTTP/1 connection: limits of the head, size of buffers, case of field names.
    ///
    /// Defaults to hyper's defaults.
    #[must_use]
    pub fn http1(mut self, http1: http1::Builder) -> Self {
        self.settings.http1 = http1;
        self
    }

    /// The client, whose connections `connector` makes.
    ///
    /// # Errors
    ///
    /// A maximum number of connections, an idle timeout or a maximum age of zero.
    pub fn build<C: Connector>(self, connector: C) -> Result<Client<C, B>, ConfigError>
    where
        B: RequestBody,
    {
        Ok(self.checked()?.client(connector))
    }

    /// A layer that makes a client of any connector.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn layer(self) -> Result<ClientLayer<B>, ConfigError> {
        Ok(ClientLayer::from_builder(self.checked()?))
    }

    /// The settings must have been checked.
    pub(super) fn client<C>(self, connector: C) -> Client<C, B>
    where
        B: RequestBody,
    {
        Client::from_parts(connector, Pool::new(self.pool), self.settings)
    }

    fn checked(self) -> Result<Self, ConfigError> {
        if self.pool.idle_timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(ConfigError::new(
                "the idle timeout must not be zero: a maximum of zero idle connections keeps none",
            ));
        }
        if self.pool.max_age.is_some_and(|age| age.is_zero()) {
            return Err(ConfigError::new(
                "the maximum age must not be zero: a maximum of zero idle connections keeps none",
            ));
        }
        if self.pool.max_connections_per_host == 0 {
            return Err(ConfigError::new("the maximum number of connections must not be zero"));
        }
        Ok(self)
    }
}

impl<B> Default for Builder<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Clone for Builder<B> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), settings: self.settings.clone() }
    }
}

impl<B> fmt::Debug for Builder<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("pool", &self.pool).field("settings", &self.settings).finish()
    }
}
