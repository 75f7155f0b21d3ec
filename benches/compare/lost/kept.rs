//! Idle connections: how many connections requests take, and what happens to requests when one is closed.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::join_all;
use http::Method;

use super::GROUP;
use super::clients::{Fate, HttpClient, RESPONSE_FIRST};
use super::servers::{Manners, Server};
use crate::peers::curl;
use crate::peers::go::Go;
use crate::report::{Row, Standing, Unit};
use crate::run::Run;
use crate::stats::Figure;

const CLOSES: &str = "it would be unfair if a client were given notice: the server closes after every third answer without a word, at a \
                      moment that moves from 0 to 150 µs after it. A hang is 5 s without an answer. The requests are GETs, which may be \
                      sent again by whoever can";
const CONNECTIONS: &str = "it would be unfair to give a client no time to put a connection back: that is what is measured, the next \
                           request comes when the caller has the whole answer. The runtime has two threads; Go's limit of two idle \
                           connections is lifted";
const HANG_UP: &str = "it would be unfair to time a connect, or a request that may be sent again: it is a POST on a connection that has \
                       served one, which the server reads, and closes; the time is from the call to the error";

/// Requests in sequence to a server that closes between them.
pub(super) fn closes(run: &mut Run, runtime: &tokio::runtime::Runtime) {
    let requests = run.options.pick(1_000, 20_000);
    let name = format!("errors and hangs, of {requests} GETs to a server that closes unannounced");
    if !run.options.wants(GROUP, &name) {
        return;
    }
    run.progress(GROUP, &name);
    let mut row = Row::new(GROUP, name, Unit::Count("errors and hangs"), CLOSES);
    for (who, standing, client) in HttpClient::all() {
        let server = Server::start(Manners::ClosesUnannounced);
        let mut hangs = 0;
        let errors = runtime.block_on(async {
            let mut errors = 0;
            for _ in 0..requests {
                match client.send(Method::GET, &server.url(), Bytes::new()).await {
                    Fate::Answered(_) => {}
                    Fate::Error => errors += 1,
                    Fate::Hang => hangs += 1,
                }
            }
            errors
        });
        row.add(standing, who, Figure::exact(f64::from(errors + hangs)));
    }
    let server = Server::start(Manners::ClosesUnannounced);
    row.peer("Go net/http", runtime.block_on(go_get(&server, requests, 1)).map(Figure::exact));
    let server = Server::start(Manners::ClosesUnannounced);
    row.peer("curl", runtime.block_on(curl_get(&server, requests, 1)).map(Figure::exact));
    let ours = row.our_figure().map_or(f64::INFINITY, |figure| figure.median);
    row.check(ours == 0.0, format!("this crate: {ours} of {requests}, at most 0"));
    row.stand_beside_the_best();
    run.push(row);
}

/// How many connections requests take that one could serve, or one for each task.
pub(super) fn connections(run: &mut Run, runtime: &tokio::runtime::Runtime) {
    for (name, tasks, each) in [
        ("connections for 10,000 requests in sequence", 1, 10_000),
        ("connections for a burst of 100 tasks with 100 requests each", 100, 100),
    ] {
        if !run.options.wants(GROUP, name) {
            continue;
        }
        run.progress(GROUP, name);
        let mut row = Row::new(GROUP, name, Unit::Count("connections"), CONNECTIONS);
        runtime.block_on(count_connections(&mut row, tasks, each));
        let ours = row.our_figure().map_or(f64::INFINITY, |figure| figure.median);
        row.check(ours <= tasks as f64, format!("this crate: {ours}, at most {tasks}"));
        row.stand_beside_the_best();
        run.push(row);
    }
}

