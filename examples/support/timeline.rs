//! Draws a race: a row for each attempt, all on one axis of time.
//!
//! An attempt that said when its transport stood has a bar of two parts, and a line below the axis says which is which.
//!
//! Everything that is drawn is public: [`ConnectInfo`] says it of a race that was won, and [`ConnectError`] of one that was lost.

use std::fmt;
use std::time::Duration;

use hyper_happy_eyeballs::race::DropReason;
use hyper_happy_eyeballs::{Attempt, AttemptOutcome, ConnectError, ConnectInfo, Untried};

/// How many characters wide the bars are at most, from the beginning of the race to its end.
const BAR_WIDTH: usize = 36;
const LEAST_BAR_WIDTH: usize = 20;
/// How wide a line should be.
const LINE_WIDTH: usize = 100;
/// The bar of an attempt until its transport stands, and from there on.
const TRANSPORT: &str = "━";
const HANDSHAKE: &str = "═";
/// How many characters there are between two ticks of the axis, at least.
const TICK_DISTANCE: usize = 6;

/// A race that is over.
pub(crate) struct Timeline<'a> {
    look_up: Duration,
    attempts: &'a [Attempt],
    untried: Vec<Untried>,
    elapsed: Duration,
    colour: bool,
}

impl<'a> Timeline<'a> {
    pub(crate) fn of_connection(info: &'a ConnectInfo, colour: bool) -> Self {
        Self {
            look_up: info.resolved_after().unwrap_or_default(),
            attempts: info.attempts(),
            untried: info.untried(),
            elapsed: info.elapsed(),
            colour,
        }
    }

    pub(crate) fn of_error(error: &'a ConnectError, colour: bool) -> Self {
        Self {
            look_up: error.resolved_after().unwrap_or_default(),
            attempts: error.attempts(),
            untried: error.untried(),
            elapsed: error.elapsed(),
            colour,
        }
    }

    fn rows(&self) -> Vec<Row> {
        // An address in the URI needs no look-up.
        let look_up = Some(self.look_up).filter(|time| !time.is_zero()).map(Row::of_look_up);
        let attempts = self.attempts.iter().map(Row::of_attempt);
        let untried = self.untried.iter().map(Row::of_untried);
        look_up.into_iter().chain(attempts).chain(untried).collect()
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let widest = |cell: fn(&Row) -> &str, heading: &str| {
            rows.iter().map(|row| cell(row).chars().count()).chain([heading.len()]).max().unwrap_or_default()
        };
        let (address, why) = (widest(|row| &row.address, ADDRESS), widest(|row| &row.why, WHY));
        let outcome = widest(|row| &row.outcome, OUTCOME);
        let rest = LINE_WIDTH.saturating_sub(2 + address + 2 + why + 2 + 2 + TIME_WIDTH + 2 + outcome);
        let axis = Axis::new(self.elapsed, rest.clamp(LEAST_BAR_WIDTH, BAR_WIDTH));
        let bar = axis.width;

        let heading = format!("  {ADDRESS:<address$}  {WHY:<why$}  {:bar$}  {TOOK:>TIME_WIDTH$}  {OUTCOME}", "");
        writeln!(f, "{}", self.paint(Colour::Faint, &heading))?;
        for row in &rows {
            write!(f, "  {:<address$}  {:<why$}  ", row.address, row.why)?;
            self.fmt_bar(row, &axis, f)?;
            write!(f, "  {:>TIME_WIDTH$}  ", row.took.map(|took| Time(took).to_string()).unwrap_or_default())?;
            writeln!(f, "{}", self.paint(row.colour, &row.outcome))?;
        }
        let margin = 2 + address + 2 + why + 2;
        let has_phases = rows.iter().any(|row| row.transport_stood.is_some());
        let legend = has_phases.then(|| format!("{TRANSPORT} transport  {HANDSHAKE} handshake"));
        for line in [axis.ticks(), axis.labels()].into_iter().chain(legend) {
            writeln!(f, "{:margin$}{}", "", self.paint(Colour::Faint, &line))?;
        }
        Ok(())
    }
}

