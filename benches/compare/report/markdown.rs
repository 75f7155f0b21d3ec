//! The rows as a page.

use super::text::{ratio, value, verdict};
use super::{Row, Standing, Verdict};

/// A page of all rows, by group, with the charts of each.
pub(crate) fn page(heading: &str, rows: &[Row], charts: &[(String, &'static str, String)]) -> String {
    let mut page = heading.to_owned();
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group).collect();
    groups.dedup();
    for group in groups {
        page += &format!("\n## {}\n", capitalized(group));
        for (file, _, title) in charts.iter().filter(|(_, of, _)| *of == group) {
            page += &format!("\n![{title}](compare/{file})\n");
        }
        let mut before = "";
        for row in rows.iter().filter(|row| row.group == group) {
            page += &section(row, before);
            before = row.fairness;
        }
    }
    page
}

fn section(row: &Row, before: &str) -> String {
    let mut text = format!("\n### {}\n\n| | {} | beside ours |\n|---|---:|---:|\n", capitalized(&row.name), unit(row));
    for entry in &row.entries {
        let who = if entry.standing == Standing::Ours { format!("**{}**", entry.who) } else { entry.who.clone() };
        text += &format!("| {who} | {} | {} |\n", value(row, &entry.value), ratio(row, entry).unwrap_or_default());
    }
    text.push('\n');
    if let Some(expected) = &row.expected {
        text += &format!("- Expected: {expected}.\n");
    }
    for said in &row.verdicts {
        let said = match said {
            Verdict::Holds(_) => verdict(said),
            Verdict::Warns(_) | Verdict::Fails(_) => format!("**{}**", verdict(said)),
        };
        text += &format!("- {said}.\n");
    }
    let fairness = if row.fairness == before { "as above" } else { row.fairness };
    text += &format!("- Fairness: {fairness}.\n");
    text
}

fn unit(row: &Row) -> &'static str {
    match row.unit {
        super::Unit::Time => "time",
        super::Unit::Count(what) => what,
        super::Unit::Bytes => "bytes",
        super::Unit::Rate => "requests a second",
        super::Unit::Percent => "percent",
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
