//! The rows for a program.

use serde_json::{Value as Json, json};

use super::{Entry, Row, Standing, Unit, Value, Verdict};

pub(crate) fn document(machine: &[(String, String)], seconds: f64, rows: &[Row]) -> Json {
    let machine: serde_json::Map<_, _> =
        machine.iter().map(|(what, which)| (what.clone(), Json::from(which.as_str()))).collect();
    json!({ "machine": machine, "seconds": seconds, "rows": rows.iter().map(row).collect::<Vec<_>>() })
}

fn row(row: &Row) -> Json {
    json!({
        "group": row.group,
        "name": row.name,
        "unit": unit(row.unit),
        "entries": row.entries.iter().map(|entry| self::entry(row, entry)).collect::<Vec<_>>(),
        "expected": row.expected,
        "fairness": row.fairness,
        "verdicts": row.verdicts.iter().map(verdict).collect::<Vec<_>>(),
    })
}

fn entry(row: &Row, entry: &Entry) -> Json {
    let standing = match entry.standing {
        Standing::Ours => "ours",
        Standing::Peer => "peer",
        Standing::Beside => "beside",
    };
    let ratio = row.ratio(entry);
    match &entry.value {
        Value::Measured(figure) => json!({
            "who": entry.who, "standing": standing, "median": figure.median, "quartiles": [figure.low, figure.high],
            "runs": figure.runs, "ratio": ratio,
        }),
        Value::AtLeast(limit) => {
            json!({ "who": entry.who, "standing": standing, "more_than": limit, "ratio_more_than": ratio })
        }
        Value::Missing(why) => json!({ "who": entry.who, "standing": standing, "missing": why }),
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "seconds",
        Unit::Count(what) => what,
        Unit::Bytes => "bytes",
        Unit::Rate => "requests per second",
        Unit::Percent => "percent",
    }
}

fn verdict(verdict: &Verdict) -> Json {
    let (kind, claim) = match verdict {
        Verdict::Holds(claim) => ("holds", claim),
        Verdict::Warns(claim) => ("warns", claim),
        Verdict::Fails(claim) => ("fails", claim),
    };
    json!({ "is": kind, "claim": claim })
}
