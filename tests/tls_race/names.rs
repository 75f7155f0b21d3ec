//! Which name the handshake sends and verifies.

use hyper::Uri;
use hyper_happy_eyeballs::FixedResolver;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use tower::ServiceExt;

use crate::listen;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, in_time, trusting};
use crate::tls::conduct::Conduct;

#[tokio::test]
async fn a_name_is_asked_for_in_lower_case_and_without_the_dot_at_its_end() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let resolver = FixedResolver::new().with(HOST, [server.address()]).with("origin.example.", [server.address()]);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).tls(trusting(&authority)).build().unwrap();
    for uri in ["https://origin.example/", "https://ORIGIN.Example/", "https://origin.example./"] {
        in_time(connector.clone().oneshot(Uri::from_static(uri))).await.unwrap();
        assert_eq!(server.hellos().last().unwrap().name.as_deref(), Some(HOST), "{uri}");
    }
}

#[tokio::test]
async fn the_protocols_of_the_connector_are_offered_in_its_order() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let builder = crate::builder(&[&server]);
    let offers = [
        (builder.clone(), &["h2", "http/1.1"][..], "h2"),
        (builder.clone().protocols(["http/1.1", "h2"]), &["http/1.1", "h2"], "h2"),
        (builder.protocols(["http/1.1"]), &["http/1.1"], "http/1.1"),
    ];
    for (builder, offered, chosen) in offers {
        let connector = builder.tls(trusting(&authority)).build().unwrap();
        let stream = crate::tls::clients::connect(&connector).await.unwrap();
        assert_eq!(server.hellos().last().unwrap().alpn, offered);
        // The server prefers HTTP/2.
        assert_eq!(stream.get_ref().tls().unwrap().alpn(), Some(chosen.as_bytes()));
    }
}