impl Timeline<'_> {
    fn fmt_bar(&self, row: &Row, axis: &Axis, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((from, to)) = row.span else {
            return write!(f, "{}", self.paint(Colour::Faint, &axis.grid(0, axis.width)));
        };
        let (from, to) = (axis.column(from), axis.column(to));
        let stood = row.transport_stood.map_or(to, |at| axis.column(at).clamp(from, to));
        let bar = format!("{}{}{}", TRANSPORT.repeat(stood - from), HANDSHAKE.repeat(to - stood), row.end);
        let (before, after) = (axis.grid(0, from), axis.grid(to + 1, axis.width));
        write!(
            f,
            "{}{}{}",
            self.paint(Colour::Faint, &before),
            self.paint(row.colour, &bar),
            self.paint(Colour::Faint, &after)
        )
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            _ if !self.colour || text.is_empty() => return text.into(),
            Colour::Plain => return text.into(),
            Colour::Good => "1;32",
            Colour::Bad => "31",
            Colour::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

const ADDRESS: &str = "address";
const WHY: &str = "started because";
const TOOK: &str = "took";
const OUTCOME: &str = "outcome";
const TIME_WIDTH: usize = 7;

/// One line of the drawing.
struct Row {
    address: String,
    why: String,
    /// From when to when, since the beginning of the race.
    span: Option<(Duration, Duration)>,
    /// When the transport of the attempt stood, since the beginning of the race.
    transport_stood: Option<Duration>,
    /// The last character of the bar.
    end: char,
    took: Option<Duration>,
    outcome: String,
    colour: Colour,
}

#[derive(Clone, Copy)]
enum Colour {
    Plain,
    Good,
    Bad,
    Faint,
}

impl Row {
    fn of_look_up(took: Duration) -> Self {
        Self {
            address: "(name look-up)".into(),
            why: String::new(),
            span: Some((Duration::ZERO, took)),
            transport_stood: None,
            end: '●',
            took: Some(took),
            outcome: "first address known".into(),
            colour: Colour::Plain,
        }
    }

    fn of_attempt(attempt: &Attempt) -> Self {
        let (end, colour) = match attempt.outcome() {
            AttemptOutcome::Connected => ('●', Colour::Good),
            AttemptOutcome::Dropped(DropReason::Lost | DropReason::Pruned | DropReason::Overtaken) => {
                ('┥', Colour::Plain)
            }
            _ => ('×', Colour::Bad),
        };
        Self {
            address: attempt.endpoint().to_string(),
            why: attempt
                .demoted()
                .map_or_else(|| attempt.reason().to_string(), |why| format!("{}; {why}", attempt.reason())),
            span: Some((attempt.offset(), attempt.offset() + attempt.duration())),
            transport_stood: attempt.transport_after().map(|after| attempt.offset() + after),
            end,
            took: Some(attempt.duration()),
            outcome: attempt.outcome().to_string(),
            colour,
        }
    }

    fn of_untried(untried: &Untried) -> Self {
        Self {
            address: untried.endpoint().to_string(),
            why: "(not tried)".into(),
            span: None,
            transport_stood: None,
            end: ' ',
            took: None,
            outcome: untried.demoted().map_or_else(|| untried.reason().to_string(), |why| why.to_string()),
            colour: Colour::Faint,
        }
    }
}

/// Where an instant is drawn.
struct Axis {
    end: f64,
    width: usize,
    /// The columns of the ticks, and their labels in milliseconds.
    ticks: Vec<(usize, String)>,
}

impl Axis {
    fn new(end: Duration, width: usize) -> Self {
        // A race that took no time at all has an axis nevertheless.
        let end = milliseconds(end).max(0.01);
        let mut axis = Self { end, width, ticks: Vec::new() };
        let step = round_up(end * TICK_DISTANCE as f64 / (width - 1) as f64);
        let count = (end / step).floor() as u32;
        axis.ticks = (0..=count)
            .map(|n| f64::from(n) * step)
            // Rounded, since 3 × 0.1 is not 0.3.
            .map(|time| (axis.column_of(time), ((time * 1e3).round() / 1e3).to_string()))
            .collect();
        axis
    }

    fn column(&self, time: Duration) -> usize {
        self.column_of(milliseconds(time))
    }

    fn column_of(&self, time: f64) -> usize {
        let last = self.width - 1;
        ((time / self.end * last as f64).round() as usize).min(last)
    }

    /// What a row has between these columns where it has no bar.
    fn grid(&self, from: usize, to: usize) -> String {
        (from..to).map(|column| if self.has_tick(column) { '·' } else { ' ' }).collect()
    }

    fn ticks(&self) -> String {
        (0..self.width).map(|column| if self.has_tick(column) { '┴' } else { '─' }).collect()
    }

    fn labels(&self) -> String {
        let mut line = String::new();
        for (column, label) in &self.ticks {
            // The middle of a label is below its tick.
            let before = column.saturating_sub(label.len() / 2).saturating_sub(line.len());
            line = format!("{line}{:before$}{label}", "");
        }
        line + " ms"
    }

    fn has_tick(&self, column: usize) -> bool {
        self.ticks.iter().any(|(tick, _)| *tick == column)
    }
}

/// The next number that people count in: 1, 2 or 5, and their multiples by powers of ten.
fn round_up(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A time as people say it: `0.4 ms`, `502 ms`, `3.0 s`.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match milliseconds(self.0) {
            short if short < 9.95 => write!(f, "{short:.1} ms"),
            middling if middling < 999.5 => write!(f, "{middling:.0} ms"),
            long => write!(f, "{:.1} s", long / 1e3),
        }
    }
}
