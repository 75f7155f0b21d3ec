//! The protocols that both client and connector speak: attempts are told them, and service records are chosen by them.

use std::net::SocketAddr;

use http::Uri;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::{Builder, ConnectRequest};
use hyper_happy_eyeballs::race::ServiceRecord;
use hyper_happy_eyeballs::resolve::{Answer, Queries, Query};
use hyper_happy_eyeballs::{AttemptError, ConnectError, HappyEyeballsConnector};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::fakes::{World, address, list, ms};
use crate::services::Untouchable;

/// The second address connects, with what its attempt was told.
fn attempts() -> impl Service<AttemptRequest, Response = Vec<String>, Error = AttemptError, Future: Send> + Clone + Send
{
    service_fn(|request: AttemptRequest| async move {
        if request.endpoint().address().ip() == address("A6").ip() {
            return Err(AttemptError::new("the first of them fails"));
        }
        Ok(request.protocols().iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect())
    })
}

/// What an attempt was told in the end, of a connect that its first attempt decides and of one that takes a race, by whichever way the request
/// comes.
#[track_caller]
fn told(
    set: impl Fn(Builder) -> Builder,
    request: &ConnectRequest,
) -> impl Future<Output = Result<Vec<String>, ConnectError>> {
    let builder = set(HappyEyeballsConnector::builder()).enforce_http(false).attempt(attempts());
    let request = request.clone();
    async move {
        let mut all = Vec::new();
        for names in ["B4", "A6 B4"] {
            let connector = builder.clone().resolver(list(names)).build().unwrap();
            all.push(connector.connect(request.clone()).await?.into_inner());
            let layered = ServiceBuilder::new().boxed_clone().timeout(ms(10_000)).service(connector);
            let scope = request.clone().scope(layered.oneshot(request.uri().clone()));
            all.push(scope.await.map_err(|error| *error.downcast::<ConnectError>().unwrap())?.into_inner());
        }
        assert!(all.iter().all(|told| *told == all[0]), "{all:?}");
        Ok(all.remove(0))
    }
}

/// An address that leaves the port to the URI.
fn without_port(name: &str) -> SocketAddr {
    SocketAddr::new(address(name).ip(), 0)
}

fn https() -> ConnectRequest {
    ConnectRequest::new(Uri::from_static("https://race.example/"))
}

#[tokio::test(start_paused = true)]
async fn attempts_are_told_what_the_connector_and_the_client_both_speak_in_the_connector_s_order() {
    let told = async |request: ConnectRequest| told(|builder| builder, &request).await.unwrap();
    assert_eq!(told(https()).await, ["h2", "http/1.1"]);
    assert_eq!(told(https().with_protocols(["http/1.1"])).await, ["http/1.1"]);
    assert_eq!(told(https().with_protocols(["x", "http/1.1", "h2"])).await, ["h2", "http/1.1"]);
    assert_eq!(told(https().with_protocols(Vec::<Vec<u8>>::new())).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn where_the_uri_is_not_secure_there_is_nothing_to_negotiate() {
    let http = ConnectRequest::new(Uri::from_static("http://race.example/"));
    for request in [http.clone(), http.clone().with_protocols(["http/1.1"]), http.with_protocols(["x"])] {
        assert_eq!(told(|builder| builder, &request).await.unwrap(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connector_without_protocols_of_its_own_negotiates_nothing() {
    let none = |builder: Builder| builder.protocols(Vec::<Vec<u8>>::new());
    assert_eq!(told(none, &https()).await.unwrap(), [""; 0]);
    assert_eq!(told(none, &https().with_protocols(["http/1.1"])).await.unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_speaks_nothing_of_it_is_told_so_before_anything_is_looked_up() {
    let world = World::new([]);
    let connector = || world.dial_by(Untouchable).enforce_http(false);
    for (uri, ours, theirs, line) in [
        (
            "https://race.example/",
            &["h2"][..],
            &["http/1.1"][..],
            "race.example:443: the connector speaks h2, and the client http/1.1",
        ),
        (
            "wss://user:secret@[2001:db8::a]:8443/secret",
            &["h2", "x\n"],
            &["http/1.1", "h3"],
            "[2001:db8::a]:8443: the connector speaks h2 and x\\n, and the client http/1.1 and h3",
        ),
    ] {
        let request = ConnectRequest::new(Uri::from_static(uri)).with_protocols(theirs.iter().copied());
        let connector = connector().protocols(ours.iter().copied()).build().unwrap();
        let error = connector.connect(request).await.unwrap_err();
        assert_eq!(error.to_string(), format!("could not connect to {line}"));
        assert!(error.is_unsupported() && error.is_permanent());
        assert!(!error.is_invalid_uri() && !error.is_dns() && !error.is_connect() && !error.is_timeout());
        assert!(error.attempts().is_empty() && error.untried().is_empty() && error.asked().is_empty());
        let host = Uri::from_static(uri).host().unwrap().trim_matches(['[', ']']).to_owned();
        assert_eq!((error.host(), error.elapsed()), (Some(&*host), ms(0)));
        assert_eq!(format!("{error:?}"), format!("ConnectError({error})"));
    }
    assert!(world.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_no_handshake_could_offer_is_an_error_before_anything_is_looked_up() {
    let world = World::new([]);
    let connector = world.dial_by(Untouchable).enforce_http(false).build().unwrap();
    for ids in [vec![b"http/1.1".to_vec(), Vec::new()], vec![b"http/1.1".to_vec(), vec![b'x'; 256]]] {
        let error = connector.connect(https().with_protocols(ids)).await.unwrap_err();
        let says = "could not connect to race.example:443: an ALPN id must have 1 to 255 bytes";
        assert!(error.to_string() == says && error.is_unsupported(), "{error}");
    }
    assert!(world.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_speaks_nothing_that_the_client_does_is_left_out() {
    let mut service = ServiceRecord::new(1);
    (service.port, service.alpn) = (Some(8443), vec!["h2".into()]);
    for (uri, client, port) in [
        ("https://race.example/", None, 8443),
        ("https://race.example/", Some(["h2"]), 8443),
        ("https://race.example/", Some(["http/1.1"]), 443),
        // Where nothing is negotiated, the connector is believed.
        ("http://race.example/", Some(["http/1.1"]), 8443),
    ] {
        let resolver = World::new([]).resolver(Queries::ADDRESSES.with(Query::Https));
        let resolver = resolver.says(0, Ok(Answer::negative(Query::Aaaa))).says(0, Ok(Answer::a([without_port("B4")])));
        let resolver = resolver.says(0, Ok(Answer::https([service.clone()], 443)));
        let connector = HappyEyeballsConnector::builder().enforce_http(false).resolver(resolver).attempt(attempts());
        let mut request = ConnectRequest::new(Uri::from_static(uri));
        if let Some(client) = client {
            request = request.with_protocols(client);
        }
        let stream = connector.build().unwrap().connect(request).await.unwrap();
        assert_eq!(stream.info().winner().endpoint().address().port(), port, "{uri} {client:?}");
    }
}

#[test]
fn a_request_by_hand_names_what_it_is_told_to() {
    let request = AttemptRequest::new(address("A6"), "race.example", true);
    assert!(request.protocols().is_empty());
    let request = request.with_protocols(["h2", "http/1.1"]).with_endpoint(address("B4"));
    assert_eq!(request.clone().protocols(), [b"h2".to_vec(), b"http/1.1".to_vec()]);
}
