//! The same with TLS in between.

use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tower::ServiceExt;

use super::*;
use crate::connect::HappyEyeballsConnector;
use crate::response_first::ResponseFirstHandle;
use crate::tls::{TlsOptions, test_identity};

#[tokio::test]
async fn over_tls_all_that_arrived_is_read_after_a_reset_in_the_middle_of_a_write() {
    let provider = Arc::new(ring::default_provider());
    let certificate = test_identity::certificate();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate.clone()], test_identity::key().into()).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let uri = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let options = TlsOptions::new().provider(provider).root_certificates([certificate]);
    let connect = HappyEyeballsConnector::builder().tls(options).build().unwrap().oneshot(uri);
    let accept = async { TlsAcceptor::from(Arc::new(config)).accept(listener.accept().await.unwrap().0).await };
    let (client, server) = futures_util::join!(connect, accept);
    let (client, mut server) = (client.unwrap(), server.unwrap());

    let mut extras = http::Extensions::new();
    let connected = client.connected();
    assert!(connected.is_negotiated_h2());
    connected.get_extras(&mut extras);
    let below = extras.remove::<ResponseFirstHandle>().unwrap();
    let observed = Observed::new(Some(below.clone()));
    let mut transport = Transport::new(TokioIo::new(client), Arc::clone(&observed));
    let watched = observed.register(1);
    // After this exchange, no message of TLS's own is on its way.
    server.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    transport.read_exact(&mut [0; 9]).await.unwrap();
    assert!(observed.has_settings());

    fill(&mut transport).await;
    let (sent, answer) = (observed.bytes_written(), answer());
    server.write_all(&answer).await.unwrap();
    let socket = transport.io.get_ref().inner().get_ref().get_ref().get_ref();
    arrives(socket, answer.len() + RECORD_OVERHEAD).await;
    reset(server.into_inner().0, socket).await;
    write_on(&mut transport).await;
    // The wrapper below TLS swallowed the error: TLS did not see it.
    assert!(below.is_broken() && observed.is_write_broken());
    assert!(!observed.control().is_broken());
    assert_eq!(observed.bytes_written(), sent);
    let (read, end) = read_to_end(&mut transport).await;
    assert_eq!((read, end), (answer, Err(ErrorKind::ConnectionReset)));
    assert!(watched.has_head() && watched.has_end());
    assert_eq!(watched.data(), 5);
}

/// What TLS 1.3 adds to the data of a record: header, type and tag.
const RECORD_OVERHEAD: usize = 5 + 1 + 16;
