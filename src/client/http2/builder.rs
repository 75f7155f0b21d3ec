//! What can be set of HTTP/2.

use std::time::Duration;

use http::{Request, Uri};

use crate::client::builder::Builder;
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::race::ConfigError;

impl Builder {
    /// Whether every server is known to speak HTTP/2, also without TLS (RFC 9113 §3.3). It is spoken at once then. Over TLS, ALPN offers nothing
    /// else, and a server that does not choose it is an error.
    ///
    /// Without that, HTTP/2 is spoken where the connector says that TLS has negotiated it: as
    /// `.tls(…)` on the builder of a [`HappyEyeballsConnector`](crate::HappyEyeballsConnector) does, which offers it first.
    ///
    /// Defaults to `false`.
    #[doc(alias("http2_only"))]
    #[must_use]
    pub fn http2_prior_knowledge(mut self, known: bool) -> Self {
        self.settings.requests.prior_knowledge.of_all = known;
        self
    }

    /// The server of scheme and authority of `uri` is known to speak HTTP/2, as with [`http2_prior_knowledge`](Self::http2_prior_knowledge).
    /// It may be called for several. What follows the authority does not matter.
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

    /// How many connections of HTTP/2 to a host there may be in a runtime, where the streams of those that there are are used up: a server allows so many
    /// at a time (RFC 9113 §6.5.2). One is what RFC 9113 §9.1 recommends: requests wait for a stream then. With more, long streams hold up nobody.
    /// Connections that their servers are closing do not count.
    ///
    /// Zero is an error. Defaults to 4.
    #[must_use]
    pub fn http2_max_connections_per_host(mut self, max: usize) -> Self {
        self.settings.pool.max_shared_per_host = max;
        self
    }

    /// How much of a response over HTTP/2 may arrive before it is read, and how much of all responses on a connection, in bytes (RFC 9113 §5.2).
    /// It bounds the memory of a connection, and the throughput over long ways. The second should be several times the first: otherwise one
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

    /// How long a server may take to answer a PING (RFC 9113 §6.7). It is sent one where a response is waited for and nothing at all has come on
    /// the connection for a second; another one has to have another reason than that. While the server takes nothing of what there is to be sent, the PING is
    /// kept back, and the server has as long to take something as it has to answer. After two seconds without either new requests have another connection,
    /// and after this time the connection is closed, which is an error of its requests as that of any connection that ends
    /// ([`is_timeout`](super::super::ClientError::is_timeout)): they are sent again where that is safe. `None` leaves it to the system to give up on a path that is dead, which takes
    /// about a quarter of an hour.
    ///
    /// Zero is an error. Defaults to 15 s.
    #[doc(alias("http2_keep_alive_interval", "http2_keep_alive_timeout"))]
    #[must_use]
    pub fn http2_ping_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.requests.connections.http2.ping_timeout = timeout.into();
        self
    }

    /// How large the fields of a response over HTTP/2 may be together, in bytes, each with 32 bytes more (RFC 9113 §6.5.2). A response beyond it
    /// is an error of its request.
    ///
    /// Defaults to 256 KiB.
    #[must_use]
    pub fn http2_max_header_list_size(mut self, bytes: u32) -> Self {
        self.settings.requests.connections.http2.max_header_list_size = bytes;
        self
    }
}

/// What is known of a URI, whatever is sent there.
fn destination(uri: Uri) -> Result<Destination, ClientError> {
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    let destination = Destination::take_from(&mut request)?;
    destination.check().map(|()| destination.without_path())
}
