//! The same over sockets and TLS, with the connector of this crate.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper_happy_eyeballs::Client;
use tokio::time::timeout;

use super::TIMES;
use super::exchange_runs::times;
use super::tls::authority::Authority;
use super::tls::clients::{Connector, HOST, connector, trusting};
use super::tls::conduct::{Conduct, Tls};
use super::tls::server::Server;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn serve(alpn: &[&str], delay: Duration) -> (Server, Client<Connector>) {
    let authority = Authority::new("root");
    let identity = authority.server(&[HOST]);
    let server = Server::listen(LOCAL, Tls::new(&identity).alpn(alpn).serves().after(delay)).await;
    let client = Client::new(connector(trusting(&authority), [server.address()]));
    (server, client)
}

async fn burst(client: &Client<Connector>, requests: usize) -> Vec<Version> {
    let all = (0..requests).map(|_| {
        let request = Request::get(format!("https://{HOST}/")).body(Empty::<Bytes>::new()).unwrap();
        let response = client.request(request);
        tokio::spawn(async move {
            let response = response.await.unwrap();
            let version = response.version();
            response.into_body().collect().await.unwrap();
            version
        })
    });
    let all = timeout(Duration::from_secs(60), join_all(all)).await.expect("a request hangs");
    all.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_burst_makes_one_connection_and_one_handshake() {
    for delay in [0, 30] {
        for _ in 0..times(TIMES) {
            let (server, client) = serve(&["h2", "http/1.1"], Duration::from_millis(delay)).await;
            let versions = burst(&client, 100).await;
            assert!(versions.iter().all(|version| *version == Version::HTTP_2));
            assert_eq!((server.accepted(), server.handshakes(), server.requests().len()), (1, 1, 100));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_makes_one_connection_with_several_threads() {
    for _ in 0..times(TIMES) {
        let (server, client) = serve(&["h2", "http/1.1"], Duration::ZERO).await;
        assert_eq!(burst(&client, 100).await.len(), 100);
        assert_eq!((server.accepted(), server.handshakes()), (1, 1));
    }
}

#[tokio::test]
async fn a_burst_to_a_server_of_http1_dials_no_more_often_than_there_are_requests() {
    for delay in [0, 30] {
        // A hundred handshakes each, in a debug build.
        for _ in 0..times(TIMES / 4) {
            let (server, client) = serve(&["http/1.1"], Duration::from_millis(delay)).await;
            let versions = burst(&client, 100).await;
            assert!(versions.iter().all(|version| *version == Version::HTTP_11));
            assert!(server.accepted() <= 100, "{}", server.accepted());
            assert_eq!(server.requests().len(), 100);
        }
    }
}

#[tokio::test]
async fn a_server_that_chooses_nothing_speaks_http1() {
    let (server, client) = serve(&[], Duration::ZERO).await;
    let versions = burst(&client, 20).await;
    assert!(versions.iter().all(|version| *version == Version::HTTP_11));
    assert!(server.accepted() <= 20);
}

#[tokio::test]
async fn beside_a_handshake_that_is_silent_there_is_a_second_dial() {
    let authority = Authority::new("root");
    let identity = authority.server(&[HOST]);
    let server = Server::listen_after(Conduct::IsSilent, LOCAL, Conduct::serves(&identity)).await;
    let client = Client::new(connector(trusting(&authority), [server.address()]));
    assert_eq!(burst(&client, 3).await.len(), 3);
    assert_eq!((server.accepted(), server.handshakes()), (2, 1));
}
