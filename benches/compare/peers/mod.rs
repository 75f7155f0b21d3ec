//! Peers that are processes of their own, or need a word of preparation.

pub(crate) mod curl;
pub(crate) mod go;
pub(crate) mod reqwest;

use std::process::Command;

/// The first line of what a command prints, if there is such a command.
pub(crate) fn first_line_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}
