//! Attempts without a TLS connection: the kind of the error, its text, and that no connection stays open.
#![cfg(all(feature = "client", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificates;
mod client_certificates;
mod mozilla;
mod no_roots;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls/mod.rs"]
mod tls;

use std::error::Error;
use std::io;

use hyper::Uri;
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind, TlsOptions};
use hyper_happy_eyeballs::{AttemptError, Client, ConnectError};
use tower::ServiceExt;

use crate::support::loopback::some_loopback;
use crate::tls::clients::{connector, find, in_time, uri};
use crate::tls::conduct::Conduct;
use crate::tls::server::Server;

/// What is expected of the error of a connect to a single address.
#[derive(Clone, Copy)]
struct Expected {
    kind: TlsErrorKind,
    /// What the line says of the attempt.
    says: &'static str,
    is_permanent: bool,
    cause: Cause,
}

/// What is behind the `TlsError`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Rustls,
    Io,
    None,
}

/// Connects to such a server by the connector itself, and by a client over it. The errors are as expected, and no connection stays open.
async fn assert_fails(conduct: Conduct, options: TlsOptions, expected: Expected) {
    let server = Server::listen(some_loopback(), conduct).await;
    let connector = connector(options, [server.address()]);

    let error = in_time(connector.clone().oneshot(uri())).await.unwrap_err();
    assert_expected(&error, &server, expected);
    server.sees_all_closed(1).await;

    let error = in_time(Client::new(connector).get(uri())).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    let cause = ConnectError::find(&error).unwrap();
    assert_eq!(error.to_string(), cause.to_string());
    assert_eq!(error.is_permanent(), expected.is_permanent, "{error}");
    assert_eq!(error.may_retry(), !expected.is_permanent, "{error}");
    assert_expected(cause, &server, expected);
    server.sees_all_closed(2).await;
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

fn assert_expected(error: &ConnectError, server: &Server, expected: Expected) {
    let Expected { kind, says, is_permanent, cause } = expected;
    assert_eq!(error.to_string(), format!("could not connect to origin.example:443: {} {says}", server.address()));
    assert!(error.is_connect() && !error.is_dns() && !error.is_invalid_uri(), "{error}");
    assert_eq!(error.is_timeout(), kind == TlsErrorKind::Timeout, "{error}");
    assert_eq!(error.is_untrusted(), matches!(kind, TlsErrorKind::Certificate(_)), "{error}");
    assert_eq!(error.is_permanent(), is_permanent, "{error}");

    let attempt: &AttemptError = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(attempt.is_untrusted(), error.is_untrusted());
    assert!(attempt.was_sent());
    let tls: &TlsError = attempt.source().unwrap().downcast_ref().unwrap();
    assert_eq!(tls.kind(), kind, "{error}");
    assert_eq!(TlsError::find(error).unwrap().to_string(), says);
    let source = tls.source();
    let found = match source {
        Some(source) if source.is::<rustls::Error>() => Cause::Rustls,
        Some(source) if source.is::<io::Error>() => Cause::Io,
        Some(other) => panic!("{other:?} is behind {error}"),
        None => Cause::None,
    };
    assert!(found == cause, "{source:?} is behind {error}");
    assert_eq!(find::<rustls::Error>(error).is_some(), cause == Cause::Rustls);
}

/// Connects to this URI over a connector to these servers.
async fn error_of(uri: Uri, options: TlsOptions, server: &Server) -> ConnectError {
    in_time(connector(options, [server.address()]).oneshot(uri)).await.unwrap_err()
}
