//! Every file in `tests/scenarios/http2` is a test of HTTP/2: what a server does, frame by frame, and what a client requests, a line `---`, and the
//! expected result. The format is described in `tests/scenarios/README.md`.
//!
//! The files in `tests/scenarios/http2_server` are always run with hyper-util's client: they show that the server does what its script says. With
//! `HTTP2_CLIENT=hyper-util` in the environment the other files are run with it too. Then no test fails, and each difference is printed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what another client does is printed")]

#[path = "support/exchange/mod.rs"]
mod exchange;
#[path = "support/http2/mod.rs"]
mod http2;
#[path = "support/report.rs"]
mod report;

use std::path::Path;

use exchange::Stage;
use exchange::clients::Which;
use exchange::running::{self, check_wrong};
use exchange::scenario::Failure;
use http2::running::run;
use http2::script::{Http2, Settings};
use http2::stalls::without_stalls;
use http2::tls::Tls;
use report::Report;

datatest_stable::harness! {
    { test = scenario, root = "scenarios/http2", pattern = r"\.txt$" },
    { test = server_scenario, root = "scenarios/http2_server", pattern = r"\.txt$" },
    { test = wrong_scenario, root = "scenarios/wrong_http2", pattern = r"\.txt$" },
}

fn scenario(path: &Path, text: String) -> datatest_stable::Result<()> {
    match std::env::var("HTTP2_CLIENT").as_deref() {
        Err(_) | Ok("" | "ours") => check(&text, Which::Ours).map_err(Report::new)?,
        Ok("hyper-util") => {
            if let Err(difference) = check(&text, Which::HyperUtil) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                eprintln!("\n{name}: hyper-util's client differs\n{difference}");
            }
        }
        Ok(other) => return Err(format!("HTTP2_CLIENT is ours or hyper-util, not {other}").into()),
    }
    Ok(())
}

/// Checks the server of the scenarios with a client that is known well.
fn server_scenario(_: &Path, text: String) -> datatest_stable::Result<()> {
    check(&text, Which::HyperUtil).map_err(Report::new)?;
    Ok(())
}

/// The runner itself is tested with wrong files: each must fail.
fn wrong_scenario(_: &Path, text: String) -> datatest_stable::Result<()> {
    check_wrong(&text, |text| check(text, Which::Ours)).map_err(Report::new)?;
    Ok(())
}

/// Runs a scenario with a client on either runtime, over TCP and over TLS.
fn check(text: &str, which: Which) -> Result<(), Failure> {
    let tls = Tls::new().alpn(&["h2"]);
    running::check::<Http2, _>(text, ways, |scenario, runtime, over_tls| {
        without_stalls(|| run(scenario, &Stage::default(), runtime, which, &tls, over_tls))
    })
}

/// The transports of a scenario, and whether that is TLS.
fn ways(settings: &Settings) -> Vec<(&'static str, bool)> {
    let mut ways = vec![("TCP", false), ("TLS", true)];
    ways.retain(|(name, _)| settings.over.is_none_or(|over| over == *name));
    ways
}
