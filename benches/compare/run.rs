//! A run: what was asked for, and what was found so far.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::time::Instant;

use crate::chart::Chart;
use crate::machine;
use crate::options::Options;
use crate::report::{Row, Verdict, json, markdown, text};
use crate::stats::Figure;

pub(crate) struct Run {
    pub(crate) options: Options,
    began: Instant,
    pub(crate) rows: Vec<Row>,
    pub(crate) charts: Vec<Chart>,
    /// Our times over real sockets, by case, for the simulation to be checked against.
    pub(crate) real: BTreeMap<&'static str, Option<Figure>>,
}

impl Run {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, began: Instant::now(), rows: Vec::new(), charts: Vec::new(), real: BTreeMap::new() }
    }

    /// Says what is being measured.
    pub(crate) fn progress(&self, group: &str, what: &str) {
        eprintln!("[{:3.0} s] {group}: {what}", self.began.elapsed().as_secs_f64());
    }

    /// A row is complete.
    pub(crate) fn push(&mut self, row: Row) {
        if self.options.wants(row.group, &row.name) {
            println!("{}", text::row(&row, self.rows.last()));
            self.rows.push(row);
        }
    }

    /// Writes charts, page and JSON. Returns how many counts are not as claimed.
    pub(crate) fn finish(&self) -> Result<usize, Box<dyn Error>> {
        let seconds = self.began.elapsed().as_secs_f64();
        let machine = machine::describe();
        let charts = self.options.out.join("compare");
        fs::create_dir_all(&charts)?;
        for chart in &self.charts {
            chart.write(&charts)?;
        }
        let described: Vec<_> =
            self.charts.iter().map(|chart| (chart.file.to_owned(), chart.group, chart.title.clone())).collect();
        let page = markdown::page(&machine::heading(&machine, self.options.quick, seconds), &self.rows, &described);
        fs::write(self.options.out.join("compare.md"), page)?;
        if let Some(file) = &self.options.json {
            fs::write(file, format!("{:#}\n", json::document(&machine, seconds, &self.rows)))?;
        }
        let said = self.rows.iter().flat_map(|row| row.verdicts.iter().map(move |verdict| (row, verdict)));
        let (mut held, mut warned, mut failed) = (0, Vec::new(), Vec::new());
        for (row, verdict) in said {
            match verdict {
                Verdict::Holds(_) => held += 1,
                Verdict::Warns(claim) => warned.push(format!("WARNING: {}: {}: {claim}", row.group, row.name)),
                Verdict::Fails(claim) => failed.push(format!("FAILED: {}: {}: {claim}", row.group, row.name)),
            }
        }
        println!(
            "{} rows in {seconds:.0} s: {held} claims hold, {} times are not as claimed, {} counts are not as claimed",
            self.rows.len(),
            warned.len(),
            failed.len()
        );
        for line in warned.iter().chain(&failed) {
            println!("{line}");
        }
        Ok(failed.len())
    }
}
