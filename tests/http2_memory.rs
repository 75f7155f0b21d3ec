//! How much memory a hostile HTTP/2 server makes the client use. The memory of the whole process is measured, so these tests are alone in their
//! binary.
#![cfg(all(feature = "http2", feature = "tls", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange/mod.rs"]
mod exchange;
#[path = "support/http2/mod.rs"]
mod http2;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use exchange::Stage;
use exchange::clients::Which;
use exchange::comparison::difference;
use exchange::running::read;
use http2::running::run;
use http2::script::Http2;
use http2::tls::Tls;
use tokio::runtime::Builder;

/// W39. RFC 9113 §6.9: a response that nobody reads takes its window, and no more, however many others go by.
#[test]
fn a_response_that_is_not_read_takes_no_more_than_its_window() {
    check(
        "HEADERS 1 200\n fill 1\n serve 100 200 5",
        "GET hold\n start GET times 100\n finish\n tell held\n until measured\n drop-body",
        "1 200 0..2097152 bytes, dropped\n2-101 200 5 bytes\nconnection 1 was filled with 65535..2097152 bytes\n\
         connections 1\nstreams 101\nrepeats 0\nanswers 100",
    );
}

/// W40. CVE-2019-9512 and 9515: frames that want an ack each, and nobody reads the acks.
#[test]
fn acks_that_nobody_reads_take_no_memory() {
    for kind in ["PING", "SETTINGS"] {
        check_flood(&format!("flood {kind} 100000"), "POST full 5", "1 error closed-before-response, unknown");
    }
}

/// W43. RUSTSEC-2026-0258: a body of one byte a frame, which is not read.
#[test]
fn frames_of_one_byte_that_are_not_read_take_no_memory() {
    check_flood(
        "HEADERS last 200\n flood DATA last 900000",
        "GET hold\n read",
        "1 200 0..900000 bytes, error response-body, ENHANCE_YOUR_CALM or 1 200 0..900000 bytes, error response-body",
    );
}

/// A server that does this after a request and then nothing more, and what comes of the request.
fn check_flood(flood: &str, asked: &str, outcome: &str) {
    check(
        &format!("{flood}\n tell held\n until measured\n close"),
        asked,
        &format!(
            "{outcome}\nconnection 1 took|left|stalled in the flood\nconnections 1\nstreams 1\nrepeats 0\nanswers 0"
        ),
    );
}

/// A server that does this after a request, what a client asks, and the log of it. Where one of them has told `held`, the process must not have grown by more
/// than 8 MiB.
fn check(served: &str, asked: &str, log: &str) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let text = format!("connection 1\n SETTINGS\n await HEADERS\n {served}\nclient\n {asked}\n---\n{log}");
    let tls = Tls::new().alpn(&["h2"]);
    for (over, over_tls, round) in [("TCP", false, 0), ("TCP", false, 1), ("TLS", true, 0), ("TLS", true, 1)] {
        let (scenario, expected) = read::<Http2>(&text).unwrap();
        let (stage, runtime) = (Stage::default(), Builder::new_current_thread().enable_all().build().unwrap());
        let before = resident();
        let measuring = thread::spawn({
            let stage = stage.clone();
            move || {
                stage.block("held").unwrap();
                let after = resident();
                stage.tell("measured");
                after
            }
        });
        let log = run(&Arc::new(scenario), &stage, &runtime, Which::Ours, &tls, over_tls).unwrap();
        if let Some(difference) = difference(&expected, &log) {
            panic!("the log is not the expected one, over {over}\n\n{difference}");
        }
        let grown = measuring.join().unwrap().saturating_sub(before);
        // The first round makes allocations that are made only once.
        assert!(round == 0 || grown < MOST, "{served}: the process has grown by {grown} bytes, over {over}");
    }
}

/// What the process has in memory, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    // Where pages are larger, there is less to be seen.
    pages * 4096
}

const MOST: usize = 8 * 1024 * 1024;
