//! Tower's layers around the connector, and the traits that clients and layers require of it.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use hyper::{Uri, rt};
use hyper_happy_eyeballs::connect::{Connecting, HappyEyeballsStream};
use hyper_happy_eyeballs::resolve::{Answers, FixedResolver, GaiResolver, Name};
use hyper_happy_eyeballs::tcp::{TcpConnection, TcpConnector};
use hyper_happy_eyeballs::{ConnectError, ConnectInfo, HappyEyeballsConnector};
use hyper_util::client::legacy::connect::{Connect, Connection};
use socket2::{Domain, Socket, Type};
use support::loopback::{BlackHole, ClosedPort};
use support::origin::Origin;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::limit::ConcurrencyLimit;
use tower::retry::{Policy, Retry};
use tower::timeout::Timeout;
use tower::timeout::error::Elapsed;
use tower::{Service, ServiceExt, service_fn};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const URI: &str = "http://origin.example/";

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_time_out_around_it_closes_the_socket_of_the_attempt() {
    let silent = BlackHole::new(V4);
    let before = handshakes_with(silent.address());
    let limited = Timeout::new(connector([silent.address()]), Duration::from_millis(500));
    let mut connecting = Box::pin(limited.oneshot(uri()));
    assert!((&mut connecting).now_or_never().is_none());
    assert_eq!(handshakes_with(silent.address()), before + 1);

    let error = in_time(&mut connecting).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error:?}");
    drop(connecting);
    assert_eq!(handshakes_with(silent.address()), before);
}

