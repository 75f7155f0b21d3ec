//! A million closes and a hundred thousand cancelled races over real sockets, each of them counted. See the README.

#![allow(clippy::print_stdout, reason = "it is what the program is for")]

mod callers;
mod cancelled;
mod cases;
mod closes;
mod figures;
mod http2;
mod ledger;
mod leftovers;
#[allow(dead_code, reason = "the tests use the rest")]
#[allow(clippy::unwrap_used, reason = "it is for tests, which fail by panicking")]
#[path = "../../tests/support/loopback.rs"]
mod loopback;
#[allow(dead_code, reason = "the tests use the rest")]
#[allow(clippy::unwrap_used, reason = "it is for tests, which fail by panicking")]
#[path = "../../tests/support/origin.rs"]
mod origin;
mod outcome;
mod places;
#[path = "../../tests/support/exchange_runs.rs"]
mod runs;
#[path = "../../tests/support/exchange_server.rs"]
mod server;
mod system;
#[path = "../../tests/support/exchange_tls.rs"]
mod tls;

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::cancelled::Races;
use crate::cases::Case;
use crate::figures::{Figures, table};

const USAGE: &str = "\
usage: races [--requests N] [--cancelled N] [--seed S] [--tls] [--http2]

Sends N requests in each of four cases of a close, over TLS if that is said, and cancels N races to connect. With --http2 it sends N requests
one at a time and N requests 64 at a time over HTTP/2 instead. The status is 1 if anything happens that must not.
Defaults: 250000 requests, 100000 cancelled races, seed 0.";

fn main() -> ExitCode {
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let mut violations = 0;

    if options.http2 {
        let run = |callers| http2::run(&runtime(threads), callers, options.requests, options.seed, options.tls);
        let figures = [1, 64].map(run);
        violations += figures.iter().map(http2::Figures::violations).sum::<usize>();
        println!("{}", table(&http2::Figures::headings(), &figures.each_ref().map(http2::Figures::row)));
    } else {
        let mut rows = Vec::new();
        for case in Case::ALL {
            let figures = closes::run(&runtime(threads), case, options.requests, options.seed, options.tls);
            violations += figures.violations();
            rows.push(figures.row());
        }
        println!("{}", table(&Figures::headings(), &rows));

        let races = cancelled::run(&runtime(threads), options.cancelled, options.seed);
        violations += races.violations();
        println!("{}", table(&Races::headings(), &[races.row()]));
    }

    println!("seed {}, {threads} threads of the client, {violations} violations", options.seed);
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn runtime(threads: usize) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.expect("the system has room for a runtime")
}

struct Options {
    requests: usize,
    cancelled: usize,
    seed: u64,
    tls: bool,
    http2: bool,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { requests: 250_000, cancelled: 100_000, seed: 0, tls: false, http2: false };
        while let Some(word) = words.next() {
            let mut value = || words.next().map(|value| value.replace('_', ""));
            match word.as_str() {
                "--requests" => options.requests = value()?.parse().ok()?,
                "--cancelled" => options.cancelled = value()?.parse().ok()?,
                "--seed" => options.seed = value()?.parse().ok()?,
                "--tls" => options.tls = true,
                "--http2" => options.http2 = true,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Held by a test that opens descriptors, or counts those of the process.
#[cfg(test)]
static DESCRIPTORS: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = |words: &str| Options::read(words.split_whitespace().map(str::to_owned));
        let options = read("--requests 1_000 --seed 7").unwrap();
        assert_eq!((options.requests, options.cancelled, options.seed, options.tls), (1000, 100_000, 7, false));
        assert!(!options.http2);
        assert!(read("--tls --requests 1").unwrap().tls);
        assert!(read("--http2").unwrap().http2);
        for wrong in ["--requests", "--requests many", "--other 1"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
