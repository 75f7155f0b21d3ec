//! A system without root certificates, or with some. The tests set environment variables, which belong to the process, so each test runs in a process
//! of its own.
#![cfg(feature = "tls-platform-roots")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hyper::{StatusCode, Uri};
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind, TlsOptions};
use hyper_happy_eyeballs::{Client, ConnectError};

use crate::support::loopback::some_loopback;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connect, connector, in_time, provider, uri};
use crate::tls::conduct::Conduct;
use crate::tls::server::Server;

/// Is set for a test that is in a process of its own.
const IN_CHILD: &str = "TEST_OF_ROOT_CERTIFICATES";

/// Runs `body` in a process of its own, whose system has these root certificates and no others.
fn with_system_roots(test: &str, roots: &Path, body: impl AsyncFnOnce()) {
    if env::var_os(IN_CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(body());
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([&format!("no_roots::{test}"), "--exact", "--nocapture"]).env(IN_CHILD, "1");
    let child = child.env("SSL_CERT_FILE", roots).env("SSL_CERT_DIR", "").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

fn nowhere() -> PathBuf {
    file("there-is-no-such-file")
}

fn by_platform_roots() -> TlsOptions {
    TlsOptions::new().provider(provider())
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn without_root_certificates_the_connector_is_built_http_works_and_the_error_of_https_says_why() {
    let test = "without_root_certificates_the_connector_is_built_http_works_and_the_error_of_https_says_why";
    let file = file("no-roots.pem");
    with_system_roots(test, &file, async || {
        fs::write(&file, "").unwrap();
        let authority = Authority::new("a root");
        let secure = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
        let plain = Server::listen(some_loopback(), Conduct::ServesInPlain).await;
        let http: Uri = format!("http://{}/", plain.address()).parse().unwrap();
        let client = Client::new(connector(by_platform_roots(), [secure.address()]));

        for _ in 0..3 {
            let error = in_time(client.get(uri())).await.unwrap_err();
            let cause = ConnectError::find(&error).unwrap();
            let says = "no root certificates: the system has none";
            assert_eq!(
                cause.to_string(),
                format!("could not connect to origin.example:443: {} {says}", secure.address())
            );
            let tls = TlsError::find(cause).unwrap();
            assert_eq!(tls.kind(), TlsErrorKind::Roots);
            assert!(std::error::Error::source(tls).unwrap().is::<rustls::Error>());
            assert!(error.is_connect() && error.is_permanent() && !cause.is_untrusted(), "{error}");
            assert_eq!(in_time(client.get(http.clone())).await.unwrap().status(), StatusCode::OK);
        }
        assert!(secure.hellos().is_empty(), "no handshake has begun");
        // Only the first connect can have been on its way before it was known.
        assert!(secure.accepted() <= 1, "{} connections", secure.accepted());
        fs::remove_file(&file).unwrap();
    });
}

#[test]
fn root_certificates_that_could_not_be_read_are_read_again() {
    let file = file("late-roots.pem");
    with_system_roots("root_certificates_that_could_not_be_read_are_read_again", &file, async || {
        let authority = Authority::new("a root");
        let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
        let client = Client::new(connector(by_platform_roots(), [server.address()]));
        let error = in_time(client.get(uri())).await.unwrap_err();
        let says = format!("at '{}'", file.display());
        assert!(error.to_string().ends_with(&says) && !error.is_permanent(), "{error}");
        assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Roots);
        fs::write(&file, authority.pem()).unwrap();
        // What failed is believed for a while.
        let served = async {
            while let Err(error) = client.get(uri()).await {
                assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Roots);
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        in_time(served).await;
        fs::remove_file(&file).unwrap();
    });
}

#[test]
fn root_certificates_that_were_read_hold_where_new_settings_cannot_read_them() {
    let file = file("gone-roots.pem");
    with_system_roots("root_certificates_that_were_read_hold_where_new_settings_cannot_read_them", &file, async || {
        let authority = Authority::new("a root");
        fs::write(&file, authority.pem()).unwrap();
        let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
        let connector = connector(by_platform_roots(), [server.address()]);
        connect(&connector).await.unwrap();
        fs::remove_file(&file).unwrap();
        connector.replace_tls(by_platform_roots()).unwrap();
        for _ in 0..3 {
            connect(&connector).await.unwrap();
        }
        connector
            .replace_tls(by_platform_roots().extra_root_certificates([Authority::new("b").certificate()]))
            .unwrap();
        assert!(connect(&connector).await.unwrap_err().is_untrusted());
    });
}

#[test]
fn root_certificates_of_ones_own_do_without_those_of_the_system() {
    with_system_roots("root_certificates_of_ones_own_do_without_those_of_the_system", &nowhere(), async || {
        let authority = Authority::new("a root");
        let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
        let only = by_platform_roots().root_certificates([authority.certificate()]);
        let extra = by_platform_roots().extra_root_certificates([authority.certificate()]);
        for options in [only, extra] {
            let client = Client::new(connector(options, [server.address()]));
            assert_eq!(in_time(client.get(uri())).await.unwrap().status(), StatusCode::OK);
        }
    });
}

#[test]
fn the_root_certificates_of_the_system_are_the_default() {
    let file = file("system-roots.pem");
    with_system_roots("the_root_certificates_of_the_system_are_the_default", &file, async || {
        // It is read when it is needed, and so may be written first.
        let authority = Authority::new("a root");
        fs::write(&file, authority.pem()).unwrap();
        let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
        let client = Client::new(connector(by_platform_roots(), [server.address()]));
        let burst = futures_util::future::join_all((0..8).map(|_| client.get(uri())));
        for response in in_time(burst).await {
            assert_eq!(response.unwrap().status(), StatusCode::OK);
        }
        fs::remove_file(&file).unwrap();
        // What was read is kept.
        let client = client.clone();
        assert_eq!(in_time(client.get(uri())).await.unwrap().status(), StatusCode::OK);
    });
}

#[test]
fn further_root_certificates_are_trusted_besides_those_of_the_system() {
    let file = file("further-roots.pem");
    with_system_roots("further_root_certificates_are_trusted_besides_those_of_the_system", &file, async || {
        let (of_system, further, unknown) = (Authority::new("one"), Authority::new("two"), Authority::new("three"));
        fs::write(&file, of_system.pem()).unwrap();
        let options = by_platform_roots().extra_root_certificates([further.certificate()]);
        for (authority, is_trusted) in [(&of_system, true), (&further, true), (&unknown, false)] {
            let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
            let client = Client::new(connector(options.clone(), [server.address()]));
            assert_eq!(in_time(client.get(uri())).await.is_ok(), is_trusted);
        }
        let only = by_platform_roots().root_certificates([further.certificate()]);
        let server = Server::listen(some_loopback(), Conduct::serves(&of_system.server(&[HOST]))).await;
        let error = in_time(Client::new(connector(only, [server.address()])).get(uri())).await.unwrap_err();
        assert!(ConnectError::find(&error).unwrap().is_untrusted(), "{error}");
        fs::remove_file(&file).unwrap();
    });
}
