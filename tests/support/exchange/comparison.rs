//! Compares the log of a scenario with the expected one.

use std::collections::VecDeque;
use std::fmt::Write as _;

/// Returns `None` if the logs agree, else both side by side, with a mark between lines that differ.
///
/// In an expected line, `1..3` matches any of these numbers, `a|b` either word, and ` or ` separates alternative lines. A line that begins with `0..`
/// is optional.
pub(crate) fn difference(expected: &[&str], actual: &[String]) -> Option<String> {
    let mut rows = Vec::new();
    let mut actual = actual.iter().map(String::as_str).collect::<VecDeque<_>>();
    for &line in expected {
        let agreeing = actual.iter().position(|is| agree(line, is));
        if agreeing.is_none() && line.starts_with("0..") {
            rows.push((line, "", true));
            continue;
        }
        // Lines before the counterpart have none themselves.
        let at = agreeing.or_else(|| actual.iter().position(|is| subject(line) == subject(is)));
        rows.extend(actual.drain(..at.unwrap_or(0)).map(|is| ("", is, false)));
        match at.and_then(|_| actual.pop_front()) {
            Some(is) => rows.push((line, is, agreeing.is_some())),
            None => rows.push((line, "", false)),
        }
    }
    rows.extend(actual.into_iter().map(|is| ("", is, false)));
    if rows.iter().all(|(_, _, agree)| *agree) {
        return None;
    }
    let width = rows.iter().map(|(line, _, _)| line.chars().count()).max().unwrap_or(0).max("expected".len());
    let mut out = format!("    {:width$}     actual\n", "expected");
    for (left, right, agree) in rows {
        let mark = if agree { ' ' } else { '≠' };
        writeln!(out, "    {left:width$}  {mark}  {right}").unwrap();
    }
    Some(out)
}

fn agree(expected: &str, actual: &str) -> bool {
    expected.split(" or ").any(|line| agree_in_words(line, actual))
}

fn agree_in_words(expected: &str, actual: &str) -> bool {
    let mut actual = actual.split(' ');
    expected.split(' ').all(|word| actual.next().is_some_and(|is| stands_for(word, is))) && actual.next().is_none()
}

/// Returns the subject of a line: a request, a connection, or what is counted.
fn subject(line: &str) -> &str {
    let words = if line.starts_with("connection ") { 2 } else { 1 };
    let subject = line.match_indices(' ').nth(words - 1).map_or(line, |(at, _)| &line[..at]);
    subject.split_once('-').map_or(subject, |(first, _)| first)
}

fn stands_for(expected: &str, actual: &str) -> bool {
    if let Some((least, most)) = expected.split_once("..") {
        if let (Ok(least), Ok(most), Ok(is)) = (least.parse::<u64>(), most.parse(), actual.parse()) {
            return (least..=most).contains(&is);
        }
    }
    // The comma after a word belongs to the line, not to the alternatives.
    let bare = |word: &str| word.trim_end_matches(',').to_owned();
    expected == actual || bare(expected).split('|').any(|word| word == bare(actual))
}
