//! The errors of a TLS handshake.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::InvalidDnsNameError;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as RustlsError, InvalidMessage};

use crate::outcome::{AttemptError, BoxError, Time, causes};

/// Why there is no TLS connection: the cause of an [`AttemptError`].
///
/// `Display` is the reason in a few words, since one line may name several attempts. [`source`](StdError::source) is the error of rustls or of the
/// system.
pub struct TlsError {
    kind: TlsErrorKind,
    words: String,
    source: Option<BoxError>,
}

/// What kind of error a [`TlsError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The certificate of the server was not accepted.
    Certificate(CertificateProblem),
    /// The server ended the handshake with an alert (RFC 8446 §6.2): it has no version in common with this client, say, or wants a client
    /// certificate. A retry may succeed if the alert is `InternalError`, `UserCanceled` or `BadRecordMac`.
    Alert,
    /// The server does not speak TLS, breaks the protocol, or supports nothing that this client supports. A retry may succeed if a record could not
    /// be decrypted.
    Protocol,
    /// The server speaks none of the offered protocols (ALPN, RFC 7301 §3.2): it says so, or chooses none though one is needed. Or the client has no
    /// protocol in common with the TLS configuration.
    NoCommonProtocol,
    /// The server closed the connection during the handshake.
    Closed,
    /// Reading or writing failed.
    Io,
    /// The handshake took longer than its [timeout](super::TlsOptions::handshake_timeout).
    Timeout,
    /// The system has no root certificates, or they cannot be read, or not within the time of a handshake.
    Roots,
    /// The host of the URI is no name that a certificate can be for.
    InvalidName,
    /// A failure on this side: the key of the client certificate could not sign, or your own verifier failed with an error other than
    /// [`InvalidCertificate`](RustlsError::InvalidCertificate). A retry may succeed.
    Other,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// The certificate is for other names.
    WrongName,
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet. The clock of this machine may be wrong.
    NotYetValid,
    /// No root certificate that this client trusts has signed the certificate.
    UnknownIssuer,
    /// The certificate was revoked.
    Revoked,
    /// Another problem: see the source.
    Other,
}

impl TlsError {
    /// Returns the kind of the error.
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }

    /// Finds a `TlsError` among `error` and its causes, also inside an [`io::Error`].
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|error| error.downcast_ref())
    }

    fn new(kind: TlsErrorKind, words: impl Into<String>, source: Option<BoxError>) -> Self {
        Self { kind, words: words.into(), source }
    }

    pub(super) fn invalid_name(source: InvalidDnsNameError) -> Self {
        Self::new(TlsErrorKind::InvalidName, "the host is no name for TLS", Some(source.into()))
    }

    pub(super) fn roots(words: impl Into<String>, source: Option<RustlsError>) -> Self {
        Self::new(TlsErrorKind::Roots, words, source.map(Into::into))
    }

    /// There are no protocols to offer.
    pub(super) fn nothing_to_offer(words: &'static str) -> Self {
        Self::new(TlsErrorKind::NoCommonProtocol, words, None)
    }

    /// The server chose no protocol.
    pub(super) fn none_chosen(offered: &[Vec<u8>]) -> Self {
        let offered: Vec<_> = offered.iter().map(|id| String::from_utf8_lossy(id)).collect();
        let words = format!("the server speaks none of {}", offered.join(", "));
        Self::new(TlsErrorKind::NoCommonProtocol, words, None)
    }

    pub(super) fn timeout(after: Duration) -> Self {
        Self::new(TlsErrorKind::Timeout, format!("TLS handshake timed out after {}", Time(after)), None)
    }

    /// Unwraps the error of a handshake, which has the error of rustls inside.
    pub(super) fn of_handshake(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) {
            Some(tls) => {
                let (kind, words) = describe(tls);
                let tls = tls.clone();
                Self::new(kind, words, Some(tls.into()))
            }
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::new(TlsErrorKind::Closed, "the server closed during the TLS handshake", Some(error.into()))
            }
            None => Self::new(TlsErrorKind::Io, format!("TLS handshake: {}", error.kind()), Some(error.into())),
        }
    }

    /// Whether a retry may succeed: the server has a temporary problem, or bytes were changed on their way.
    fn may_pass(&self) -> bool {
        let tls = self.source.as_deref().and_then(|source| source.downcast_ref());
        match tls {
            Some(RustlsError::AlertReceived(alert)) => matches!(
                alert,
                AlertDescription::InternalError | AlertDescription::UserCanceled | AlertDescription::BadRecordMac
            ),
            Some(error) => matches!(error, RustlsError::DecryptError),
            None => false,
        }
    }

    /// Converts the error to the failure of its attempt.
    pub(super) fn into_attempt_error(self) -> AttemptError {
        let (kind, may_pass) = (self.kind, self.may_pass());
        let error = AttemptError::new(self);
        match kind {
            TlsErrorKind::Certificate(_) => error.untrusted(),
            TlsErrorKind::Timeout => error.timed_out(),
            TlsErrorKind::Alert | TlsErrorKind::Protocol if may_pass => error,
            TlsErrorKind::Alert | TlsErrorKind::Protocol | TlsErrorKind::NoCommonProtocol => error.permanent(),
            TlsErrorKind::InvalidName => error.permanent(),
            // The root certificates may be readable the next time. It is a permanent error only if the system is known to have none.
            TlsErrorKind::Closed | TlsErrorKind::Io | TlsErrorKind::Roots | TlsErrorKind::Other => error,
        }
    }
}

