//! Counts by valgrind and strace. Each program is run at two lengths. The difference of the counts, divided by the difference of the lengths, is the
//! cost of one more connect or request, without the cost of the start.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::options::target_directory;
use crate::peers::first_line_of;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    Instructions,
    SystemCalls,
}

/// A program at one length.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) input: String,
}

impl Program {
    /// This program, as a child.
    pub(crate) fn child(words: &[&str]) -> Self {
        let path = std::env::current_exe().unwrap();
        Self { path, arguments: crate::child::arguments(words), input: String::new() }
    }
}

/// A program that can be run at any length.
pub(crate) type AtLength<'a> = Box<dyn Fn(usize) -> Program + Sync + 'a>;

impl Counter {
    /// Whether the tool is installed.
    pub(crate) fn installed(self) -> Result<(), String> {
        let tool = self.tool();
        let version = first_line_of(tool, &["--version"]);
        version.map(drop).ok_or_else(|| format!("{tool} is not installed"))
    }

    fn tool(self) -> &'static str {
        match self {
            Self::Instructions => "valgrind",
            Self::SystemCalls => "strace",
        }
    }

    /// What each of the programs costs for one more, counted at two lengths, two runs at a time: counts do not mind.
    pub(crate) fn count(self, programs: &[AtLength<'_>], lengths: (usize, usize)) -> Vec<Result<f64, String>> {
        if let Err(why) = self.installed() {
            return programs.iter().map(|_| Err(why.clone())).collect();
        }
        let jobs = (0..programs.len()).flat_map(|index| [(index, lengths.0), (index, lengths.1)]);
        let jobs = Mutex::new(jobs.collect::<Vec<_>>().into_iter());
        let counted = Mutex::new(vec![[Err(String::new()), Err(String::new())]; programs.len()]);
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some((index, length)) = { jobs.lock().unwrap().next() } {
                        let count = self.run(&programs[index](length), &format!("{index}-{length}"));
                        counted.lock().unwrap()[index][usize::from(length == lengths.1)] = count;
                    }
                });
            }
        });
        let each = |[short, long]: [Result<u64, String>; 2]| {
            Ok((long? as f64 - short? as f64) / (lengths.1 - lengths.0) as f64)
        };
        counted.into_inner().unwrap().into_iter().map(each).collect()
    }

    fn run(self, program: &Program, name: &str) -> Result<u64, String> {
        let calls = target_directory().join(format!("compare/strace-{name}.txt"));
        let mut command = Command::new(self.tool());
        match self {
            Self::Instructions => command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]),
            Self::SystemCalls => command.args(["-f", "-c", "-o"]).arg(&calls),
        };
        command.arg(&program.path).args(&program.arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| error.to_string())?;
        let mut input = process.stdin.take().unwrap();
        input.write_all(program.input.as_bytes()).map_err(|error| error.to_string())?;
        drop(input);
        let output = process.wait_with_output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(format!("it ended with {}", output.status));
        }
        let count = match self {
            Self::Instructions => said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok()),
            Self::SystemCalls => {
                let table = std::fs::read_to_string(&calls).unwrap_or_default();
                drop(std::fs::remove_file(&calls));
                total(&table)
            }
        };
        count.ok_or_else(|| format!("{} counted nothing: {}", self.tool(), said.lines().last().unwrap_or_default()))
    }
}

/// The sum of strace's table: seconds in three columns, calls in the fourth.
fn total(table: &str) -> Option<u64> {
    let line = table.lines().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
