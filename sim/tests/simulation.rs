//! A short run of the simulation, a check of its determinism, and the saved scenarios.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use hyper_happy_eyeballs_sim::plan::{Ask, Plan, Step, Wishes, generate, shrink};
use hyper_happy_eyeballs_sim::{Report, run};

fn violations(report: &Report) -> String {
    report.violations.iter().map(|violation| format!("{violation}\n")).collect()
}

/// Reads the scenario files of a directory.
fn scenarios(directory: &str) -> Vec<(String, Plan)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let read = |path: &Path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let plan = fs::read_to_string(path).unwrap().parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, plan)
    };
    files.iter().map(|path| read(path)).collect()
}

#[test]
fn twenty_thousand_exchanges_break_no_rule() {
    let mut exchanges = 0;
    for seed in 0.. {
        let plan = generate(seed, Wishes::default());
        let report = run(&plan);
        assert!(report.violations.is_empty(), "seed {seed}:\n{}{plan}", violations(&report));
        exchanges += report.exchanges;
        if exchanges >= 20_000 {
            return;
        }
    }
}

#[test]
fn the_scenarios_that_were_kept_break_no_rule() {
    let scenarios = scenarios("scenarios");
    assert!(!scenarios.is_empty());
    for (name, plan) in scenarios {
        let report = run(&plan);
        assert!(report.violations.is_empty(), "{name}:\n{}", violations(&report));
        assert!(report.exchanges > 0, "{name} asks for nothing");
    }
}

/// These are examples of the features that [`Wishes`] leaves out by default.
#[test]
fn the_open_scenarios_break_a_rule_until_they_are_mended() {
    for (name, plan) in scenarios("scenarios/open") {
        let report = run(&plan);
        assert!(!report.violations.is_empty(), "{name} breaks no rule any more: move it to `scenarios`");
    }
}

#[test]
fn a_plan_gives_the_same_run_every_time() {
    for seed in 0..150 {
        let plan = generate(seed, Wishes::ALL);
        let (one, other) = (run(&plan), run(&plan));
        assert_eq!((one.trace, violations(&one)), (other.trace, violations(&other)), "seed {seed}");
    }
}

#[test]
fn other_seeds_give_other_runs() {
    let mut traces: Vec<u64> = (0..100).map(|seed| run(&generate(seed, Wishes::default())).trace).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 100);
}

#[test]
fn a_plan_is_read_as_it_was_printed() {
    for seed in 0..500 {
        let plan = generate(seed, Wishes::ALL);
        assert_eq!(plan.to_string().parse(), Ok(plan), "seed {seed}");
    }
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    let message = |text: &str| text.parse::<Plan>().unwrap_err();
    assert_eq!(message("seed 1\nclient retry=always"), "line 2: `always` is unknown");
    assert_eq!(message("caller runtime=0\n  GET host=x"), "line 2: `x` is not such a number");
    assert_eq!(message("  GET host=0"), "line 1: it belongs to nothing");
    assert_eq!(message("connection\n  answer 200"), "line 2: `answer 200` is unknown");
}

#[test]
fn a_plan_is_shrunk_to_what_it_fails_of() {
    let is_key = |ask: &Ask| ask.key;
    let fails = |plan: &Plan| {
        let resets = plan.connections.iter().any(|script| script.steps.contains(&Step::Reset(true)));
        resets && plan.callers.iter().any(|caller| caller.asks.iter().any(is_key))
    };
    let plan = (0..).map(|seed| generate(seed, Wishes::default())).find(|plan| fails(plan)).unwrap();
    let small = shrink(&plan, fails);
    assert_eq!((small.callers.len(), small.asks(), small.connections.len()), (1, 1, 1), "{small}");
    assert_eq!(small.connections[0].steps, [Step::Reset(true)]);
    assert!(small.callers[0].asks[0].key && small.callers[0].asks[0].cancel.is_none());
}
