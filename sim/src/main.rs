//! Runs many simulations, or one.

#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hyper_happy_eyeballs_sim::plan::{Plan, Wishes, generate, shrink};
use hyper_happy_eyeballs_sim::{Report, run};

const USAGE: &str = "\
usage: sim [--exchanges N] [--seed S] [--threads T] [--keep-going | --brief]
           [--all] [--with NAME]... [--without NAME]...
       sim --replay FILE

Runs simulations with the seeds S, S + 1, … until N requests were asked for, or one fails. Its plan is shrunk and printed, unless
it is to be brief; with --keep-going, all that fail are named.
Defaults: 1000000 exchanges, seed 0, as many threads as the machine has.
NAME is something that plans may contain: first-words, deaf, layered, narrow, runtimes, http1, http2, alpn.";

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok(Options { replay: Some(file), .. }) => replay(&file),
        Ok(options) => many(&options),
        Err(problem) => {
            println!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

struct Options {
    exchanges: u64,
    seed: u64,
    threads: usize,
    keep_going: bool,
    brief: bool,
    wishes: Wishes,
    replay: Option<String>,
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options {
        exchanges: 1_000_000,
        seed: 0,
        threads,
        keep_going: false,
        brief: false,
        wishes: Wishes::default(),
        replay: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.replace('_', "").parse::<u64>().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--exchanges" => options.exchanges = number(value()?)?,
            "--seed" => options.seed = number(value()?)?,
            "--threads" => options.threads = number(value()?)?.max(1) as usize,
            "--keep-going" => options.keep_going = true,
            "--brief" => options.brief = true,
            "--replay" => options.replay = Some(value()?),
            "--with" | "--without" => {
                let name = value()?;
                let wishes = options.wishes.with(&name, word == "--with");
                options.wishes = wishes.ok_or_else(|| format!("{name} is none of {}", Wishes::NAMES.join(", ")))?;
            }
            "--all" => options.wishes = Wishes::ALL,
            other => return Err(format!("{other} is unknown")),
        }
    }
    Ok(options)
}

fn replay(file: &str) -> ExitCode {
    let plan = std::fs::read_to_string(file).map_err(|error| error.to_string()).and_then(|text| text.parse::<Plan>());
    let plan = match plan {
        Ok(plan) => plan,
        Err(problem) => {
            println!("{file}: {problem}");
            return ExitCode::from(2);
        }
    };
    let report = run(&plan);
    println!("{} exchanges, trace {:016x}", report.exchanges, report.trace);
    report.violations.iter().for_each(|violation| println!("{violation}"));
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "how long all of it takes is told by the real clock")]
fn many(options: &Options) -> ExitCode {
    let (next, exchanges, violations) = (AtomicU64::new(options.seed), AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    // Guards only the order of the output.
    let printing = Mutex::new(());
    let start = Instant::now();
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                while !is_over.load(SeqCst) && exchanges.load(SeqCst) < options.exchanges {
                    let seed = next.fetch_add(1, SeqCst);
                    let plan = generate(seed, options.wishes);
                    let report = run(&plan);
                    exchanges.fetch_add(report.exchanges, SeqCst);
                    if report.violations.is_empty() {
                        continue;
                    }
                    violations.fetch_add(1, SeqCst);
                    if !options.keep_going && is_over.swap(true, SeqCst) {
                        return;
                    }
                    let _guard = printing.lock().unwrap_or_else(PoisonError::into_inner);
                    tell(&plan, &report, options.keep_going || options.brief);
                }
            });
        }
    });
    let (seeds, exchanges) = (next.load(SeqCst) - options.seed, exchanges.load(SeqCst));
    let (violations, seconds) = (violations.load(SeqCst), start.elapsed().as_secs_f64());
    println!("{seeds} seeds, {exchanges} exchanges in {seconds:.1} s, {violations} seeds that failed");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the violations of a plan, and the smallest plan with the same violation.
fn tell(plan: &Plan, report: &Report, is_brief: bool) {
    let rule = report.violations[0].rule;
    println!("seed {}: {}", plan.seed, report.violations[0]);
    if is_brief {
        return;
    }
    let small = shrink(plan, |plan| run(plan).violations.iter().any(|violation| violation.rule == rule));
    println!("\n# A plan that breaks the same rule:");
    run(&small).violations.iter().for_each(|violation| println!("# {violation}"));
    println!("{small}");
}
