//! This crate beside its peers, in one run: each claim of the README is a row here.
//!
//! ```text
//! cargo bench --bench compare              # everything
//! cargo bench --bench compare -- --quick   # in a minute
//! cargo bench --bench compare -- dead      # the rows with this word
//! ```
//!
//! A row has our figure, the peers' figures, their ratios, and why it is fair. A peer that is not installed is named. Fails
//! only if a count is not as claimed: instructions, system calls, lost responses, connections, and whether the simulation agrees
//! with real sockets. A time that is not as claimed is a warning, since another program may have had the processor; but for the
//! time of a burst, which fails where three quarters of the rounds, in which all take turns, are not as claimed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock, and its servers are tasks of their own")]

#[cfg_attr(not(feature = "https"), path = "no_burst.rs")]
mod burst;
mod chart;
mod child;
mod connect;
mod cores;
mod cost;
#[cfg(feature = "https")]
mod identity;
mod lost;
mod machine;
mod options;
mod peers;
mod places;
mod report;
mod run;
mod scale;
mod server;
mod simulation;
mod stats;

use std::process::ExitCode;

use options::Options;
use run::Run;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if child::run(&arguments) {
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    // Compiling is not measuring.
    if let Err(why) = peers::go::program() {
        eprintln!("  ... {why}");
    }
    let mut run = Run::new(options);
    connect::measure(&mut run);
    simulation::agree::measure(&mut run);
    simulation::measure(&mut run);
    simulation::population::measure(&mut run);
    cost::measure(&mut run);
    cost::throughput::measure(&mut run);
    lost::measure(&mut run);
    burst::measure(&mut run);
    scale::measure(&mut run);
    match run.finish() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("could not write what was measured: {error}");
            ExitCode::FAILURE
        }
    }
}