fn describe(error: &RustlsError) -> (TlsErrorKind, String) {
    match error {
        RustlsError::InvalidCertificate(certificate) => {
            let problem = problem_of(certificate);
            (TlsErrorKind::Certificate(problem), words_of(problem, certificate))
        }
        RustlsError::NoCertificatesPresented => {
            (TlsErrorKind::Certificate(CertificateProblem::Other), "the server has no certificate".into())
        }
        RustlsError::AlertReceived(AlertDescription::NoApplicationProtocol) | RustlsError::NoApplicationProtocol => {
            (TlsErrorKind::NoCommonProtocol, "the server speaks none of the protocols that were offered".into())
        }
        RustlsError::AlertReceived(alert) => (TlsErrorKind::Alert, format!("the server sent the TLS alert {alert:?}")),
        RustlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            (TlsErrorKind::Protocol, "the server does not speak TLS".into())
        }
        RustlsError::InvalidMessage(_)
        | RustlsError::InappropriateMessage { .. }
        | RustlsError::InappropriateHandshakeMessage { .. }
        | RustlsError::PeerIncompatible(_)
        | RustlsError::PeerMisbehaved(_)
        | RustlsError::PeerSentOversizedRecord
        | RustlsError::DecryptError => (TlsErrorKind::Protocol, format!("TLS: {error}")),
        _ => (TlsErrorKind::Other, format!("TLS: {error}")),
    }
}

fn problem_of(error: &CertificateError) -> CertificateProblem {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::WrongName
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateProblem::NotYetValid,
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        CertificateError::Revoked => CertificateProblem::Revoked,
        _ => CertificateProblem::Other,
    }
}

fn words_of(problem: CertificateProblem, error: &CertificateError) -> String {
    let words = match problem {
        CertificateProblem::WrongName => return format!("the certificate is for other names{}", names_of(error)),
        CertificateProblem::Expired => "the certificate has expired",
        CertificateProblem::NotYetValid => "the certificate is not valid yet",
        CertificateProblem::UnknownIssuer => "the certificate is from an unknown issuer",
        CertificateProblem::Revoked => "the certificate was revoked",
        CertificateProblem::Other => return format!("the certificate is not accepted: {error}"),
    };
    words.into()
}

/// Names up to three names of a certificate that is for other hosts.
fn names_of(error: &CertificateError) -> String {
    let CertificateError::NotValidForNameContext { presented, .. } = error else { return String::new() };
    let names: Vec<_> = presented.iter().filter_map(|name| host_of(name)).collect();
    match names.split_at_checked(3) {
        _ if names.is_empty() => String::new(),
        Some((shown, rest)) if !rest.is_empty() => format!(" ({} and {} more)", shown.join(", "), rest.len()),
        _ => format!(" ({})", names.join(", ")),
    }
}

