//! What a connect and a request cost, as counts: the same on every run.

pub(crate) mod connects;
pub(crate) mod count;
#[cfg_attr(not(feature = "https"), path = "no_handshakes.rs")]
pub(crate) mod handshakes;
#[cfg_attr(not(feature = "http2"), path = "no_http2.rs")]
pub(crate) mod http2;
pub(crate) mod requests;
pub(crate) mod throughput;

use self::connects::{ONE_ADDRESS, TWO_FAMILIES};
use self::count::{AtLength, Counter, Program};
use crate::chart::{Bars, Chart};
use crate::child::Server;
use crate::peers::{curl, go};
use crate::report::{Row, Standing, Unit};
use crate::run::Run;
use crate::stats::Figure;

pub(crate) const GROUP: &str = "cost";

const CONNECT: &str = "it would be unfair to count start-up, or the cost of being counted: each is run at two lengths, and what counts \
                       is the difference. All are given a URI of their own, which the bare socket has no use for, are told their addresses at once, set TCP_NODELAY, are accepted in the same process, \
                       and close by a reset";
const REQUEST: &str = "it would be unfair to count the server or the connect: the server is another process, and each is run at two \
                       lengths on one connection, of which the difference counts. All read the same answer of 13 bytes to its end; curl \
                       writes it to /dev/null";

const MANY: &str = "it would be unfair to take these as exact: how many answers there are to a wake-up depends on when they come, and the \
                    tool slows down the client and not the server; all are slowed alike";

const NO_CONNECTS: &str = "not asked: the accept would be in another process, or the connect not alone";

/// What a connect may cost beyond the bare socket's.
const LIMIT_ONE_ADDRESS: f64 = 3_500.0;
const LIMIT_TWO_FAMILIES: f64 = 4_250.0;
/// What a request may cost, in times of the bare connection's.
const LIMIT_REQUEST: f64 = 1.2;

pub(crate) fn measure(run: &mut Run) {
    connect_instructions(run);
    connect_calls(run);
    handshakes::measure(run);
    // The words of all the names.
    let any = "instructions and system calls for a request on a connection that is kept, 32 at a time on one thread";
    if run.options.wants(GROUP, any) {
        let server = Server::start();
        request_instructions(run, server.port);
        request_calls(run, server.port);
        many_requests(run, server.port);
    }
    http2::measure(run);
}

fn connect_programs<'a>() -> Vec<(&'static str, Standing, AtLength<'a>)> {
    let modes = [
        (TWO_FAMILIES, Standing::Ours),
        (ONE_ADDRESS, Standing::Ours),
        (connects::BARE, Standing::Beside),
        (connects::HYPER_UTIL, Standing::Peer),
    ];
    let program = |(mode, standing)| {
        let at_length: AtLength<'a> = Box::new(move |n| Program::child(&["connect", mode, &n.to_string()]));
        (mode, standing, at_length)
    };
    modes.into_iter().map(program).collect()
}

fn connect_instructions(run: &mut Run) {
    let name = "instructions for a connect";
    if !run.options.wants(GROUP, name) {
        return;
    }
    run.progress(GROUP, name);
    let mut row = Row::new(GROUP, name, Unit::Count("instructions"), CONNECT);
    fill(&mut row, Counter::Instructions, connect_programs(), (500, 1_500));
    row.peer("reqwest", Err::<Figure, _>("its connector is hyper-util's".to_owned()));
    row.peer("Go net.Dialer, curl", Err::<Figure, _>(NO_CONNECTS.to_owned()));
    if let Some(bare) = row.figure(connects::BARE) {
        for (who, limit) in [(ONE_ADDRESS, LIMIT_ONE_ADDRESS), (TWO_FAMILIES, LIMIT_TWO_FAMILIES)] {
            let beyond = row.figure(who).map_or(f64::INFINITY, |figure| figure.median - bare.median);
            row.check(beyond <= limit, format!("{who}: {beyond:.0} beyond the bare socket, at most {limit:.0}"));
        }
    }
    row.stand_beside_the_best();
    run.push(row);
}

fn connect_calls(run: &mut Run) {
    let name = "system calls for a connect, with its accept";
    if !run.options.wants(GROUP, name) {
        return;
    }
    run.progress(GROUP, name);
    let mut row = Row::new(GROUP, name, Unit::Count("system calls"), CONNECT);
    fill(&mut row, Counter::SystemCalls, connect_programs(), run.options.pick((100, 400), (500, 1_500)));
    row.peer("reqwest", Err::<Figure, _>("its connector is hyper-util's".to_owned()));
    row.peer("Go net.Dialer, curl", Err::<Figure, _>(NO_CONNECTS.to_owned()));
    if let Some(bare) = row.figure(connects::BARE) {
        for who in [ONE_ADDRESS, TWO_FAMILIES] {
            let beyond = row.figure(who).map_or(f64::INFINITY, |figure| figure.median - bare.median);
            row.check(beyond <= 1.0, format!("{who}: {beyond:.2} beyond the bare socket, at most 1"));
        }
    }
    row.expect("one more on loopback, at a port that the system may choose: is the other end another socket?");
    run.push(row);
}

fn request_programs<'a>(port: &'a str, concurrency: &'a str) -> Vec<(&'static str, Standing, AtLength<'a>)> {
    let modes = [
        (requests::OURS, Standing::Ours),
        (requests::OURS_ALONE, Standing::Ours),
        (requests::BARE, Standing::Beside),
        (requests::HYPER_UTIL, Standing::Peer),
        (requests::REQWEST, Standing::Peer),
    ];
    let program = |(mode, standing)| {
        let at_length: AtLength<'a> =
            Box::new(move |n| Program::child(&["request", mode, port, &n.to_string(), concurrency]));
        (mode, standing, at_length)
    };
    modes.into_iter().map(program).collect()
}

