//! The threads and descriptors that look-ups of the system's resolver take, if there are many of them, or if nobody waits for them.
//!
//! The tests count what the whole process has: one at a time. Threads of the resolvers of other tests may still be on their way
//! out: they become fewer, and no more.
#![cfg(all(feature = "connect", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::GaiResolver;
use support::origin::{Origin, until};
use tokio::runtime;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use tokio_test::task;
use tower::ServiceExt;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the documentation of [`GaiResolver`] says.
const MAX_THREADS: usize = 512;

#[test]
fn a_thousand_connects_to_localhost_at_one_time_all_succeed() {
    let _alone = alone();
    run(async {
        let origin = Origin::listen(V4).await;
        let leftover = threads();
        let (connector, uri) = (connector(GaiResolver::new()), uri("localhost", &origin));
        let count = 1000.min(most_connections());
        let connected = join_all((0..count).map(|_| connector.clone().oneshot(uri.parse().unwrap()))).await;
        for connected in connected {
            assert_eq!(connected.unwrap().info().winner().endpoint().address(), origin.address());
        }
        // One name: a plan, and as many calls as may run for one family of it.
        assert!(threads() <= leftover + 1 + 6, "{} threads, {leftover} before", threads());
    });
}

#[test]
fn a_thousand_connects_that_are_dropped_leave_nothing_behind() {
    let _alone = alone();
    run(async {
        let origin = Origin::listen(V4).await;
        let (before, leftover) = (descriptors(), threads());
        let connector = connector(GaiResolver::new());
        let mut dropped = JoinSet::new();
        for i in 0..1000_u64 {
            // The same name, or one of its own.
            let host = if i % 2 == 0 { "localhost".into() } else { old_spelling(i) };
            let connecting = connector.clone().oneshot(uri(&host, &origin).parse().unwrap());
            // Some time: in the look-up, during the attempt, or when it is over.
            let some_time = Duration::from_micros(i * 7_919 % 5_000);
            dropped.spawn(async move {
                if i % 5 == 0 {
                    // As early as it can be: polled once.
                    drop(task::spawn(connecting).poll());
                } else {
                    drop(timeout(some_time, connecting).await);
                }
            });
        }
        let mut most = 0;
        while let Some(dropped) = dropped.join_next().await {
            dropped.unwrap();
            most = most.max(threads());
        }
        assert!((1..=leftover + MAX_THREADS).contains(&most), "{most} threads, {leftover} before");
        // The connections that were made after all are closed, and the server has seen it.
        until(|| descriptors() <= before).await;
        // Whoever comes next is served.
        connector.oneshot(uri("localhost", &origin).parse().unwrap()).await.unwrap();
    });
}

#[test]
fn there_are_no_more_threads_than_there_may_be() {
    let _alone = alone();
    run(async {
        let origin = Origin::listen(V4).await;
        let connector = connector(GaiResolver::new().with_max_threads(3));
        let leftover = threads();
        let uris = (0..100).map(|i| uri(&old_spelling(i), &origin));
        let all = join_all(uris.map(|uri| connector.clone().oneshot(uri.parse().unwrap()))).await;
        let reached = all.into_iter().filter_map(Result::ok).count();
        assert_eq!(reached, 1, "one of them is 127.0.0.1");
        assert!(threads() <= leftover + 3, "{} threads, {leftover} before", threads());
        connector.oneshot(uri("localhost", &origin).parse().unwrap()).await.unwrap();
    });
}

#[test]
fn connectors_that_are_gone_take_their_threads_along() {
    let _alone = alone();
    run(async {
        let origin = Origin::listen(V4).await;
        let leftover = threads();
        for _ in 0..100 {
            // A connector for each connect.
            connector(GaiResolver::new()).oneshot(uri("127.1", &origin).parse().unwrap()).await.unwrap();
        }
        // Each had two. They do not wait for work that cannot come: the last ones may need a moment.
        assert!(threads() <= leftover + 100, "{} threads, {leftover} before", threads());
    });
}

#[test]
fn a_runtime_is_shut_down_while_look_ups_are_under_way() {
    let _alone = alone();
    let (runtime, connector) = (runtime(), connector(GaiResolver::new()));
    let mut connecting = JoinSet::new();
    runtime.block_on(async {
        for i in 0..10 {
            let uri = format!("http://{i}.invalid/").parse().unwrap();
            connecting.spawn(connector.clone().oneshot(uri));
        }
        // Each of them is polled before this one again. A thread is counted once it runs, and has given itself its name.
        let begun = async {
            yield_now().await;
            while threads() == 0 {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), begun).await.expect("no look-up has begun");
    });
    // Where the server does not answer, a look-up takes longer than this.
    let (ended, ends) = std::sync::mpsc::channel();
    thread::spawn(move || {
        drop(runtime);
        ended.send(()).unwrap();
    });
    ends.recv_timeout(Duration::from_secs(4)).expect("the runtime waits for the look-ups");
}

fn connector(resolver: GaiResolver) -> HappyEyeballsConnector {
    HappyEyeballsConnector::builder().resolver(resolver).build().unwrap()
}

fn uri(host: &str, origin: &Origin) -> String {
    format!("http://{host}:{}/", origin.address().port())
}

fn run(test: impl Future<Output = ()>) {
    runtime().block_on(async { timeout(Duration::from_secs(120), test).await.expect("the test has no end") });
}

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A name for the system, though it is an address: what inet_aton makes of `127.n`. Neither a table nor a server is asked.
fn old_spelling(n: u64) -> String {
    format!("127.{n}")
}

/// One test at a time: what is counted is the process's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The threads of the resolvers.
fn threads() -> usize {
    let names = fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
        // A thread may be gone by now.
        fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.filter(|name| name.trim_end() == "he-resolve").count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// How many connections there is room for, both of whose ends are in this process.
fn most_connections() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let soft = open_files.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX);
    (soft / 2).saturating_sub(50)
}
