//! Runs a scenario on either runtime, and compares its log with the expected one.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::comparison::difference;
use super::scenario::{Failure, Protocol, Scenario};
use super::words::number;

/// Runs a scenario file as often as it says, each time on another runtime. The error shows where the log differs. The environment variable
/// `EXCHANGE_REPEAT`, a whole number that defaults to 1, multiplies the number of runs.
///
/// `ways` are the ways to run it, with their names: over TCP, say.
pub(crate) fn check<P: Protocol, W: Copy>(
    text: &str,
    ways: impl FnOnce(&P::Settings) -> Vec<(&'static str, W)>,
    run: impl Fn(&Arc<Scenario<P>>, &Runtime, W) -> Result<Vec<String>, Failure>,
) -> Result<(), Failure> {
    let (scenario, expected) = read(text)?;
    let scenario = Arc::new(scenario);
    if scenario.linux_only && !cfg!(target_os = "linux") {
        return Ok(());
    }
    let factor = std::env::var("EXCHANGE_REPEAT").map_or(Ok(1), |factor| number(&factor))?;
    let rounds: usize = scenario.repeat * factor;
    let runtimes = [("current-thread", current_thread as fn() -> Runtime), ("multi-thread", multi_thread)];
    for (over, way) in ways(&scenario.settings) {
        for (name, runtime) in runtimes {
            for round in 1..=rounds {
                let place = || format!("over {over} on the {name} runtime, round {round} of {rounds}");
                let actual = run(&scenario, &runtime(), way).map_err(|error| format!("{}: {error}", place()))?;
                if let Some(difference) = difference(&expected, &actual) {
                    return Err(format!("the log is not the expected one, {}\n\n{difference}", place()).into());
                }
            }
        }
    }
    Ok(())
}

/// Reads a file: the scenario, and the expected log.
pub(crate) fn read<P: Protocol>(text: &str) -> Result<(Scenario<P>, Vec<&str>), Failure> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, without_comment(line)));
    let scenario = Scenario::read(lines.by_ref().take_while(|(_, line)| *line != "---"))?;
    let expected: Vec<&str> = lines.map(|(_, line)| line).filter(|line| !line.is_empty()).collect();
    if expected.is_empty() { Err("there is no log below a line `---`".into()) } else { Ok((scenario, expected)) }
}

/// Runs a file that must fail. The report must have the words of its `# report:` lines, or show both logs side by side if there are none.
pub(crate) fn check_wrong(text: &str, check: impl FnOnce(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut words: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# report: ")).collect();
    if words.is_empty() {
        words = ["expected", "actual", "≠"].to_vec();
    }
    let Err(report) = check(text) else { return Err("a wrong scenario passed".into()) };
    let report = report.to_string();
    match words.iter().find(|word| !report.contains(*word)) {
        None => Ok(()),
        Some(missing) => Err(format!("the report does not say `{missing}`: {report}").into()),
    }
}

fn without_comment(line: &str) -> &str {
    line.split_once('#').map_or(line, |(before, _)| before).trim()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
