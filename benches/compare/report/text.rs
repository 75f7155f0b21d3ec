//! A row as it is printed while the others are still to come.

use super::{Entry, Row, Standing, Value, Verdict};

/// The row, line by line, after the one before it.
pub(crate) fn row(row: &Row, before: Option<&Row>) -> String {
    let mut text = format!("{}: {}\n", row.group, row.name);
    let width = row.entries.iter().map(|entry| entry.who.chars().count()).max().unwrap_or(0);
    for entry in &row.entries {
        text += &format!("    {:width$}  {}\n", entry.who, cells(row, entry));
    }
    if let Some(expected) = &row.expected {
        text += &format!("  expected: {expected}\n");
    }
    for verdict in &row.verdicts {
        text += &format!("  {}\n", self::verdict(verdict));
    }
    let repeats = before.is_some_and(|before| before.group == row.group && before.fairness == row.fairness);
    text += &format!("  fair: {}\n", if repeats { "as the row above" } else { row.fairness });
    text
}

pub(super) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Holds(claim) => format!("ok: {claim}"),
        Verdict::Warns(claim) => format!("WARNING: {claim}"),
        Verdict::Fails(claim) => format!("FAILED: {claim}"),
    }
}

fn cells(row: &Row, entry: &Entry) -> String {
    let value = value(row, &entry.value);
    match ratio(row, entry) {
        Some(ratio) => format!("{value:34}  {ratio}"),
        None => value,
    }
}

/// The value, with what half of the measurements lie between.
pub(super) fn value(row: &Row, value: &Value) -> String {
    match value {
        Value::Measured(figure) if figure.low == figure.high => row.unit.show(figure.median),
        Value::Measured(figure) => {
            let (low, high) = (row.unit.show(figure.low), row.unit.show(figure.high));
            format!("{} ({low} .. {high})", row.unit.show(figure.median))
        }
        Value::AtLeast(limit) => format!("> {}, given up", row.unit.show(*limit)),
        Value::Missing(why) => format!("no figure: {why}"),
    }
}

/// How many times ours it is.
pub(super) fn ratio(row: &Row, entry: &Entry) -> Option<String> {
    if entry.standing == Standing::Ours && row.our_figure().is_none() {
        return None;
    }
    let ratio = row.ratio(entry)?;
    let at_least = if matches!(entry.value, Value::AtLeast(_)) { "> " } else { "" };
    let beside = if entry.standing == Standing::Beside { ", beside" } else { "" };
    let digits = if ratio < 10.0 { 2 } else { 0 };
    Some(format!("{at_least}{ratio:.digits$} x{beside}"))
}
