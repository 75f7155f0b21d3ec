//! `openssl s_server`.

use std::net::SocketAddr;
use std::process::Command;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind, TlsInfo, TlsOptions};
use hyper_happy_eyeballs::{Client, ClientError, ConnectError};
use rustls::AlertDescription;

use crate::files::Directory;
use crate::programs::{Process, find_for_gate};
use crate::tls::authority::Authority;
use crate::tls::clients::{Connector, HOST, connector, find, in_time, trusting, uri};

struct Openssl {
    address: SocketAddr,
    authority: Authority,
    _process: Process,
    _directory: Directory,
}

impl Openssl {
    /// A server that answers a GET with a page about its TLS, which ends with the connection. `None` if there is no such program on this machine.
    fn start(arguments: &[&str], clients: Option<&Authority>) -> Option<Self> {
        let program = find_for_gate("openssl")?;
        let (authority, directory) = (Authority::new("a root"), Directory::new("openssl"));
        let [certificate, key] = directory.write_identity(&authority.server(&[HOST]));
        let mut command = Command::new(program);
        command.args(["s_server", "-www", "-accept", "127.0.0.1:0"]);
        command.arg("-cert").arg(certificate).arg("-key").arg(key).args(arguments);
        if let Some(clients) = clients {
            let roots = directory.write("clients.pem", clients.pem());
            command.args(["-Verify", "1", "-verify_return_error", "-CAfile"]).arg(roots);
        }
        let (process, line) = Process::start(&mut command, "ACCEPT 127.0.0.1:").unwrap();
        let address = line.trim_start_matches("ACCEPT ").trim().parse().unwrap();
        Some(Self { address, authority, _process: process, _directory: directory })
    }

    fn connector(&self, set: impl FnOnce(TlsOptions) -> TlsOptions) -> Connector {
        connector(set(trusting(&self.authority)), [self.address])
    }
}

/// The page, and what is told of its connection. Each call has a client, and so a connection, of its own.
async fn page(connector: &Connector) -> Result<(String, TlsInfo), ClientError> {
    let response = in_time(Client::new(connector.clone()).get(uri())).await?;
    assert_eq!(response.status(), StatusCode::OK);
    let info = response.extensions().get::<TlsInfo>().unwrap().clone();
    let page = in_time(response.into_body().collect()).await?.to_bytes();
    Ok((String::from_utf8_lossy(&page).into_owned(), info))
}

const VERSIONS: [(&str, &str); 2] = [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")];

#[tokio::test]
async fn openssl_is_spoken_to_by_every_version_of_tls_and_its_sessions_are_resumed() {
    for (argument, name) in VERSIONS {
        let Some(openssl) = Openssl::start(&[argument, "-alpn", "http/1.1"], None) else { return };
        let connector = openssl.connector(|options| options);
        for is_resumed in [false, true, true] {
            let (page, info) = page(&connector).await.unwrap();
            let kind = if is_resumed { "Reused" } else { "New" };
            assert!(page.contains(&format!("{kind}, {name}, Cipher is ")), "{page}");
            assert_eq!(info.is_resumed(), is_resumed);
            assert_eq!(info.alpn(), Some(&b"http/1.1"[..]));
        }
    }
}

#[tokio::test]
async fn a_server_without_alpn_is_taken_for_one_of_http_1() {
    let Some(openssl) = Openssl::start(&[], None) else { return };
    let (page, info) = page(&openssl.connector(|options| options)).await.unwrap();
    assert!(page.contains("New, TLSv1.3"), "{page}");
    assert_eq!(info.alpn(), None);
}

#[tokio::test]
async fn openssl_takes_a_client_with_a_certificate() {
    let clients = Authority::new("the root of the clients");
    let client = clients.client("somebody");
    for (argument, name) in VERSIONS {
        let Some(openssl) = Openssl::start(&[argument], Some(&clients)) else { return };
        let connector = openssl.connector(|options| options.client_certificate(client.chain(), client.key()));
        let (page, _) = page(&connector).await.unwrap();
        assert!(page.contains(name) && page.contains("somebody"), "{page}");
    }
}

#[tokio::test]
async fn openssl_refuses_a_client_without_a_certificate() {
    let clients = Authority::new("the root of the clients");
    let Some(openssl) = Openssl::start(&["-tls1_2"], Some(&clients)) else { return };
    let error = page(&openssl.connector(|options| options)).await.unwrap_err();
    assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Alert);
    let says = "the server sent the TLS alert HandshakeFailure";
    assert_eq!(error.to_string(), format!("could not connect to origin.example:443: {} {says}", openssl.address));

    let openssl = Openssl::start(&["-tls1_3"], Some(&clients)).unwrap();
    let error = page(&openssl.connector(|options| options)).await.unwrap_err();
    assert!(ConnectError::find(&error).is_none(), "{error:?}");
    let refusal = find::<rustls::Error>(&error).unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(*refusal, rustls::Error::AlertReceived(AlertDescription::CertificateRequired));
}

#[tokio::test]
async fn a_server_of_tls_1_0_or_1_1_is_refused() {
    for argument in ["-tls1", "-tls1_1"] {
        let Some(openssl) = Openssl::start(&[argument, "-cipher", "ALL:@SECLEVEL=0"], None) else { return };
        let error = page(&openssl.connector(|options| options)).await.unwrap_err();
        let tls = TlsError::find(&error).unwrap();
        assert_eq!(
            (tls.kind(), tls.to_string()),
            (TlsErrorKind::Alert, "the server sent the TLS alert ProtocolVersion".into())
        );
        assert!(error.is_connect() && error.is_permanent(), "{error}");
    }
}
