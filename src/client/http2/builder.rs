//! The client builder's settings for HTTP/2.

use std::time::Duration;

use http::{Request, Uri};

use crate::client::builder::Builder;
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::race::ConfigError;

impl Builder {
    /// Whether every server is known to speak HTTP/2, also without TLS (RFC 9113 §3.3). The client then speaks HTTP/2 at once. Over TLS, ALPN offers
    /// nothing else, and a server that does not choose HTTP/2 is an error.
    ///
    /// Otherwise the client speaks HTTP/2 where the connector says that TLS has negotiated it. A
    /// [`HappyEyeballsConnector`](crate::HappyEyeballsConnector) with `.tls(…)` does so, and offers HTTP/2 first.
    ///
    /// Defaults to `false`.
    #[doc(alias("http2_only"))]
    #[must_use]
    pub fn http2_prior_knowledge(mut self, known: bool) -> Self {
        self.settings.requests.prior_knowledge.of_all = known;
        self
    }

    /// The server at the scheme and authority of `uri` is known to speak HTTP/2, as with [`http2_prior_knowledge`](Self::http2_prior_knowledge). Each
    /// call adds one server. The path and query of `uri` do not matter.
    ///
    /// # Errors
    ///
    /// That of [`build`](Self::build), if the URI has no scheme or no host.
    #[must_use]
    pub fn http2_prior_knowledge_of(mut self, uri: Uri) -> Self {
        match destination(uri) {
            Ok(destination) => drop(self.settings.requests.prior_knowledge.of_some.insert(destination)),
            Err(error) => self.problem = Some(ConfigError::caused("HTTP/2 by prior knowledge needs a host", error)),
        }
        self
    }

    /// How many HTTP/2 connections to one host a runtime may have. The client opens another one when all streams that the server allows at a time
    /// (RFC 9113 §6.5.2) are in use. With 1, which RFC 9113 §9.1 recommends, further requests wait for a stream. With more, long streams do not block
    /// other requests. Connections that their servers are closing do not count.
    ///
    /// Zero is an error. Defaults to 4.
    #[must_use]
    pub fn http2_max_connections_per_host(mut self, max: usize) -> Self {
        self.settings.pool.max_shared_per_host = max;
        self
    }

    /// The flow-control windows in bytes (RFC 9113 §5.2): how much of one response, and of all responses on a connection, may arrive before it is
    /// read. Larger windows allow more throughput on long paths, and cost more memory. `connection` should be several times `stream`: otherwise one
    /// response that nobody reads stalls the others.
    ///
    /// Defaults to 1 MiB and 16 MiB.
    #[doc(alias("http2_initial_stream_window_size", "http2_initial_connection_window_size", "http2_adaptive_window"))]
    #[must_use]
    pub fn http2_windows(mut self, stream: u32, connection: u32) -> Self {
        let http2 = &mut self.settings.requests.connections.http2;
        (http2.stream_window, http2.connection_window) = (stream, connection);
        self
    }

    /// How long a server may take to answer a PING (RFC 9113 §6.7).
    ///
    /// The client sends a PING when a request waits for its response and nothing has arrived on the connection for a second. It sends another one
    /// only after a part of a response has arrived or another request was begun. While the server reads nothing of what is waiting to be sent, the
    /// client holds the PING back, and this time limits how long the server may read nothing.
    ///
    /// Two seconds after the PING, new requests use another connection. After this timeout, the connection is closed. Its requests get the error of a
    /// connection that ended ([`is_timeout`](super::super::ClientError::is_timeout) is true), and are sent again where that is safe. With `None` the
    /// client sends no PING, and the system gives up a dead path after about a quarter of an hour.
    ///
    /// Zero is an error. Defaults to 15 s.
    #[doc(alias("http2_keep_alive_interval", "http2_keep_alive_timeout"))]
    #[must_use]
    pub fn http2_ping_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.requests.connections.http2.ping_timeout = timeout.into();
        self
    }

    /// How large all fields of a response over HTTP/2 may be together, in bytes, counting 32 more for each field (RFC 9113 §6.5.2). A response with
    /// more is an error of its request.
    ///
    /// Defaults to 256 KiB.
    #[must_use]
    pub fn http2_max_header_list_size(mut self, bytes: u32) -> Self {
        self.settings.requests.connections.http2.max_header_list_size = bytes;
        self
    }
}

/// Returns the destination that a URI leads to.
fn destination(uri: Uri) -> Result<Destination, ClientError> {
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    let destination = Destination::take_from(&mut request)?;
    destination.check().map(|()| destination.without_path())
}
