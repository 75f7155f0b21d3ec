//! What a hostile server of HTTP/2 costs in memory: that of the whole process, which is why these tests are alone in it.
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

/// W40. CVE-2019-9512 and 9515: frames that want an ack each, and nobody reads the acks.
#[test]
fn acks_that_nobody_reads_take_no_memory() {
    for kind in ["PING", "SETTINGS"] {
        check(
            &format!("flood {kind} 100000"),
            "POST full 5",
            "1 error closed-before-response, unknown or 1 error closed-before-response, unknown, ENHANCE_YOUR_CALM",
        );
    }
}

/// W43. RUSTSEC-2026-0258: a body of one byte a frame, which is not read.
#[test]
fn frames_of_one_byte_that_are_not_read_take_no_memory() {
    check(
        "HEADERS last 200\n flood DATA last 900000",
        "GET hold\n read",
        "1 200 0..900000 bytes, error response-body, ENHANCE_YOUR_CALM or 1 200 0..900000 bytes, error response-body",
    );
}

/// A server that does this after a request, and what comes of the request. Fails if the process has grown by more than 8 MiB.
fn check(flood: &str, asked: &str, outcome: &str) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hold = "tell held\n until measured\n close";
    let text = format!(
        "connection 1\n SETTINGS\n await HEADERS\n {flood}\n {hold}\nclient\n {asked}\n---\n{outcome}\n\
         connection 1 took|left|stalled in the flood\nconnections 1\nstreams 1\nrepeats 0\nanswers 0"
    );
    let tls = Tls::new().alpn(&["h2"]);
    for round in 0..2 {
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
        let log = run(&Arc::new(scenario), &stage, &runtime, Which::Ours, &tls, false).unwrap();
        if let Some(difference) = difference(&expected, &log) {
            panic!("the log is not the expected one\n\n{difference}");
        }
        let grown = measuring.join().unwrap().saturating_sub(before);
        // The first round makes what is made once.
        assert!(round == 0 || grown < MOST, "{flood}: the process has grown by {grown} bytes");
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
