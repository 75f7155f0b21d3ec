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
//! 1. The host becomes the name that is asked for (SNI) and verified, whatever the address. A host that cannot be a name is an error before
//!    anything is sent.
//! 2. The transport connects. The next attempt is then put off by what the handshake may take: twice the time that the transport
//!    took, and 50 ms (v3 §6.1). It is at least 100 ms.
//! 3. The handshake offers the protocols that the connector and its client have in common (ALPN). One that has no answer after
//!    [10 s](TlsOptions::handshake_timeout) fails.
//! 4. The certificate is verified. The attempt is successful, and the race is won, when the handshake is finished.
//! 5. Whatever goes wrong is the failure of this attempt ([`TlsError`]), and the next one starts at once. If all fail, a certificate that is not
//!    accepted is the error of the connect, before a refused connection, say.
//!
//! `http` URIs have the transport alone; under another client than this crate's they need a
//! [`ResponseFirstLayer`](crate::response_first::ResponseFirstLayer) as without TLS.
//!
//! Below TLS lies a [`ResponseFirst`](crate::response_first::ResponseFirst), so that an early response is not lost under TLS either. It is
//! disarmed where HTTP/2 was negotiated, until somebody has it
//! [swallow write errors](crate::response_first::ResponseFirstHandle::swallow_write_errors) there too.
//!
//! # Features
//!
//! `tls` is rustls without a provider of cryptography and without root certificates. `tls-aws-lc-rs` and `tls-ring` bring a provider,
//! `tls-platform-roots` and `tls-webpki-roots` root certificates. `https` is `tls-aws-lc-rs`, `tls-platform-roots` and the client.
//!
//! Cargo joins the features that all crates of a program ask for. The defaults prefer aws-lc-rs to ring and the system's root certificates to
//! Mozilla's, so that another crate's feature may change them: a program for which that matters names its provider and its root certificates.
//!
//! # Stability
//!
//! The types of [`rustls`] 0.23 are part of this interface. Another version of rustls that is not compatible is a version of this crate that is not.
//!
//! # Not there
//!
//! Early data (0-RTT) is never sent: it can be replayed by anyone, and in a race it would be sent more than once.
//! Encrypted ClientHello is not offered. So nothing in a handshake depends on a service record, and none waits for the HTTPS query, whatever
//! [`handshake_patience`](crate::connect::Builder::handshake_patience) says; but with [`RaceUntil::Tcp`] it does.

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
