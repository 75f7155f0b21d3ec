//! The figures of the cases, and their printing.

use std::fmt::Write;
use std::time::Duration;

use crate::ledger::Verdict;
use crate::leftovers::Leftovers;

/// The results of a case.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    case: &'static str,
    verdicts: [usize; Verdict::ALL.len()],
    /// Requests on a connection that the server had decided to end.
    pub(crate) late: usize,
    pub(crate) left: Leftovers,
    pub(crate) took: Duration,
}

impl Figures {
    pub(crate) fn new(case: &'static str) -> Self {
        Self { case, ..Self::default() }
    }

    pub(crate) fn add(&mut self, verdict: Verdict) {
        self.verdicts[verdict as usize] += 1;
    }

    pub(crate) fn of(&self, verdict: Verdict) -> usize {
        self.verdicts[verdict as usize]
    }

    /// Returns the number of violations.
    pub(crate) fn violations(&self) -> usize {
        let verdicts = Verdict::ALL.into_iter().filter(|verdict| verdict.is_violation());
        // Over loopback, what was written before a reset arrives before it, unless the system is short of memory.
        let unacknowledged = self.of(Verdict::Unacknowledged).saturating_sub(self.requests() / 10_000);
        verdicts.map(|verdict| self.of(verdict)).sum::<usize>() + unacknowledged + self.left.count()
    }

    fn requests(&self) -> usize {
        self.verdicts.iter().sum()
    }

    pub(crate) fn headings() -> Vec<String> {
        let verdicts = Verdict::ALL.iter().map(|verdict| verdict.name());
        let headings = ["case", "requests", "met the end"].into_iter().chain(verdicts);
        headings.chain(Leftovers::NAMES).chain(["took"]).map(str::to_owned).collect()
    }

    pub(crate) fn row(&self) -> Vec<String> {
        let counts = [self.requests(), self.late].into_iter().chain(self.verdicts);
        let counts = counts.chain(self.left.counts()).map(|count| count.to_string());
        std::iter::once(self.case.to_owned()).chain(counts).chain([seconds(self.took)]).collect()
    }
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.0} s", duration.as_secs_f64())
}

/// Returns the rows as Markdown.
pub(crate) fn table(headings: &[String], rows: &[Vec<String>]) -> String {
    let lines: Vec<_> = std::iter::once(headings).chain(rows.iter().map(Vec::as_slice)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, &width) in line.iter().zip(&widths) {
            write!(text, "| {cell:width$} ").expect("a String takes everything");
        }
        text.push_str("|\n");
        if number == 0 {
            widths.iter().for_each(|&width| text.push_str(&format!("|{}", "-".repeat(width + 2))));
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether this verdict is a violation. With a single request, an unacknowledged response is one.
    fn is_bad(verdict: Verdict) -> bool {
        verdict.is_violation() || verdict == Verdict::Unacknowledged
    }

    #[test]
    fn a_response_in_ten_thousand_may_be_overtaken_by_its_reset() {
        let mut figures = Figures::default();
        (0..9_999).for_each(|_| figures.add(Verdict::Delivered));
        figures.add(Verdict::Unacknowledged);
        assert_eq!(figures.violations(), 0);
        figures.add(Verdict::Unacknowledged);
        assert_eq!(figures.violations(), 1);
    }

    #[test]
    fn each_verdict_has_a_column_of_its_own_and_what_must_not_happen_is_counted() {
        let headings = Figures::headings();
        for verdict in Verdict::ALL {
            let mut figures = Figures::default();
            figures.add(verdict);
            let row = figures.row();
            assert_eq!(row.len(), headings.len());
            let column = headings.iter().position(|heading| heading == verdict.name()).unwrap();
            assert_eq!((&*row[1], &*row[column]), ("1", "1"));
            assert_eq!(figures.violations(), usize::from(is_bad(verdict)));
        }
        let mut figures = Figures { left: Leftovers { descriptors: 1, tasks: 2 }, ..Figures::default() };
        figures.add(Verdict::Delivered);
        assert_eq!(figures.violations(), 3);
    }

    #[test]
    fn columns_are_aligned() {
        let cells = |line: [&str; 2]| line.map(str::to_owned).to_vec();
        let text = table(&cells(["a", "long"]), &[cells(["wide", "1"])]);
        assert_eq!(text, "| a    | long |\n|------|------|\n| wide | 1    |\n");
    }
}
