//! The connectors that are compared: each gets the same list of addresses, and measures the time of one connect.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::race::Policy;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tower::{Service, ServiceExt};

use super::cases::Case;
use crate::peers::go::Go;
use crate::peers::{curl, reqwest};
use crate::places::{Places, close_by_reset};
use crate::report::Standing;

/// Connects once, and says how long it took.
pub(super) type Dial = Box<dyn Fn() -> BoxFuture<'static, Result<Duration, String>>>;

pub(super) struct Dialer {
    pub(super) who: String,
    pub(super) standing: Standing,
    /// The dialer takes part in one of this many rounds: it is a process, which is slow to start.
    pub(super) every: usize,
    pub(super) dial: Result<Dial, String>,
}

/// The attempt delay of all that can be configured.
pub(super) const DELAY: Duration = Duration::from_millis(250);

/// A connect without a race, to the address that is known to be good.
pub(super) const STRAIGHT: &str = "tokio, straight to the good one";

/// Those that are compared. Where the delay decides, also the peers at the delay that they have of themselves.
pub(super) fn all(places: &Arc<Places>, case: &Case) -> Vec<Dialer> {
    use Standing::{Beside, Ours, Peer};
    let dialer = |who: &str, standing, every, dial| Dialer { who: who.to_owned(), standing, every, dial };
    let default = |milliseconds| Duration::from_millis(milliseconds);
    let mut dialers = vec![
        dialer("this crate", Ours, 1, Ok(ours(places, Policy::Staggered, None))),
        dialer("tokio TcpStream::connect", Peer, 1, Ok(tokio(places.sockets()))),
        dialer("hyper-util HttpConnector", Peer, 1, Ok(hyper_util(places, DELAY))),
        dialer("Go net.Dialer", Peer, 1, go(places, DELAY)),
        dialer("curl", Peer, 50, curl(places, Some(DELAY))),
        // reqwest has hyper-util's connector, and no setting for its delay.
        dialer("reqwest", Beside, 10, Ok(reqwest(places))),
    ];
    if case.by_delay {
        dialers.extend([
            dialer("hyper-util, by default 300 ms", Beside, 1, Ok(hyper_util(places, default(300)))),
            dialer("Go, by default 300 ms", Beside, 1, go(places, default(300))),
            dialer("curl, by default 200 ms", Beside, 50, curl(places, None)),
        ]);
    }
    if let (true, Some(good)) = (case.name.starts_with("localhost"), places.good()) {
        dialers.push(dialer(STRAIGHT, Beside, 1, Ok(tokio(vec![good]))));
    }
    dialers
}

/// This crate's connector, which times itself from the outside like the others.
pub(super) fn ours(places: &Arc<Places>, policy: Policy, timeout: Option<Duration>) -> Dial {
    let resolver = FixedResolver::new().with("peer.example", places.sockets());
    let connector = HappyEyeballsConnector::builder()
        .resolver(resolver)
        .policy(policy)
        .connection_attempt_delay(DELAY)
        .timeout(timeout)
        .build()
        .unwrap();
    let uri = places.uri();
    Box::new(move || {
        let (connector, uri) = (connector.clone(), uri.clone());
        async move {
            let began = Instant::now();
            let stream = connector.oneshot(uri).await.map_err(|error| error.to_string())?;
            let took = began.elapsed();
            close_by_reset(stream.get_ref().get_ref());
            Ok(took)
        }
        .boxed()
    })
}

fn tokio(addresses: Vec<SocketAddr>) -> Dial {
    Box::new(move || {
        let addresses = addresses.clone();
        async move {
            let began = Instant::now();
            let stream = TcpStream::connect(&addresses[..]).await.map_err(|error| error.to_string())?;
            // The others have set it by the time that they hand over the connection.
            stream.set_nodelay(true).unwrap();
            let took = began.elapsed();
            close_by_reset(&stream);
            Ok(took)
        }
        .boxed()
    })
}

fn hyper_util(places: &Places, delay: Duration) -> Dial {
    let (addresses, uri) = (places.sockets(), places.uri());
    let resolver =
        tower::service_fn(move |_: Name| std::future::ready(Ok::<_, Infallible>(addresses.clone().into_iter())));
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.set_nodelay(true);
    connector.set_happy_eyeballs_timeout(Some(delay));
    Box::new(move || {
        let (mut connector, uri) = (connector.clone(), uri.clone());
        async move {
            let began = Instant::now();
            std::future::poll_fn(|cx| connector.poll_ready(cx)).await.map_err(|error| error.to_string())?;
            let stream = connector.call(uri).await.map_err(|error| error.to_string())?;
            let took = began.elapsed();
            close_by_reset(stream.inner());
            Ok(took)
        }
        .boxed()
    })
}

fn reqwest(places: &Places) -> Dial {
    let (client, took) = reqwest::timed_client(places);
    let url = places.uri().to_string();
    Box::new(move || {
        let (request, took) = (client.get(&url), Arc::clone(&took));
        async move {
            request.send().await.map_err(|error| error.to_string())?;
            let took = took.lock().unwrap().take();
            took.ok_or_else(|| "it did not connect".to_owned())
        }
        .boxed()
    })
}

fn go(places: &Places, delay: Duration) -> Result<Dial, String> {
    let go = Arc::new(Mutex::new(Go::start(1)?));
    let command = format!("connect {} {} {}", delay.as_millis(), places.port, places.listed());
    Ok(Box::new(move || {
        let (go, command) = (Arc::clone(&go), command.clone());
        async move {
            let nanoseconds = go.lock().await.ask(&command).await?;
            Ok(Duration::from_secs_f64(nanoseconds[0] * 1e-9))
        }
        .boxed()
    }))
}

fn curl(places: &Arc<Places>, delay: Option<Duration>) -> Result<Dial, String> {
    curl::installed()?;
    let places = Arc::clone(places);
    Ok(Box::new(move || {
        let places = Arc::clone(&places);
        async move { curl::connect(&places, delay).await }.boxed()
    }))
}
