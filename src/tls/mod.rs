//! https: TLS as a part of each attempt of the race, with rustls.
//!
//! ```
//! use hyper_happy_eyeballs::HappyEyeballsConnector;
//! use hyper_happy_eyeballs::tls::TlsOptions;
//!
//! # #[cfg(feature = "https")]
//! let connector = HappyEyeballsConnector::builder().tls(TlsOptions::new()).build()?;
//! # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
//! ```
//!
//! What happens to an attempt of an `https` URI, in order:
//!
//! 1. The host becomes the name for SNI and verification, whatever the address is. A host that cannot be a name is an error before
//!    anything is sent.
//! 2. The transport connects. The next attempt is then delayed by the estimate of the handshake: twice the time that the transport
//!    took, plus 50 ms (v3 §6.1), and at least 100 ms.
//! 3. The handshake offers the protocols that the connector and its client have in common (ALPN). A handshake without an answer fails after
//!    [10 s](TlsOptions::handshake_timeout).
//! 4. The certificate is verified. The attempt succeeds, and wins the race, when the handshake is finished.
//! 5. Any error is the failure of this attempt ([`TlsError`]), and the next one starts at once. If all fail, a rejected certificate
//!    takes precedence as the error of the connect over, say, a refused connection.
//!
//! `http` URIs use the transport alone. Under another client than this crate's, they need a
//! [`ResponseFirstLayer`](crate::response_first::ResponseFirstLayer) as without TLS.
//!
//! Below TLS lies a [`ResponseFirst`](crate::response_first::ResponseFirst), so that an early response is not lost under TLS either. It is disarmed
//! if HTTP/2 was negotiated, until its user has it [swallow write errors](crate::response_first::ResponseFirstHandle::swallow_write_errors).
//!
//! # Features
//!
//! `tls` is rustls without a provider of cryptography and without root certificates. `tls-aws-lc-rs` and `tls-ring` bring a provider,
//! `tls-platform-roots` and `tls-webpki-roots` root certificates. `https` is `tls-aws-lc-rs`, `tls-platform-roots`, `client` and
//! `http2`.
//!
//! Cargo unites the features that all crates of a program ask for. If both are compiled in, aws-lc-rs is preferred to ring, and the system's root
//! certificates to Mozilla's. So another crate's feature may change the defaults: a program for which that matters should set its provider and its
//! root certificates.
//!
//! # Stability
//!
//! The types of [`rustls`] 0.23 are part of this interface. An incompatible version of rustls makes an incompatible version of this crate.
//!
//! # Not there
//!
//! Early data (0-RTT) is never sent: anyone can replay it, and in a race it would be sent more than once. Encrypted ClientHello is not offered. So a
//! handshake uses nothing from service records, and does not wait for the HTTPS query, whatever
//! [`handshake_patience`](crate::connect::Builder::handshake_patience) is; but with [`RaceUntil::Tcp`] it does wait.

mod alpn;
mod config;
mod connection;
mod connector;
mod error;
mod estimate;
mod handshaking;
mod info;
mod later;
mod name;
mod options;
mod plaintext;
mod provider;
mod roots;
mod state;
// Its tests use ring.
#[cfg(test)]
#[cfg(feature = "tls-ring")]
pub(crate) mod test_identity;

pub use tokio_rustls::rustls;

pub use self::connection::TlsConnection;
pub use self::connector::TlsConnector;
pub use self::error::{CertificateProblem, TlsError, TlsErrorKind};
pub use self::handshaking::TlsConnecting;
pub use self::info::TlsInfo;
pub use self::options::{RaceUntil, TlsOptions};
