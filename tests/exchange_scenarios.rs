//! Every file in `tests/scenarios/exchange` is a test: what a server does and what a client requests, a line `---`, and the expected result. The
//! format is described in `tests/scenarios/README.md`.
//!
//! With `EXCHANGE_CLIENT=hyper-util` in the environment the files are run with hyper-util's client instead. Then no test fails, and each difference
//! is printed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what another client does is printed")]

#[path = "support/exchange/mod.rs"]
mod exchange;
#[path = "support/report.rs"]
mod report;

use std::path::Path;
use std::sync::Arc;

use exchange::Stage;
use exchange::clients::{AnyClient, Which, patience};
use exchange::running::{self, check_wrong};
use exchange::scenario::{Failure, Scenario};
use exchange::script::Http1;
use exchange::server::Server;
use exchange::visit::Visit;
use report::Report;
use tokio::runtime::Runtime;

datatest_stable::harness! {
    { test = scenario, root = "scenarios/exchange", pattern = r"\.txt$" },
    { test = wrong_scenario, root = "scenarios/wrong_exchange", pattern = r"\.txt$" },
}

fn scenario(path: &Path, text: String) -> datatest_stable::Result<()> {
    match std::env::var("EXCHANGE_CLIENT").as_deref() {
        Err(_) | Ok("" | "ours") => check(&text, Which::Ours).map_err(Report::new)?,
        Ok("hyper-util") => {
            if let Err(difference) = check(&text, Which::HyperUtil) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                eprintln!("\n{name}: hyper-util's client differs\n{difference}");
            }
        }
        Ok(other) => return Err(format!("EXCHANGE_CLIENT is ours or hyper-util, not {other}").into()),
    }
    Ok(())
}

/// The runner itself is tested with wrong files: each must fail.
fn wrong_scenario(_: &Path, text: String) -> datatest_stable::Result<()> {
    check_wrong(&text, |text| check(text, Which::Ours)).map_err(Report::new)?;
    Ok(())
}

/// Runs a scenario with a client on either runtime.
fn check(text: &str, which: Which) -> Result<(), Failure> {
    running::check(text, |_| vec![("TCP", ())], |scenario, runtime, ()| run(scenario, runtime, which))
}

/// Runs the whole scenario once. If it does not end, the error says which side waits for what.
fn run(scenario: &Arc<Scenario<Http1>>, runtime: &Runtime, which: Which) -> Result<Vec<String>, Failure> {
    let stage = Stage::default();
    let mut server = Server::start(Arc::clone(scenario), stage.clone())?;
    let origin = format!("http://{}", server.host.address);
    runtime.block_on(async {
        let client = AnyClient::new(which, &scenario.settings)?;
        let visit = Visit::new(scenario, stage.clone(), origin, client);
        let all = async {
            let mut log = visit.follow().await?;
            server.host.finish().await?;
            log.extend(server.log());
            Ok(log)
        };
        match tokio::time::timeout(patience(which), all).await {
            Ok(result) => result,
            Err(_) => Err(format!("it hangs: {}", stage.board()).into()),
        }
    })
}
