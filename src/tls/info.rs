//! What callers can learn about a TLS connection.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConnection, HandshakeKind, ProtocolVersion, SupportedCipherSuite};

use crate::outcome::Handshake;

/// What was negotiated on a TLS connection, and who the peer is.
///
/// An extra of the connection, and so an extension of each response that came over it:
///
/// ```
/// use hyper_happy_eyeballs::tls::TlsInfo;
///
/// fn log<B>(response: &http::Response<B>) {
///     if let Some(tls) = response.extensions().get::<TlsInfo>() {
///         println!("{:?}, {} certificates", tls.protocol_version(), tls.peer_certificates().len());
///     }
/// }
/// ```
///
/// Clones share the data.
#[doc(alias = "tls_info")]
#[derive(Clone)]
pub struct TlsInfo {
    inner: Arc<Inner>,
}

struct Inner {
    protocol_version: Option<ProtocolVersion>,
    cipher_suite: Option<SupportedCipherSuite>,
    alpn: Option<Vec<u8>>,
    is_resumed: bool,
    peer_certificates: Vec<CertificateDer<'static>>,
}

impl TlsInfo {
    /// Reads the information from a connection whose handshake is finished.
    pub(super) fn of(connection: &ClientConnection) -> Self {
        Self {
            inner: Arc::new(Inner {
                protocol_version: connection.protocol_version(),
                cipher_suite: connection.negotiated_cipher_suite(),
                alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
                is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
                peer_certificates: connection.peer_certificates().unwrap_or_default().to_vec(),
            }),
        }
    }

    /// Returns the version of TLS. Always `Some` once a connection is made.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version
    }

    /// Returns the cipher suite. Always `Some` once a connection is made.
    pub fn cipher_suite(&self) -> Option<SupportedCipherSuite> {
        self.inner.cipher_suite
    }

    /// Returns the protocol that the server chose (ALPN, RFC 7301). `None` if it chose none, and so speaks HTTP/1.1.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.inner.alpn.as_deref()
    }

    /// Whether an earlier session was resumed. The certificates are then those of that session.
    pub fn is_resumed(&self) -> bool {
        self.inner.is_resumed
    }

    /// Returns the certificates of the server, its own first.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.inner.peer_certificates
    }

    /// Returns the same information for the record of the attempt.
    pub(super) fn handshake(&self) -> Handshake {
        let mut handshake = Handshake::new().with_resumed(self.is_resumed());
        if let Some(version) = self.protocol_version() {
            handshake = handshake.with_protocol_version(name_of(version));
        }
        if let Some(suite) = self.cipher_suite().and_then(|suite| suite.suite().as_str()) {
            handshake = handshake.with_cipher_suite(suite);
        }
        match self.alpn() {
            Some(id) => handshake.with_alpn(id),
            None => handshake,
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        self.alpn() == Some(b"h2")
    }
}

fn name_of(version: ProtocolVersion) -> Cow<'static, str> {
    match version {
        ProtocolVersion::TLSv1_2 => "TLS 1.2".into(),
        ProtocolVersion::TLSv1_3 => "TLS 1.3".into(),
        other => format!("{other:?}").into(),
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("protocol_version", &self.inner.protocol_version)
            .field("cipher_suite", &self.inner.cipher_suite.map(|suite| suite.suite()))
            .field("alpn", &self.alpn().map(String::from_utf8_lossy))
            .field("is_resumed", &self.inner.is_resumed)
            .field("peer_certificates", &self.inner.peer_certificates.len())
            .finish()
    }
}
