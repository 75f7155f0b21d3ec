//! A drawing of a race: a line for each attempt, all on one axis of time.

mod axis;
mod marks;
mod row;

use std::fmt;
use std::time::Duration;

use self::axis::Axis;
use self::marks::{ASCII, Colour, Marks, UNICODE};
use self::row::Row;
use super::attempt::{Attempt, Untried};
use super::report::Report;
use super::time::Time;

/// A drawing of a race, for a log or a terminal. It has a line for each attempt: why it was started, when it started and ended, how long it took, and
/// its outcome. If the race had to wait for the look-up, a line for that comes first. Each untried address has a line at the end.
///
/// `ConnectInfo::timeline` returns the drawing of a race that was won, [`ConnectError::timeline`](super::ConnectError::timeline) that of a lost one.
/// `Display` draws it. The drawing is for people, and may change with any version.
///
/// ```text
/// address           started because                                         took  outcome
/// [2001:db8::1]:80  first            ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┥   502 ms  lost to another attempt
/// 192.0.2.1:80      delay elapsed    ·      ·     ·  ━×  ·     ·      ·   0.3 ms  connection refused
/// 192.0.2.2:80      previous failed  ·      ·     ·   ━━━━━━━━━━━━━━━━●   251 ms  connected
///                                    ┴──────┴─────┴──────┴─────┴──────┴
///                                    0     100   200    300   400    500 ms
/// ```
///
/// If an attempt reported when its transport stood, its bar has two parts, and a line below the axis explains them.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | width | 100 columns |
/// | ascii | off |
/// | colour | off |
#[derive(Clone)]
#[must_use = "it is drawn by its `Display`"]
pub struct Timeline<'a> {
    report: Option<&'a Report>,
    width: usize,
    ascii: bool,
    colour: bool,
}

const ADDRESS: &str = "address";
const WHY: &str = "started because";
const TOOK: &str = "took";
const OUTCOME: &str = "outcome";
const TIME_WIDTH: usize = 7;
/// The least width of the bars, in columns.
const LEAST_BAR_WIDTH: usize = 20;
/// The largest part of the width for the bars, in hundredths.
const MOST_OF_WIDTH: usize = 36;

impl<'a> Timeline<'a> {
    /// The drawing of a race. `None` if the connect did not get to a race.
    pub(crate) fn new(report: Option<&'a Report>) -> Self {
        Self { report, width: 100, ascii: false, colour: false }
    }

    /// Sets the most columns of a line. Lines are longer if the addresses and the outcomes leave less than 20 columns for the bars.
    ///
    /// Defaults to 100.
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns;
        self
    }

    /// Sets whether to draw with ASCII characters only.
    ///
    /// Defaults to `false`.
    pub fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// Sets whether to use the colours of a terminal (ECMA-48).
    ///
    /// Defaults to `false`.
    #[doc(alias = "color")]
    pub fn colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    fn marks(&self) -> &'static Marks {
        if self.ascii { &ASCII } else { &UNICODE }
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.colour { colour.paint(text) } else { text.to_owned() }
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = self.marks();
        let Some(report) = self.report else { return f.write_str("nothing was looked up, and nothing was tried") };
        let rows = rows(report, marks);
        let widest = |cell: fn(&Row) -> &str, heading: &str| {
            rows.iter().map(|row| cell(row).chars().count()).chain([heading.len()]).max().unwrap_or_default()
        };
        let (address, why) = (widest(|row| &row.address, ADDRESS), widest(|row| &row.why, WHY));
        let outcome = widest(|row| &row.outcome, OUTCOME);
        let rest = self.width.saturating_sub(address + 2 + why + 2 + 2 + TIME_WIDTH + 2 + outcome);
        let most = (self.width.saturating_mul(MOST_OF_WIDTH) / 100).clamp(LEAST_BAR_WIDTH, MOST_BAR_WIDTH);
        let axis = Axis::new(report.elapsed(), rest.clamp(LEAST_BAR_WIDTH, most));
        let bar = axis.width;

        let heading = format!("{ADDRESS:<address$}  {WHY:<why$}  {:bar$}  {TOOK:>TIME_WIDTH$}  {OUTCOME}", "");
        writeln!(f, "{}", self.paint(Colour::Faint, &heading))?;
        for row in &rows {
            write!(f, "{:<address$}  {:<why$}  ", row.address, row.why)?;
            self.fmt_bar(row, &axis, f)?;
            write!(f, "  {:>TIME_WIDTH$}  ", row.took.map(|took| Time(took).to_string()).unwrap_or_default())?;
            writeln!(f, "{}", self.paint(row.colour, &row.outcome))?;
        }
        let margin = address + 2 + why + 2;
        writeln!(f, "{:margin$}{}", "", self.paint(Colour::Faint, &axis.ticks(marks)))?;
        write!(f, "{:margin$}{}", "", self.paint(Colour::Faint, &axis.labels()))?;
        if rows.iter().any(|row| row.transport_stood.is_some()) {
            let legend = format!("{} transport  {} handshake", marks.transport, marks.handshake);
            write!(f, "\n{:margin$}{}", "", self.paint(Colour::Faint, &legend))?;
        }
        Ok(())
    }
}

/// The longest bar, whatever the width is: bars are made in memory.
const MOST_BAR_WIDTH: usize = 1000;

impl Timeline<'_> {
    fn fmt_bar(&self, row: &Row, axis: &Axis, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = self.marks();
        let Some((from, to)) = row.span else {
            return f.write_str(&self.paint(Colour::Faint, &axis.grid(0, axis.width, marks)));
        };
        let (from, to) = (axis.column(from), axis.column(to));
        let stood = row.transport_stood.map_or(to, |at| axis.column(at).clamp(from, to));
        let bar = format!("{}{}{}", marks.transport.repeat(stood - from), marks.handshake.repeat(to - stood), row.end);
        let (before, after) = (axis.grid(0, from, marks), axis.grid(to + 1, axis.width, marks));
        f.write_str(&self.paint(Colour::Faint, &before))?;
        f.write_str(&self.paint(row.colour, &bar))?;
        f.write_str(&self.paint(Colour::Faint, &after))
    }
}

fn rows(report: &Report, marks: &Marks) -> Vec<Row> {
    let untried = report.untried();
    let attempts: &[Attempt] = report.attempts.as_slice();
    let look_up = match report.resolved_after() {
        // There was no wait: the host is an address, or the resolver answered at once.
        Some(Duration::ZERO) => None,
        Some(took) => Some(Row::of_look_up(took, true, marks)),
        None if attempts.is_empty() && untried.is_empty() => Some(Row::of_look_up(report.elapsed(), false, marks)),
        None => None,
    };
    let tried = attempts.iter().map(|attempt| Row::of_attempt(attempt, marks));
    look_up.into_iter().chain(tried).chain(untried.iter().map(|untried: &Untried| Row::of_untried(untried))).collect()
}

impl fmt::Debug for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline")
            .field("destination", &self.report.map(|report| report.destination().to_string()))
            .field("width", &self.width)
            .field("ascii", &self.ascii)
            .field("colour", &self.colour)
            .finish()
    }
}
