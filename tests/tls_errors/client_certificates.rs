//! Servers that ask for a client certificate.

use hyper::StatusCode;
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, SupportedProtocolVersion};

use crate::support::loopback::some_loopback;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connect, connector, find, in_time, trusting, uri};
use crate::tls::conduct::Tls;
use crate::tls::server::Server;
use crate::{Cause, Expected, assert_fails};

#[tokio::test]
async fn in_tls_1_2_a_client_without_a_certificate_is_refused_in_the_handshake() {
    let (servers, clients) = (Authority::new("a root"), Authority::new("the root of the clients"));
    let identity = servers.server(&[HOST]);
    let conduct = Tls::new(&identity).versions(&[&TLS12]).for_clients_of(&clients).serves();
    let says = "the server sent the TLS alert CertificateRequired";
    let expected = Expected { kind: TlsErrorKind::Alert, says, is_permanent: true, cause: Cause::Rustls };
    assert_fails(conduct, trusting(&servers), expected).await;
}

/// The client has finished its handshake before the server has seen that there is no certificate.
#[tokio::test]
async fn in_tls_1_3_the_refusal_comes_after_the_handshake_and_is_an_error_of_the_exchange() {
    let (servers, clients) = (Authority::new("a root"), Authority::new("the root of the clients"));
    let identity = servers.server(&[HOST]);
    let conduct = Tls::new(&identity).versions(&[&TLS13]).for_clients_of(&clients).serves();
    let server = Server::listen(some_loopback(), conduct).await;
    let connector = connector(trusting(&servers), [server.address()]);

    let stream = connect(&connector).await.unwrap();
    assert!(stream.get_ref().tls().is_some());
    drop(stream);
    server.sees_all_closed(1).await;

    let error = in_time(Client::new(connector).get(uri())).await.unwrap_err();
    assert!(error.is_closed_before_response() && !error.is_connect() && !error.is_permanent(), "{error}");
    assert!(TlsError::find(&error).is_none(), "{error:?}");
    let refusal = find::<rustls::Error>(&error).unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(*refusal, rustls::Error::AlertReceived(AlertDescription::CertificateRequired));
    server.sees_all_closed(2).await;
    assert_eq!(server.handshakes(), 0);
}

#[tokio::test]
async fn a_client_with_a_certificate_is_served() {
    for version in [&TLS12, &TLS13] {
        assert_eq!(status_for_client_of(version, "its own").await, Some(StatusCode::OK));
    }
}

#[tokio::test]
async fn a_client_with_a_certificate_of_another_authority_is_not_served() {
    for version in [&TLS12, &TLS13] {
        assert_eq!(status_for_client_of(version, "another").await, None);
    }
}

/// What a server answers a client of its own authority, or of another. `None` is an error.
async fn status_for_client_of(version: &'static SupportedProtocolVersion, whose: &str) -> Option<StatusCode> {
    let (servers, clients) = (Authority::new("a root"), Authority::new("the root of the clients"));
    let client = if whose == "another" { servers.client("somebody") } else { clients.client("somebody") };
    let identity = servers.server(&[HOST]);
    let conduct = Tls::new(&identity).versions(&[version]).for_clients_of(&clients).serves();
    let server = Server::listen(some_loopback(), conduct).await;
    let options = trusting(&servers).client_certificate(client.chain(), client.key());
    let client = Client::new(connector(options, [server.address()]));
    in_time(client.get(uri())).await.ok().map(|response| response.status())
}