/// Returns the host in a name as rustls writes it: `DnsName("a.example")` or `IpAddress(192.0.2.1)`. The text is the server's and not escaped, so what
/// does not look like a host is left out of the line.
fn host_of(presented: &str) -> Option<&str> {
    let between = |start, end| presented.strip_prefix(start)?.strip_suffix(end);
    let host = between("DnsName(\"", "\")").or_else(|| between("IpAddress(", ")"))?;
    let is_host =
        host.len() <= 253 && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_*:".contains(&byte));
    is_host.then_some(host)
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsError").field("kind", &self.kind).field("source", &self.source).finish()
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: RustlsError) -> TlsError {
        TlsError::of_handshake(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn a_certificate_that_is_not_accepted_says_what_is_wrong_with_it() {
        for (error, problem) in [
            (CertificateError::NotValidForName, CertificateProblem::WrongName),
            (CertificateError::Expired, CertificateProblem::Expired),
            (CertificateError::NotValidYet, CertificateProblem::NotYetValid),
            (CertificateError::UnknownIssuer, CertificateProblem::UnknownIssuer),
            (CertificateError::Revoked, CertificateProblem::Revoked),
            (CertificateError::BadEncoding, CertificateProblem::Other),
        ] {
            let error = of(error.into());
            assert_eq!(error.kind(), TlsErrorKind::Certificate(problem));
            assert!(error.source().is_some_and(|source| source.is::<RustlsError>()));
            let error = error.into_attempt_error();
            assert!(error.is_untrusted() && error.is_permanent() && error.was_sent());
        }
    }

    #[test]
    fn a_certificate_for_other_names_says_up_to_three_of_them_and_only_what_looks_like_a_host() {
        let line = |presented: &[&str]| {
            let expected = "origin.example".try_into().unwrap();
            let presented = presented.iter().map(ToString::to_string).collect();
            of(CertificateError::NotValidForNameContext { expected, presented }.into()).to_string()
        };
        let names = ["DnsName(\"*.a.example\")", "IpAddress(192.0.2.1)", "IpAddress(2001:db8::1)", "DnsName(\"b\")"];
        assert_eq!(line(&[]), "the certificate is for other names");
        assert_eq!(line(&names[..1]), "the certificate is for other names (*.a.example)");
        assert_eq!(line(&names[..3]), "the certificate is for other names (*.a.example, 192.0.2.1, 2001:db8::1)");
        let four = "the certificate is for other names (*.a.example, 192.0.2.1, 2001:db8::1 and 1 more)";
        assert_eq!(line(&names), four);
        let long = format!("DnsName(\"{}\")", "a".repeat(254));
        let odd = ["DirectoryName", "DnsName(\"a\nb\")", "DnsName(\"\u{1b}[31m\")", &*long, "DnsName(\"b\")"];
        assert_eq!(line(&odd), "the certificate is for other names (b)");
    }

    #[test]
    fn other_errors_are_told_apart() {
        let alert = of(RustlsError::AlertReceived(AlertDescription::ProtocolVersion));
        assert_eq!(alert.kind(), TlsErrorKind::Alert);
        assert_eq!(alert.to_string(), "the server sent the TLS alert ProtocolVersion");
        let no_tls = of(RustlsError::InvalidMessage(InvalidMessage::InvalidContentType));
        assert_eq!(no_tls.kind(), TlsErrorKind::Protocol);
        let closed = TlsError::of_handshake(io::ErrorKind::UnexpectedEof.into());
        assert_eq!(closed.kind(), TlsErrorKind::Closed);
        let reset = TlsError::of_handshake(io::ErrorKind::ConnectionReset.into());
        assert_eq!(reset.kind(), TlsErrorKind::Io);
        assert_eq!(reset.to_string(), "TLS handshake: connection reset");
        assert!(alert.into_attempt_error().is_permanent());
        for passing in [closed, reset] {
            let error = passing.into_attempt_error();
            assert!(!error.is_permanent() && !error.is_untrusted() && !error.is_timeout() && error.was_sent());
        }
    }

    #[test]
    fn a_server_without_a_protocol_in_common_is_one_kind_however_it_says_so() {
        let alert = of(RustlsError::AlertReceived(AlertDescription::NoApplicationProtocol));
        for error in [alert, TlsError::none_chosen(&[b"h2".to_vec()])] {
            assert_eq!(error.kind(), TlsErrorKind::NoCommonProtocol);
            assert!(error.into_attempt_error().is_permanent());
        }
    }

    #[test]
    fn trouble_and_damage_may_pass() {
        for alert in [AlertDescription::InternalError, AlertDescription::UserCanceled, AlertDescription::BadRecordMac] {
            let error = of(RustlsError::AlertReceived(alert));
            assert_eq!(error.kind(), TlsErrorKind::Alert);
            assert!(!error.into_attempt_error().is_permanent(), "{alert:?}");
        }
        let damaged = of(RustlsError::DecryptError);
        assert_eq!(damaged.kind(), TlsErrorKind::Protocol);
        assert!(!damaged.into_attempt_error().is_permanent());
    }

    #[test]
    fn what_fails_on_this_side_is_no_fault_of_the_server() {
        for error in [RustlsError::General("no signature".into()), RustlsError::FailedToGetRandomBytes] {
            let error = of(error);
            assert_eq!(error.kind(), TlsErrorKind::Other);
            assert!(!error.into_attempt_error().is_permanent());
        }
    }

    #[test]
    fn a_handshake_that_takes_too_long_is_a_time_out() {
        let error = TlsError::timeout(Duration::from_secs(10)).into_attempt_error();
        assert!(error.is_timeout() && !error.is_permanent() && error.was_sent());
    }
}
