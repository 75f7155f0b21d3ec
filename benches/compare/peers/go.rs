//! Go's `net.Dialer` and `net/http`: a program beside this file, built into `target/`, that is told line by line what to do.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::options::target_directory;

/// The program, or why there is none.
pub(crate) fn program() -> Result<PathBuf, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAM.get_or_init(build).clone()
}

fn build() -> Result<PathBuf, String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/compare/peers/go");
    let program = target_directory().join("compare/peers/go-peer");
    let output = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(source)
        .envs([("CGO_ENABLED", "0"), ("GO111MODULE", "on"), ("GOFLAGS", "-mod=mod")])
        .output();
    match output {
        Err(_) => Err("Go is not installed".to_owned()),
        Ok(output) if !output.status.success() => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("Go could not build its part: {}", why.lines().last().unwrap_or_default()))
        }
        Ok(_) => Ok(program),
    }
}

/// The program, running.
pub(crate) struct Go {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Go {
    /// Starts the Go program with this many threads for Go code.
    pub(crate) fn start(threads: usize) -> Result<Self, String> {
        let mut process = tokio::process::Command::new(program()?)
            .env("GOMAXPROCS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Ok(Self { input, output, _process: process })
    }

    /// Has a command carried out, and returns the numbers of its answer.
    pub(crate) async fn ask(&mut self, command: &str) -> Result<Vec<f64>, String> {
        let asked = self.input.write_all(format!("{command}\n").as_bytes()).await;
        asked.map_err(|error| error.to_string())?;
        let answer = self.output.next_line().await.map_err(|error| error.to_string())?;
        let answer = answer.ok_or("Go's part has ended")?;
        match answer.strip_prefix("ok ") {
            Some(numbers) => Ok(numbers.split(' ').map(|number| number.parse().unwrap()).collect()),
            None => Err(answer),
        }
    }
}