#[tokio::test]
async fn a_retry_around_it_connects_once_there_is_a_listener() {
    let server = Arc::new(Server::bound());
    let address = server.address();
    let policy = ListenThenRetry { server: Arc::clone(&server), errors: Arc::default() };
    let errors = Arc::clone(&policy.errors);

    let connection = in_time(Retry::new(policy, connector([address])).oneshot(uri())).await.unwrap();

    let (_, client) = server.socket.accept().unwrap();
    assert_eq!(client.as_socket().unwrap(), connection.get_ref().get_ref().local_addr().unwrap());
    // The attempts of the first try are not in the record of the second.
    assert_eq!(connection.info().attempts().len(), 1);
    let expected = format!("could not connect to origin.example:80: {address} connection refused");
    assert_eq!(*errors.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_limit_around_it_keeps_the_second_connect_waiting_for_the_first() {
    let (silent, origin) = (BlackHole::new(V4), Origin::listen(V4).await);
    let (silent, reachable) = (silent.address(), origin.address());
    let lookups = Arc::new(AtomicUsize::new(0));
    let resolver = {
        let lookups = Arc::clone(&lookups);
        service_fn(move |name: Name| {
            lookups.fetch_add(1, Ordering::SeqCst);
            ready(Ok::<_, ConnectError>(Answers::list([if name.as_str() == "silent.example" {
                silent
            } else {
                reachable
            }])))
        })
    };
    let limited = ConcurrencyLimit::new(HappyEyeballsConnector::builder().resolver(resolver).build().unwrap(), 1);

    let mut first = Box::pin(limited.clone().oneshot(Uri::from_static("http://silent.example")));
    let mut second = Box::pin(limited.oneshot(uri()));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    drop(first);
    let connection = in_time(second).await.unwrap();
    assert_eq!(connection.info().winner().endpoint().address(), reachable);
    assert_eq!(lookups.load(Ordering::SeqCst), 2);
}

#[test]
fn the_connector_and_what_it_makes_have_the_traits_that_clients_ask_for() {
    fn is_connector<C: Connect + Clone + Send + Sync + 'static>(_: &C) {}
    fn makes<C>(_: &C)
    where
        C: Service<Uri, Response = HappyEyeballsStream<TcpConnection>, Error = ConnectError>,
        C::Future: Future + Unpin + Send + 'static,
    {
    }
    fn is_future<F: Future + Unpin + Send + 'static>() {}
    fn is_connection<C>()
    where
        C: rt::Read + rt::Write + AsyncRead + AsyncWrite + Connection + Unpin + Send + Sync + 'static,
    {
    }
    fn is_shared<T: Send + Sync + 'static>() {}
    fn is_error<E: std::error::Error + Send + Sync + 'static>() {}

    let by_table = connector([]);
    let by_closure = HappyEyeballsConnector::builder()
        .resolver(service_fn(async |_: Name| Ok::<_, ConnectError>(Answers::list([]))))
        .build()
        .unwrap();
    is_connector(&by_table);
    is_connector(&by_closure);
    makes(&by_table);
    makes(&by_closure);
    is_future::<Connecting<GaiResolver, TcpConnector>>();
    is_connection::<HappyEyeballsStream<TcpConnection>>();
    is_connection::<TcpConnection>();
    is_shared::<ConnectInfo>();
    is_error::<ConnectError>();
}

#[test]
fn the_connector_prints_its_settings_its_resolver_and_its_options() {
    let text = format!("{:?}", HappyEyeballsConnector::new());
    for part in [
        "HappyEyeballsConnector",
        "connection_attempt_delay: 250ms",
        "timeout: None",
        "schemes: Http",
        "resolver: GaiResolver",
        "nodelay: true",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let address = "192.0.2.1:8080".parse().unwrap();
    let text = format!("{:?}", connector([address]));
    assert!(text.contains("origin.example") && text.contains("192.0.2.1:8080"), "{text}");
}

#[tokio::test]
async fn an_error_prints_as_a_sentence_with_its_causes() {
    let closed = ClosedPort::new(V4);
    let address = closed.address();
    let error = in_time(connector([address]).oneshot(uri())).await.unwrap_err();
    let sentence = format!("could not connect to origin.example:80: {address} connection refused");
    assert_eq!(error.to_string(), sentence);
    let debug = format!("{error:?}");
    // The system's own words, which the sentence does not have; and nothing twice.
    assert!(debug.starts_with(&format!("ConnectError({sentence}: ")), "{debug}");
    assert_eq!(debug.matches("could not connect").count(), 1, "{debug}");
}

#[tokio::test]
async fn a_connection_prints_how_it_came_about() {
    let origin = Origin::listen(V4).await;
    let connection = in_time(connector([origin.address()]).oneshot(uri())).await.unwrap();
    let text = format!("{connection:?}");
    assert!(text.contains("destination: origin.example:80") && text.contains(&origin.address().to_string()), "{text}");
}

fn uri() -> Uri {
    Uri::from_static(URI)
}

fn connector(addresses: impl IntoIterator<Item = SocketAddr>) -> HappyEyeballsConnector<FixedResolver> {
    let resolver = FixedResolver::new().with("origin.example", addresses);
    HappyEyeballsConnector::builder().resolver(resolver).build().unwrap()
}

async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have ended long ago")
}

/// How many sockets of this machine have sent a SYN to `remote` and have no answer.
#[cfg(target_os = "linux")]
fn handshakes_with(remote: SocketAddr) -> usize {
    const SYN_SENT: &str = "02";
    let IpAddr::V4(ip) = remote.ip() else { panic!("{remote} is not in this table") };
    // The kernel prints the address as it lies in memory.
    let remote = format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), remote.port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let columns = |line: &str| line.split_whitespace().skip(2).take(2).map(str::to_owned).collect::<Vec<_>>();
    table.lines().filter(|line| columns(line) == [remote.as_str(), SYN_SENT]).count()
}

/// A port that refuses connections until it is told to listen.
struct Server {
    socket: Socket,
}

impl Server {
    fn bound() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(V4, 0).into()).unwrap();
        Self { socket }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }
}

/// Tries again after a failed connect, after starting the listener.
#[derive(Clone)]
struct ListenThenRetry {
    server: Arc<Server>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl<T> Policy<Uri, T, ConnectError> for ListenThenRetry {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Uri, result: &mut Result<T, ConnectError>) -> Option<Self::Future> {
        let error = result.as_ref().err().filter(|error| error.is_connect())?;
        self.errors.lock().unwrap().push(error.to_string());
        self.server.socket.listen(16).unwrap();
        Some(ready(()))
    }

    fn clone_request(&mut self, uri: &Uri) -> Option<Uri> {
        Some(uri.clone())
    }
}