/// All at the same time: connections are counted, and who has little of the processor must not need more of them.
async fn count_connections(row: &mut Row, tasks: usize, each: usize) {
    let clients = HttpClient::all().into_iter().map(|(who, standing, client)| async move {
        let server = Server::start(Manners::Keeps);
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..tasks {
            let (client, url) = (client.clone(), server.url());
            set.spawn(async move {
                for _ in 0..each {
                    assert_eq!(client.send(Method::GET, &url, Bytes::new()).await, Fate::Answered(200));
                }
            });
        }
        set.join_all().await;
        // Where hyper-util's client does the pooling, it is hyper-util's pool.
        let standing = if who == RESPONSE_FIRST { Standing::Beside } else { standing };
        (standing, who, server.connections() as f64)
    });
    let (of_go, of_curl) = (Server::start(Manners::Keeps), Server::start(Manners::Keeps));
    let go = async { go_get(&of_go, each, tasks).await.map(|_| of_go.connections() as f64) };
    let curl = async { curl_get(&of_curl, each * tasks, tasks).await.map(|_| of_curl.connections() as f64) };
    let (clients, go, curl) = tokio::join!(join_all(clients), go, curl);
    for (standing, who, connections) in clients {
        row.add(standing, who, Figure::exact(connections));
    }
    row.peer("Go net/http", go.map(Figure::exact));
    // curl has no tasks, only a limit of concurrent transfers, and need not reach the limit if it is above one.
    let standing = if tasks == 1 { Standing::Peer } else { Standing::Beside };
    row.add(standing, "curl", curl.map(Figure::exact));
}

/// How long an error takes to come when the server hangs up.
pub(super) fn hang_up(run: &mut Run, runtime: &tokio::runtime::Runtime) {
    let name = "time until a POST fails whose server hangs up";
    if !run.options.wants(GROUP, name) {
        return;
    }
    run.progress(GROUP, name);
    let rounds = run.options.pick(100, 1_000);
    let mut row = Row::new(GROUP, name, Unit::Time, HANG_UP);
    let server = Server::start(Manners::HangsUpOnTheSecond);
    let clients = HttpClient::all();
    let mut times = vec![Vec::new(); clients.len()];
    runtime.block_on(async {
        let body = Bytes::from_static(b"an order");
        let mut random = Rng::with_seed(0);
        let mut order: Vec<usize> = (0..clients.len()).collect();
        for _ in 0..rounds {
            // This crate's client would remember that the server hangs up, and send the next POST on a fresh connection.
            let clients = HttpClient::all();
            random.shuffle(&mut order);
            for &index in &order {
                let ((_, _, client), times) = (&clients[index], &mut times[index]);
                client.send(Method::POST, &server.url(), body.clone()).await;
                let began = Instant::now();
                if client.send(Method::POST, &server.url(), body.clone()).await == Fate::Error {
                    times.push(began.elapsed());
                }
            }
        }
    });
    for ((who, standing, _), times) in clients.into_iter().zip(times) {
        row.add(standing, who, Figure::of_times(times));
    }
    let asked = runtime.block_on(async { Go::start(2)?.ask(&format!("hangup {} {rounds}", server.url())).await });
    row.peer(
        "Go net/http",
        asked.map(|times| Figure::of(times.iter().map(|nanoseconds| nanoseconds * 1e-9).collect())),
    );
    row.peer("curl", Err::<Figure, _>("it sends the POST again, and has no error to time".to_owned()));
    let ours = row.our_figure().map_or(f64::INFINITY, |figure| figure.median);
    row.should(ours < 0.01, "the error is no timer's");
    row.stand_beside_the_best();
    run.push(row);
}

/// Go's GETs. Returns the errors.
async fn go_get(server: &Server, each: usize, tasks: usize) -> Result<f64, String> {
    let numbers = Go::start(2)?.ask(&format!("get {} {each} {tasks}", server.url())).await?;
    Ok(numbers[1])
}

/// curl's GETs, in one process. Returns how many were not answered.
async fn curl_get(server: &Server, requests: usize, at_a_time: usize) -> Result<f64, String> {
    curl::installed()?;
    let mut command = curl::command();
    if at_a_time > 1 {
        command.args(["--parallel", "--parallel-max", &at_a_time.to_string()]);
    }
    command.args(["--output", "/dev/null", "--write-out", "%{http_code}\n"]);
    command.arg(format!("{}[1-{requests}]", server.url()));
    let output = tokio::time::timeout(Duration::from_secs(60), command.output());
    let output = output.await.map_err(|_elapsed| "given up after a minute")?.map_err(|error| error.to_string())?;
    let answered = String::from_utf8_lossy(&output.stdout).lines().filter(|code| *code == "200").count();
    Ok(requests as f64 - answered as f64)
}
