//! Clients with many idle connections: how long finding one takes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::join_all;
use http::Uri;
use http_body_util::{BodyExt, Empty};
use hyper_happy_eyeballs::Client;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;

use super::GROUP;
use super::memory_io::MemoryConnector;
use crate::chart::{Axis, Chart, Lines};
use crate::report::{Row, Standing, Unit, grouped};
use crate::run::Run;
use crate::stats::Figure;

pub(super) const OURS: &str = "this crate";
pub(super) const HYPER_UTIL: &str = "hyper-util Client";

const SIZES: [usize; 3] = [1, 1_000, 100_000];

const FAIRNESS: &str = "it would be unfair to let a socket or a server hide the difference: connections are in memory, and answer at once. \
                        Ten to a host as far as there are hosts for it, at most 10,000 hosts, asked in random order; each client's pools \
                        of all sizes are there together and take turns; no client may open another connection";

/// A client over connections in memory.
#[expect(clippy::large_enum_variant, reason = "there are six of them")]
enum IdleClient {
    Ours(Client<MemoryConnector>),
    HyperUtil(legacy::Client<MemoryConnector, Empty<Bytes>>),
}

/// A client whose pool has been filled.
pub(super) struct Filled {
    client: IdleClient,
    connector: MemoryConnector,
    hosts: Vec<Uri>,
    connections: usize,
}

impl Filled {
    /// Opens this many connections, and lets them become idle.
    pub(super) async fn new(who: &str, connections: usize) -> Self {
        let connector = MemoryConnector::default();
        let client = if who == OURS {
            IdleClient::Ours(Client::new(connector.clone()))
        } else {
            IdleClient::HyperUtil(legacy::Client::builder(TokioExecutor::new()).build(connector.clone()))
        };
        let hosts = connections.div_ceil(10).min(10_000);
        let uri = |number| format!("http://host-{number}.example/").parse().unwrap();
        let filled = Self { client, connector, hosts: (0..hosts).map(uri).collect(), connections };
        for (number, host) in filled.hosts.iter().enumerate() {
            let wanted = (connections - number).div_ceil(hosts);
            filled.open(host, wanted).await;
        }
        // hyper-util's connections become idle in tasks of their own.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(filled.connector.made(), connections);
        filled
    }

    /// Requests at the same time need a connection each: none is idle before all heads are here.
    async fn open(&self, host: &Uri, connections: usize) {
        match &self.client {
            IdleClient::Ours(client) => {
                let responses = join_all((0..connections).map(|_| client.get(host.clone()))).await;
                for response in responses {
                    response.unwrap().into_body().collect().await.unwrap();
                }
            }
            IdleClient::HyperUtil(client) => {
                let responses = join_all((0..connections).map(|_| client.get(host.clone()))).await;
                for response in responses {
                    response.unwrap().into_body().collect().await.unwrap();
                }
            }
        }
    }

    /// The mean time of a request to any of the hosts, over this many requests.
    async fn request(&self, random: &mut Rng, requests: u32) -> Duration {
        let hosts: Vec<&Uri> = (0..requests).map(|_| &self.hosts[random.usize(0..self.hosts.len())]).collect();
        let began = Instant::now();
        for host in hosts {
            match &self.client {
                IdleClient::Ours(client) => drop(client.get(host.clone()).await.unwrap().into_body().collect().await),
                IdleClient::HyperUtil(client) => {
                    drop(client.get(host.clone()).await.unwrap().into_body().collect().await);
                }
            }
        }
        began.elapsed() / requests
    }
}

pub(super) fn measure(run: &mut Run) {
    let name = "a request with 1, 1,000 and 100,000 idle connections";
    if !run.options.wants(GROUP, name) {
        return;
    }
    let rounds = run.options.pick(30, 200);
    let mut row = Row::new(GROUP, name, Unit::Time, FAIRNESS);
    let mut lines = Lines::new(Axis::logarithmic("idle connections"), Axis::linear("time of a request (µs)"));
    run.progress(GROUP, name);
    let all: Vec<(&str, usize)> = SIZES.into_iter().rev().flat_map(|size| [(OURS, size), (HYPER_UTIL, size)]).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let figures = runtime.block_on(take_turns(&all, rounds));
    for who in [OURS, HYPER_UTIL] {
        let standing = if who == OURS { Standing::Ours } else { Standing::Peer };
        let of_it = || all.iter().zip(&figures).filter(|((whose, _), _)| *whose == who);
        for ((_, size), figure) in of_it() {
            row.add(standing, format!("{who}, {} idle", grouped(*size as f64)), *figure);
        }
        let points = of_it().filter_map(|((_, size), figure)| Some((*size as f64, figure.as_ref()?.median * 1e6)));
        lines.points(who, points.collect());
    }
    row.peer("reqwest, Go net/http, curl", Err::<Figure, _>("no connections without sockets".to_owned()));
    row.expect("no slower with more: hosts are found by hash, and the connection used last goes first; what 100,000 cost more is the memory that is cold");
    let at = |size: &str| row.figure(&format!("{OURS}, {size} idle")).map_or(f64::INFINITY, |figure| figure.median);
    let times = at("100,000") / at("1");
    row.should(
        times < 4.0,
        format!("100,000 idle connections make a request {times:.2} times as long as one does, at most 4"),
    );
    compare_same_size(&mut row);
    run.charts.push(Chart::lines(
        "scale-idle.svg",
        GROUP,
        "What idle connections cost a request: cold memory, and no search",
        lines,
    ));
    run.push(row);
}

/// Returns the request times of each of these clients, with this many idle connections.
async fn take_turns(all: &[(&str, usize)], rounds: usize) -> Vec<Option<Figure>> {
    let mut filled = Vec::new();
    for (who, size) in all {
        filled.push(Filled::new(who, *size).await);
    }
    let mut random = Rng::with_seed(0);
    let mut order: Vec<usize> = (0..all.len()).collect();
    let mut times = vec![Vec::new(); all.len()];
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &index in &order {
            times[index].push(filled[index].request(&mut random, 200).await);
        }
    }
    for ((who, _), filled) in all.iter().zip(&filled) {
        // hyper-util's client may open another where a connection was still on its way home.
        let more = filled.connector.made() - filled.connections;
        assert!(*who != OURS || more == 0, "{more} more connections");
    }
    times.into_iter().map(Figure::of_times).collect()
}

/// Each size beside the peer's of that size.
fn compare_same_size(row: &mut Row) {
    for size in ["1", "1,000", "100,000"] {
        let ours = row.figure(&format!("{OURS}, {size} idle"));
        let theirs = row.figure(&format!("{HYPER_UTIL}, {size} idle"));
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            let times = theirs.median / ours.median;
            row.should(times >= 1.0, format!("{size} idle: hyper-util's client takes {times:.2} times as long"));
        }
    }
}
