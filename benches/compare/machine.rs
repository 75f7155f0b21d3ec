//! What the figures were measured on.

use std::fs;

use crate::peers::first_line_of;

/// What there is, and which it is.
pub(crate) fn describe() -> Vec<(String, String)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let or_none = |version: Option<String>| version.unwrap_or_else(|| "not installed".to_owned());
    let mut machine = vec![
        ("processor".to_owned(), format!("{}, {cores} cores", model.unwrap_or(std::env::consts::ARCH))),
        ("system".to_owned(), or_none(first_line_of("uname", &["-sr"]))),
        ("Rust".to_owned(), or_none(first_line_of("rustc", &["--version"]))),
        ("Go".to_owned(), or_none(first_line_of("go", &["version"]))),
        ("curl".to_owned(), or_none(first_line_of("curl", &["--version"]).map(|line| short_version(&line)))),
        ("valgrind".to_owned(), or_none(first_line_of("valgrind", &["--version"]))),
    ];
    for name in ["hyper", "hyper-util", "reqwest", "tokio"] {
        machine.push((name.to_owned(), or_none(locked(name))));
    }
    machine
}

/// The head of the page.
pub(crate) fn heading(machine: &[(String, String)], quick: bool, seconds: f64) -> String {
    let how = if quick { "`cargo bench --bench compare -- --quick`" } else { "`cargo bench --bench compare`" };
    let mut text = format!(
        "# Beside its peers\n\nWhat {how} found, in one run of {seconds:.0} s. Times are medians of runs that took turns, with the \
         quartiles; counts of instructions and system calls are exact. *Beside ours* is how many times our figure it is: what \
         counts is the ratio within a row. A row that is marked *beside* is shown, and not compared.\n\n| | |\n|---|---|\n"
    );
    for (what, which) in machine {
        text += &format!("| {what} | {which} |\n");
    }
    text
}

/// The version of a package that this was built with.
fn locked(name: &str) -> Option<String> {
    let mut lines = include_str!("../../Cargo.lock").lines();
    lines.find(|line| *line == format!("name = \"{name}\""))?;
    Some(lines.next()?.trim_start_matches("version = ").trim_matches('"').to_owned())
}

fn short_version(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