/// curl makes requests in sequence of a pattern.
fn curl_program(port: &str) -> AtLength<'_> {
    Box::new(move |n| Program {
        path: "curl".into(),
        arguments: ["--disable", "--silent", "--noproxy", "*", "--output", "/dev/null"]
            .into_iter()
            .map(str::to_owned)
            .chain([format!("http://127.0.0.1:{port}/[1-{n}]")])
            .collect(),
        input: String::new(),
    })
}

fn request_instructions(run: &mut Run, port: u16) {
    let name = "instructions for a request on a connection that is kept";
    if !run.options.wants(GROUP, name) {
        return;
    }
    run.progress(GROUP, name);
    let port = port.to_string();
    let mut row = Row::new(GROUP, name, Unit::Count("instructions"), REQUEST);
    let mut programs = request_programs(&port, "1");
    let curl = if run.options.quick { Err("left out of a quick run".to_owned()) } else { curl::installed() };
    if curl.is_ok() {
        programs.push(("curl", Standing::Peer, curl_program(&port)));
    }
    fill(&mut row, Counter::Instructions, programs, run.options.pick((200, 600), (500, 2_500)));
    if let Err(why) = curl {
        row.peer("curl", Err::<Figure, _>(why));
    }
    row.peer("Go net/http", Err::<Figure, _>("its runtime does not run under valgrind".to_owned()));
    if let Some(bare) = row.figure(requests::BARE) {
        for who in [requests::OURS, requests::OURS_ALONE] {
            let times = row.figure(who).map_or(f64::INFINITY, |figure| figure.median / bare.median);
            row.check(
                times <= LIMIT_REQUEST,
                format!("{who}: {times:.3} times the bare connection's, at most {LIMIT_REQUEST}"),
            );
        }
    }
    row.stand_beside_the_best();
    let mut bars = Bars::default();
    bars.category("GET on a kept connection, 13 bytes");
    for entry in &row.entries {
        if let Some(figure) = row.figure(&entry.who) {
            bars.push(&entry.who, figure.median, &crate::report::grouped(figure.median));
        }
    }
    if bars.is_complete() {
        let title = "A request costs little more than on hyper's bare connection";
        run.charts.push(Chart::bars("cost-request.svg", GROUP, title, "instructions", bars));
    }
    run.push(row);
}

fn request_calls(run: &mut Run, port: u16) {
    let name = "system calls for a request on a connection that is kept";
    if !run.options.wants(GROUP, name) {
        return;
    }
    run.progress(GROUP, name);
    let port = port.to_string();
    let mut row = Row::new(GROUP, name, Unit::Count("system calls"), REQUEST);
    let mut programs = request_programs(&port, "1");
    let missing = go::program().err();
    if let Ok(path) = go::program() {
        let url = format!("http://127.0.0.1:{port}/");
        let go: AtLength<'_> = Box::new(move |n| Program {
            path: path.clone(),
            arguments: Vec::new(),
            input: format!("get {url} {n} 1\n"),
        });
        programs.push(("Go net/http", Standing::Peer, go));
    }
    let curl = curl::installed();
    if curl.is_ok() {
        programs.push(("curl", Standing::Peer, curl_program(&port)));
    }
    fill(&mut row, Counter::SystemCalls, programs, run.options.pick((100, 400), (500, 1_500)));
    for (who, missing) in [("Go net/http", missing), ("curl", curl.err())] {
        if let Some(why) = missing {
            row.peer(who, Err::<Figure, _>(why));
        }
    }
    check_equal(&mut row, requests::OURS, requests::BARE);
    row.stand_beside_the_best();
    run.push(row);
}

/// The same with 32 requests at a time, where a wake-up may serve several of them.
fn many_requests(run: &mut Run, port: u16) {
    let port = port.to_string();
    for (counter, name, unit) in [
        (Counter::Instructions, "instructions for a request, 32 at a time on one thread", "instructions"),
        (Counter::SystemCalls, "system calls for a request, 32 at a time on one thread", "system calls"),
    ] {
        if !run.options.wants(GROUP, name) || (run.options.quick && counter == Counter::Instructions) {
            continue;
        }
        run.progress(GROUP, name);
        let mut row = Row::new(GROUP, name, Unit::Count(unit), MANY);
        fill(&mut row, counter, request_programs(&port, "32"), run.options.pick((320, 1_280), (640, 6_400)));
        row.peer("Go net/http, curl", Err::<Figure, _>("not asked: they have no such thread".to_owned()));
        row.stand_beside_the_best();
        run.push(row);
    }
}

fn fill(row: &mut Row, counter: Counter, programs: Vec<(&str, Standing, AtLength<'_>)>, lengths: (usize, usize)) {
    let (named, at_length): (Vec<_>, Vec<_>) =
        programs.into_iter().map(|(who, standing, at)| ((who, standing), at)).unzip();
    for ((who, standing), count) in named.into_iter().zip(counter.count(&at_length, lengths)) {
        // System calls that are not made for each one come and go: hundredths are noise.
        let digits = if counter == Counter::Instructions { 1.0 } else { 100.0 };
        row.add(standing, who, count.map(|count| Figure::exact((count * digits).round() / digits)));
    }
}

/// Ours makes as many system calls as `bare`. A wake-up more or less in a run is the scheduler's doing.
fn check_equal(row: &mut Row, ours: &str, bare: &str) {
    if let (Some(figure), Some(theirs)) = (row.figure(ours), row.figure(bare)) {
        let (figure, theirs) = (figure.median, theirs.median);
        row.check(figure - theirs < 0.1, format!("{ours}: {figure:.2} against {theirs:.2} of the bare one"));
    }
}
