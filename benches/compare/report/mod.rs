//! A row: our figure, the peers' figures, and what is claimed of them.

pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod text;

use crate::stats::Figure;

/// One comparison.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// Ours come first.
    pub(crate) entries: Vec<Entry>,
    /// What the design says to expect, if it says something.
    pub(crate) expected: Option<String>,
    /// What would make the comparison unfair, and how that is avoided.
    pub(crate) fairness: &'static str,
    pub(crate) verdicts: Vec<Verdict>,
}

/// What one of those compared did.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) who: String,
    pub(crate) value: Value,
    pub(crate) standing: Standing,
    /// How many times ours it was in the same round, where rounds took turns.
    pub(crate) paired: Option<Figure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Ours,
    Peer,
    /// Shown, and not compared: its settings are others, or the other contestants are built of it.
    Beside,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Measured(Figure),
    /// It was given up at this value.
    AtLeast(f64),
    /// Why there is none.
    Missing(String),
}

/// Whether a claim holds.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Holds(String),
    /// A time that is not as claimed: said plainly, but a busy machine may be the cause.
    Warns(String),
    /// A count that is not as claimed.
    Fails(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds. Less is better.
    Time,
    /// Instructions, connections, errors. Less is better.
    Count(&'static str),
    /// Less is better.
    Bytes,
    /// Requests a second. More is better.
    Rate,
    /// Delivered of a hundred. More is better.
    Percent,
}

impl Unit {
    fn more_is_better(self) -> bool {
        matches!(self, Self::Rate | Self::Percent)
    }

    /// `value`, for a reader.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Time if value < 1e-6 => format!("{:.0} ns", value * 1e9),
            Self::Time if value < 1e-3 => format!("{:.1} µs", value * 1e6),
            Self::Time if value < 1.0 => format!("{:.1} ms", value * 1e3),
            Self::Time => format!("{value:.2} s"),
            Self::Count(_) if value.fract() != 0.0 => format!("{value:.2}"),
            Self::Count(_) => grouped(value),
            Self::Bytes => format!("{} B", grouped(value)),
            Self::Rate => format!("{}/s", grouped(value)),
            Self::Percent => format!("{value:.0} %"),
        }
    }
}

/// A whole number, in groups of three digits.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Row {
    pub(crate) fn new(group: &'static str, name: impl Into<String>, unit: Unit, fairness: &'static str) -> Self {
        Self { group, name: name.into(), unit, entries: Vec::new(), expected: None, fairness, verdicts: Vec::new() }
    }

    pub(crate) fn add(&mut self, standing: Standing, who: impl Into<String>, value: impl Into<Value>) {
        self.entries.push(Entry { who: who.into(), value: value.into(), standing, paired: None });
    }

    pub(crate) fn ours(&mut self, who: impl Into<String>, value: impl Into<Value>) {
        self.add(Standing::Ours, who, value);
    }

    pub(crate) fn peer(&mut self, who: impl Into<String>, value: impl Into<Value>) {
        self.add(Standing::Peer, who, value);
    }

    pub(crate) fn beside(&mut self, who: impl Into<String>, value: impl Into<Value>) {
        self.add(Standing::Beside, who, value);
    }

    pub(crate) fn expect(&mut self, expected: impl Into<String>) {
        self.expected = Some(expected.into());
    }

    /// The figure of the first entry of that name.
    pub(crate) fn figure(&self, who: &str) -> Option<Figure> {
        let entry = self.entries.iter().find(|entry| entry.who == who)?;
        if let Value::Measured(figure) = entry.value { Some(figure) } else { None }
    }

    /// Our figure.
    pub(crate) fn our_figure(&self) -> Option<Figure> {
        let entry = self.entries.iter().find(|entry| entry.standing == Standing::Ours)?;
        if let Value::Measured(figure) = entry.value { Some(figure) } else { None }
    }

    /// How many times ours another value is.
    pub(crate) fn ratio(&self, entry: &Entry) -> Option<f64> {
        if let Some(ratios) = entry.paired {
            return Some(ratios.median);
        }
        let ours = self.our_figure()?.median;
        let theirs = match &entry.value {
            Value::Measured(figure) => figure.median,
            Value::AtLeast(limit) => *limit,
            Value::Missing(_) => return None,
        };
        (ours != 0.0).then(|| theirs / ours)
    }

    /// A count that has to hold.
    pub(crate) fn check(&mut self, holds: bool, claim: impl Into<String>) {
        self.verdicts.push(if holds { Verdict::Holds(claim.into()) } else { Verdict::Fails(claim.into()) });
    }

    /// A time that should hold.
    pub(crate) fn should(&mut self, holds: bool, claim: impl Into<String>) {
        self.verdicts.push(if holds { Verdict::Holds(claim.into()) } else { Verdict::Warns(claim.into()) });
    }

    /// Says whether we are ahead of the best peer, level with it, or behind.
    pub(crate) fn stand_beside_the_best(&mut self) {
        let Some(ours) = self.our_figure() else { return };
        let more = self.unit.more_is_better();
        // How many times better than ours each is.
        let peers = self.entries.iter().filter(|entry| entry.standing == Standing::Peer);
        let measured = peers.filter_map(|entry| match &entry.value {
            Value::Measured(figure) => Some((entry, *figure, self.ratio(entry).unwrap_or(1.0))),
            Value::AtLeast(_) | Value::Missing(_) => None,
        });
        let goodness = |ratio: f64| if more { ratio } else { -ratio };
        let best = measured.max_by(|a, b| goodness(a.2).total_cmp(&goodness(b.2)));
        let Some((entry, theirs, ratio)) = best else { return };
        // Neither is ahead within 2 %, or if our median lies in the middle half of the other's runs.
        let around = match entry.paired {
            Some(ratios) => (ratios.low..=ratios.high).contains(&1.0),
            None => (theirs.low..=theirs.high).contains(&ours.median),
        };
        let behind = if more { ratio > 1.0 } else { ratio < 1.0 };
        let who = &entry.who;
        let verdict = if (ratio - 1.0).abs() <= 0.02 || around {
            Verdict::Holds(format!("level with the best peer, {who}"))
        } else if behind {
            Verdict::Warns(format!("BEHIND {who}, whose figure is {ratio:.2} times ours"))
        } else {
            Verdict::Holds(format!("ahead of the best peer, {who}, whose figure is {ratio:.2} times ours"))
        };
        self.verdicts.push(verdict);
    }
}

impl From<Option<Figure>> for Value {
    fn from(figure: Option<Figure>) -> Self {
        figure.map_or_else(|| Self::Missing("not measured".to_owned()), Self::Measured)
    }
}

impl From<Figure> for Value {
    fn from(figure: Figure) -> Self {
        Self::Measured(figure)
    }
}

impl<V: Into<Self>> From<Result<V, String>> for Value {
    fn from(result: Result<V, String>) -> Self {
        result.map_or_else(Self::Missing, Into::into)
    }
}
