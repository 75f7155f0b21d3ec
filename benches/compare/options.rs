//! What the command line asks for.

use std::path::PathBuf;

/// How to run, and what.
#[derive(Debug)]
pub(crate) struct Options {
    /// Fewer rounds, and peers that hang are given up sooner: the whole of it in a minute.
    pub(crate) quick: bool,
    /// Only rows whose group and name contain all of these words.
    pub(crate) filter: Vec<String>,
    pub(crate) json: Option<PathBuf>,
    /// Where `compare.md` and the charts go.
    pub(crate) out: PathBuf,
}

const USAGE: &str = "\
usage: cargo bench --bench compare -- [--quick] [--json FILE] [--out DIR] [WORD...]

  --quick      fewer rounds: a minute on two cores
  --json FILE  every row, with its checks, as JSON
  --out DIR    where compare.md and compare/*.svg go (default: cargo's target directory)
  WORD...      only rows whose group and name contain every word";

impl Options {
    /// Reads the arguments, or says what they could be.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, &'static str> {
        let mut options = Self { quick: false, filter: Vec::new(), json: None, out: target_directory() };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = Some(arguments.next().ok_or(USAGE)?.into()),
                "--out" => options.out = arguments.next().ok_or(USAGE)?.into(),
                // Cargo says that it is a benchmark.
                "--bench" => {}
                word if !word.starts_with('-') => options.filter.push(word.to_lowercase()),
                _ => return Err(USAGE),
            }
        }
        Ok(options)
    }

    /// Whether a row is asked for.
    pub(crate) fn wants(&self, group: &str, name: &str) -> bool {
        let text = format!("{group} {name}").to_lowercase();
        self.filter.iter().all(|word| text.contains(word))
    }

    /// One number for a quick run, another for a full one.
    pub(crate) fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// The directory that this program was built into: it is in `target/release/deps`.
pub(crate) fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}
