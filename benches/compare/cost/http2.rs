//! Requests over HTTP/2, counted and timed: many on one connection, to a server that is known to speak it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Request, Uri};
use http_body::{Body, Frame};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::count::{AtLength, Counter, Program};
use super::requests::{self, Caller, HYPER_UTIL, OURS, OURS_ALONE, REQWEST};
use super::throughput::{compare_with_hyper_util, pair, take_turns, time};
use super::{GROUP, MANY, REQUEST, fill, throughput};
use crate::child::Server;
use crate::cores;
use crate::peers;
use crate::report::{Row, Standing, Unit};
use crate::run::Run;
use crate::stats::Figure;

const H2: &str = "h2 alone";
const HYPER: &str = "hyper's HTTP/2 connection";

const MODES: [(&str, Standing); 6] = [
    (OURS, Standing::Ours),
    (OURS_ALONE, Standing::Ours),
    (H2, Standing::Beside),
    (HYPER, Standing::Beside),
    (HYPER_UTIL, Standing::Peer),
    (REQWEST, Standing::Peer),
];

const FAIRNESS: &str = "\
    it would be unfair to measure one after the other, since the machine has other things to do: runs take turns, shortly, \
    and what counts is the median of the ratios within a round. A run is 1,920 requests on one connection that is there. The \
    server is the same process for all, on one thread and a core of its own";

/// What a request may cost, in times of what it costs with h2 alone, and on hyper's connection: at most, and as a goal. That for h2 is not met yet.
const LIMITS: [(&str, f64, f64); 2] = [(H2, 1.24, 1.20), (HYPER, 0.86, 0.86)];
/// How many requests ours makes while hyper-util makes one.
const TIMES_HYPER_UTIL: f64 = 1.3;
/// How many of them are under way at a time.
const AT_A_TIME: usize = 64;

pub(super) fn measure(run: &mut Run) {
    for (concurrency, name, fairness, lengths) in [
        ("1", "instructions for a request over HTTP/2", REQUEST, run.options.pick((200, 600), (500, 2_500))),
        (
            "16",
            "instructions for a request over HTTP/2, 16 at a time on one thread",
            MANY,
            run.options.pick((320, 1_280), (640, 6_400)),
        ),
    ] {
        if run.options.wants(GROUP, name) {
            run.progress(GROUP, name);
            let server = Server::start();
            let port = server.port.to_string();
            let mut row = Row::new(GROUP, name, Unit::Count("instructions"), fairness);
            fill(&mut row, Counter::Instructions, programs(&port, concurrency), lengths);
            row.peer("Go net/http, curl", Err::<Figure, _>("not asked".to_owned()));
            check_limits(&mut row);
            row.stand_beside_the_best();
            run.push(row);
        }
    }
}

pub(super) fn measure_throughput(run: &mut Run) {
    let name = format!("requests a second over HTTP/2, {AT_A_TIME} at a time on one thread");
    if !run.options.wants(throughput::GROUP, &name) {
        return;
    }
    run.progress(throughput::GROUP, &name);
    let cores = cores::allowed();
    let (for_server, for_client) = cores.split_at(cores.len().min(1));
    cores::stay_on(for_server);
    let server = Server::start();
    cores::stay_on(for_client);
    let mut row = Row::new(throughput::GROUP, name, Unit::Rate, FAIRNESS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut callers = Vec::new();
    for (mode, _) in MODES {
        callers.push(runtime.block_on(caller(mode, server.port, AT_A_TIME)));
    }
    let each = 1_920 / AT_A_TIME;
    let budget = Duration::from_secs(run.options.pick(2, 30));
    let rates = take_turns(MODES.len(), budget, |index| {
        let seconds = runtime.block_on(time(&mut callers[index], each));
        Some((each * AT_A_TIME) as f64 / seconds)
    });
    cores::stay_on(&cores);
    for ((mode, standing), rates) in MODES.into_iter().zip(&rates) {
        row.add(standing, mode, Figure::of(rates.clone()));
    }
    pair(&mut row, &rates);
    row.peer("Go net/http, curl", Err::<Figure, _>("not asked".to_owned()));
    compare_with_hyper_util(&mut row, TIMES_HYPER_UTIL);
    row.stand_beside_the_best();
    run.push(row);
}

fn programs<'a>(port: &'a str, concurrency: &'a str) -> Vec<(&'static str, Standing, AtLength<'a>)> {
    let program = |(mode, standing)| {
        let at_length: AtLength<'a> =
            Box::new(move |n| Program::child(&["request-http2", mode, port, &n.to_string(), concurrency]));
        (mode, standing, at_length)
    };
    MODES.into_iter().map(program).collect()
}

