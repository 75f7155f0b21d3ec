//! The record of the handshake of an attempt.

use std::borrow::Cow;
use std::fmt;

/// What was negotiated in the handshake of an attempt, as far as the attempt service has reported it.
///
/// ```
/// use hyper_happy_eyeballs::Handshake;
///
/// let handshake = Handshake::new().with_protocol_version("TLS 1.3").with_alpn("h2");
/// assert_eq!(handshake.protocol_version(), Some("TLS 1.3"));
/// assert_eq!(handshake.alpn(), Some(&b"h2"[..]));
/// assert_eq!((handshake.cipher_suite(), handshake.is_resumed()), (None, false));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    protocol_version: Option<Cow<'static, str>>,
    cipher_suite: Option<Cow<'static, str>>,
    alpn: Option<Vec<u8>>,
    is_resumed: bool,
}

impl Handshake {
    /// A handshake of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The protocol and its version: `TLS 1.3`, say.
    pub fn protocol_version(&self) -> Option<&str> {
        self.protocol_version.as_deref()
    }

    /// The cipher suite.
    pub fn cipher_suite(&self) -> Option<&str> {
        self.cipher_suite.as_deref()
    }

    /// The application protocol that was chosen (ALPN, RFC 7301). `None` if none was.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// Whether an earlier session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Sets the [`protocol_version`](Self::protocol_version).
    #[must_use]
    pub fn with_protocol_version(mut self, version: impl Into<Cow<'static, str>>) -> Self {
        self.protocol_version = Some(version.into());
        self
    }

    /// Sets the [`cipher_suite`](Self::cipher_suite).
    #[must_use]
    pub fn with_cipher_suite(mut self, suite: impl Into<Cow<'static, str>>) -> Self {
        self.cipher_suite = Some(suite.into());
        self
    }

    /// Sets the [`alpn`](Self::alpn).
    #[must_use]
    pub fn with_alpn(mut self, id: impl Into<Vec<u8>>) -> Self {
        self.alpn = Some(id.into());
        self
    }

    /// Sets whether an earlier session was resumed.
    #[must_use]
    pub fn with_resumed(mut self, is_resumed: bool) -> Self {
        self.is_resumed = is_resumed;
        self
    }
}

/// Writes `TLS 1.3 resumed`, or `handshake` if the version is not known.
impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.protocol_version().unwrap_or("handshake"))?;
        f.write_str(if self.is_resumed { " resumed" } else { "" })
    }
}
