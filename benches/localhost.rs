//! `localhost` on one family: how much more than a straight connect does it cost that the other family refuses?
//!
//! The two are measured in turn, so that whatever else the machine does hits both; each connection is closed by a reset, so
//! that no port stays behind. Prints the medians, and fails if the difference reaches a millisecond.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and fails by panicking"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::FixedResolver;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

const ROUNDS: usize = 2_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let families = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    for (good, refused) in [(families[0], families[1]), (families[1], families[0])] {
        match runtime.block_on(measure(good, refused)) {
            Some((straight, raced)) => {
                let more = raced.saturating_sub(straight);
                println!(
                    "only {good} listens: straight {straight:?}, raced {raced:?}, {more:?} more (medians of {ROUNDS})"
                );
                assert!(more < Duration::from_millis(1), "a refused family costs {more:?}");
            }
            None => println!("only {good} listens: skipped, no such address on this machine"),
        }
    }
}

async fn measure(good: IpAddr, refused: IpAddr) -> Option<(Duration, Duration)> {
    let listener = TcpListener::bind((good, 0)).await.ok()?;
    let good = listener.local_addr().unwrap();
    // Both families at the one port, as it is with `localhost`.
    let listed = [SocketAddr::new(refused, good.port()), good];
    let accepting = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let resolver = FixedResolver::new().with("localhost", listed);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).build().unwrap();
    let uri: http::Uri = format!("http://localhost:{}/", good.port()).parse().unwrap();

    let (mut straight, mut raced) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let stream = TcpStream::connect(good).await.unwrap();
        straight.push(began.elapsed());
        close_by_reset(&stream);

        let began = Instant::now();
        let stream = connector.clone().oneshot(uri.clone()).await.unwrap();
        raced.push(began.elapsed());
        assert_eq!(stream.info().attempts().len(), 2);
        close_by_reset(stream.get_ref().get_ref());
    }
    accepting.abort();
    Some((median(straight), median(raced)))
}

fn close_by_reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