fn check_limits(row: &mut Row) {
    for (than, limit, goal) in LIMITS {
        let Some(theirs) = row.figure(than) else { continue };
        for who in [OURS, OURS_ALONE] {
            let times = row.figure(who).map_or(f64::INFINITY, |figure| figure.median / theirs.median);
            row.check(
                times <= limit,
                format!("{who}: {times:.3} times {than}, at most {limit:.2}; the goal is {goal:.2}"),
            );
        }
    }
}

/// Makes this many requests, shared among this many tasks.
pub(crate) fn run(mode: &str, port: u16, requests: usize, concurrency: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut caller = caller(mode, port, concurrency).await;
        caller.call(requests / concurrency).await;
    });
}

async fn caller(mode: &str, port: u16, concurrency: usize) -> Caller {
    let uri = requests::uri(port);
    match mode {
        H2 => {
            let (sender, connection) = h2::client::handshake(requests::bare_stream(port).await).await.unwrap();
            tokio::spawn(async { connection.await.unwrap() });
            Caller::shared(concurrency, move |requests| with_h2(sender.clone(), uri.clone(), requests))
        }
        HYPER => {
            let stream = TokioIo::new(requests::bare_stream(port).await);
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            Caller::shared(concurrency, move |requests| with_hyper(sender.clone(), uri.clone(), requests))
        }
        HYPER_UTIL => {
            let mut builder = legacy::Client::builder(TokioExecutor::new());
            let client = builder.http2_only(true).build(requests::http_connector());
            Caller::shared(concurrency, move |requests| requests::hyper_util(client.clone(), uri.clone(), requests))
        }
        REQWEST => {
            let client = peers::reqwest::builder().http2_prior_knowledge().build().unwrap();
            Caller::shared(concurrency, move |requests| requests::reqwest(client.clone(), uri.to_string(), requests))
        }
        OURS => {
            let client = client(HappyEyeballsConnector::new());
            Caller::shared(concurrency, move |requests| requests::ours(client.clone(), uri.clone(), requests))
        }
        OURS_ALONE => {
            let client = client(requests::http_connector());
            Caller::shared(concurrency, move |requests| requests::ours(client.clone(), uri.clone(), requests))
        }
        _ => panic!("no such mode: {mode}"),
    }
}

fn client<C: Connector>(connector: C) -> Client<C> {
    Client::builder().http2_prior_knowledge(true).build(connector).unwrap()
}

async fn with_h2(mut sender: SendRequest<Bytes>, uri: Uri, requests: usize) {
    for _ in 0..requests {
        sender = sender.ready().await.unwrap();
        let (response, _) = sender.send_request(get(&uri, ()), true).unwrap();
        requests::read(Thin(response.await.unwrap().into_body())).await;
    }
}

/// The body of a response as h2 has it, read like those of the others.
struct Thin(RecvStream);

impl Body for Thin {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(data) = ready!(self.0.poll_data(cx)?) {
            self.0.flow_control().release_capacity(data.len())?;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let trailers = ready!(self.0.poll_trailers(cx)?);
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

async fn with_hyper(mut sender: http2::SendRequest<Empty<Bytes>>, uri: Uri, requests: usize) {
    for _ in 0..requests {
        sender.ready().await.unwrap();
        requests::read(sender.send_request(get(&uri, Empty::new())).await.unwrap().into_body()).await;
    }
}

fn get<B>(uri: &Uri, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.uri_mut() = uri.clone();
    request
}
