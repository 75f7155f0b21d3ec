//! Sessions that are resumed, and sessions that must not be.

use futures_util::future::join_all;
use hyper::{StatusCode, Uri};
use hyper_happy_eyeballs::tls::{TlsInfo, TlsOptions};
use hyper_happy_eyeballs::{Client, FixedResolver, HappyEyeballsConnector};
use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SupportedProtocolVersion};
use tower::ServiceExt;

use crate::tls::authority::Authority;
use crate::tls::clients::{Connector, HOST, connector, in_time, trusting, uri};
use crate::tls::conduct::{Conduct, Tls};
use crate::tls::server::Server;
use crate::{builder, listen};

/// Makes a request by a client of its own, which closes its connection; and says whether it resumed a session.
async fn resumes(connector: &Connector, uri: Uri, server: &Server) -> bool {
    // The pool is the client's, and the sessions are the connector's.
    let client = Client::new(connector.clone());
    let response = in_time(client.get(uri)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let info = response.extensions().get::<TlsInfo>().unwrap().clone();
    // Tickets come after the handshake (RFC 8446 §4.6.1), and this server sends them before its response.
    drop((response, client));
    server.sees_all_closed(server.accepted()).await;
    info.is_resumed()
}

#[tokio::test]
async fn the_second_connect_to_each_of_forty_hosts_resumes_the_session_of_the_first() {
    let authority = Authority::new("a root");
    let identity = authority.server(&["*.hosts.example"]);
    for version in [&TLS12, &TLS13] {
        let server = listen(Tls::new(&identity).versions(&[version]).serves()).await;
        let hosts: Vec<_> = (0..40).map(|host| format!("h{host}.hosts.example")).collect();
        let resolver =
            hosts.iter().fold(FixedResolver::new(), |resolver, host| resolver.with(host, [server.address()]));
        let builder = HappyEyeballsConnector::builder().resolver(resolver);
        let connector = builder.tls(trusting(&authority)).build().unwrap();
        for is_resumed in [false, true] {
            for host in &hosts {
                let uri: Uri = format!("https://{host}/").parse().unwrap();
                assert_eq!(resumes(&connector, uri, &server).await, is_resumed, "{host}, {version:?}");
            }
        }
        assert_eq!((server.accepted(), server.handshakes(), server.resumed()), (80, 80, 40));
    }
}

#[tokio::test]
async fn no_session_is_kept_where_there_is_no_room_for_any() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let connector = connector(trusting(&authority).session_hosts(0), [server.address()]);
    for _ in 0..2 {
        assert!(!resumes(&connector, uri(), &server).await);
    }
    assert_eq!((server.handshakes(), server.resumed()), (2, 0));
}

#[tokio::test]
async fn more_hosts_than_there_can_be_room_for_are_as_many_as_there_can() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let connector = connector(trusting(&authority).session_hosts(usize::MAX), [server.address()]);
    for is_resumed in [false, true] {
        assert_eq!(resumes(&connector, uri(), &server).await, is_resumed);
    }
}

#[tokio::test]
async fn clones_share_their_sessions_and_other_connectors_do_not() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let options = trusting(&authority);
    let one = connector(options.clone(), [server.address()]);
    let (clone, other) = (one.clone(), connector(options, [server.address()]));
    let resumed = [
        resumes(&one, uri(), &server).await,
        resumes(&clone, uri(), &server).await,
        resumes(&other, uri(), &server).await,
    ];
    assert_eq!(resumed, [false, true, false]);
}

/// A server that resumes a session assumes the client's identity of that session.
#[tokio::test]
async fn a_client_of_another_identity_does_not_resume_the_session() {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    let [somebody, somebody_else] = ["somebody", "somebody else"].map(|name| {
        let client = authority.client(name);
        trusting(&authority).client_certificate(client.chain(), client.key())
    });
    for version in [&TLS12, &TLS13] {
        let known = listen(Tls::new(&identity).versions(&[version]).for_clients_of(&authority).serves()).await;
        assert_identities_apart(&known, [&somebody, &somebody_else]).await;
        let anyone = listen(Tls::new(&identity).versions(&[version]).serves()).await;
        assert_identities_apart(&anyone, [&trusting(&authority), &somebody]).await;
    }
}

/// Of different connectors, and of one whose identity is replaced.
async fn assert_identities_apart(server: &Server, [one, other]: [&TlsOptions; 2]) {
    let [first, second] = [one, other].map(|options| connector(options.clone(), [server.address()]));
    assert!(!resumes(&first, uri(), server).await);
    assert!(resumes(&first, uri(), server).await);
    assert!(!resumes(&second, uri(), server).await);
    first.replace_tls(other.clone()).unwrap();
    assert!(!resumes(&first, uri(), server).await);
    assert!(resumes(&first, uri(), server).await);
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_told() {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    let told = async |servers: &[&'static SupportedProtocolVersion],
                      clients: Option<&'static SupportedProtocolVersion>| {
        let server = listen(Tls::new(&identity).versions(servers).serves()).await;
        let options = clients.into_iter().fold(trusting(&authority), |options, version| options.versions([version]));
        let stream = in_time(builder(&[&server]).tls(options).build().unwrap().oneshot(uri())).await.unwrap();
        let tls = stream.get_ref().tls().unwrap();
        assert_eq!(tls.peer_certificates(), identity.chain());
        let suite = tls.cipher_suite().unwrap();
        assert_eq!(tls.protocol_version(), Some(suite.version().version));
        let [attempt] = stream.info().attempts() else { panic!("{:?}", stream.info()) };
        let handshake = attempt.handshake().unwrap();
        assert_eq!((handshake.alpn(), handshake.is_resumed()), (tls.alpn(), false));
        tls.protocol_version().unwrap()
    };
    assert_eq!(told(&[&TLS12, &TLS13], None).await, TLS13.version);
    assert_eq!(told(&[&TLS12], None).await, TLS12.version);
    assert_eq!(told(&[&TLS12, &TLS13], Some(&TLS12)).await, TLS12.version);
}

/// The server wants a key that the ClientHello has none of, and asks for one (HelloRetryRequest, RFC 8446 §4.1.4).
#[tokio::test]
async fn a_server_that_asks_for_another_key_is_given_it_in_the_same_attempt() {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    let server = listen(Tls::new(&identity).group(ring::kx_group::SECP384R1).serves()).await;
    let connector = connector(trusting(&authority), [server.address()]);
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    assert_eq!(stream.info().attempts().len(), 1, "{:?}", stream.info());
    // What the client sees as the end of the handshake is sent before the server sees it.
    drop(stream);
    server.sees_all_closed(1).await;
    assert_eq!(server.handshakes_of(HandshakeKind::FullWithHelloRetryRequest), 1);
}

/// Tickets of TLS 1.3 are used once: of a burst, a few are resumed, and the others shake hands in full.
#[expect(clippy::disallowed_methods, reason = "threads are what this is about")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connects_at_the_same_time_do_not_get_into_each_others_way() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let connector = connector(trusting(&authority), [server.address()]);
    assert!(!resumes(&connector, uri(), &server).await);
    let burst = (0..32).map(|_| {
        let connector = connector.clone();
        tokio::spawn(async move { in_time(Client::new(connector).get(uri())).await.unwrap().status() })
    });
    for status in join_all(burst).await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    server.sees_all_closed(33).await;
    assert_eq!(server.handshakes(), 33);
    assert!(server.resumed() >= 1, "no session was resumed");
}
