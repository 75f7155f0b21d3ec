//! Every file in `tests/scenarios/race` is a test: a script, a line `---`, and the whole log that the race must produce.
//! The format is described in `tests/scenarios/README.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "support/race/mod.rs"]
mod race;

use std::fmt::Write as _;
use std::path::Path;

use race::course::Course;
use race::script::Failure;
use support::report::Report;

datatest_stable::harness! {
    { test = scenario, root = "scenarios/race", pattern = r"\.txt$" },
    { test = wrong_scenario, root = "scenarios/wrong", pattern = r"\.txt$" },
}

/// The runner itself is tested with wrong files: each must fail, and the report must have the words of its `# report:` lines, or
/// show both logs side by side if there is no such line.
fn wrong_scenario(path: &Path, text: String) -> datatest_stable::Result<()> {
    let mut words: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("# report: ")).map(String::from).collect();
    if words.is_empty() {
        words = ["expected", "actual", "≠"].map(String::from).to_vec();
    }
    let Err(report) = scenario(path, text) else { return Err("a wrong scenario passed".into()) };
    let report = report.to_string();
    match words.iter().find(|word| !report.contains(*word)) {
        None => Ok(()),
        Some(missing) => Err(format!("the report does not say `{missing}`: {report}").into()),
    }
}

fn scenario(_: &Path, text: String) -> datatest_stable::Result<()> {
    check(&text).map_err(|report| Report::new(report).into())
}

fn check(text: &str) -> Result<(), Failure> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, without_comment(line)));
    let course = Course::read(lines.by_ref().take_while(|(_, line)| *line != "---"))?;
    let expected: Vec<&str> = lines.map(|(_, line)| line).filter(|line| !line.is_empty()).collect();
    if expected.is_empty() {
        return Err("there is no log below a line `---`".into());
    }
    let actual = course.run()?;
    if actual == expected { Ok(()) } else { Err(side_by_side(&expected, &actual).into()) }
}

fn without_comment(line: &str) -> &str {
    line.split_once('#').map_or(line, |(before, _)| before).trim()
}

/// Both logs, a mark between the lines that differ.
fn side_by_side(expected: &[&str], actual: &[String]) -> String {
    let width = expected.iter().map(|line| line.chars().count()).max().unwrap_or(0).max("expected".len());
    let mut out = format!("the log is not the expected one\n\n    {:width$}     actual\n", "expected");
    for i in 0..expected.len().max(actual.len()) {
        let left = expected.get(i).copied().unwrap_or("");
        let right = actual.get(i).map_or("", String::as_str);
        let mark = if left == right { ' ' } else { '≠' };
        writeln!(out, "    {left:width$}  {mark}  {right}").unwrap();
    }
    out
}
