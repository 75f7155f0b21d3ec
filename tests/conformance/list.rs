//! The tables of the list. Their format is described in `docs/conformance/README.md`.

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) shown: Shown,
    /// `file:line`
    pub(crate) place: String,
}

#[derive(Debug)]
pub(crate) enum Shown {
    /// Shown by these tests, which are references for [`super::evidence`].
    Tests(Vec<String>),
    /// Not tested, for a reason of this kind.
    Reason(&'static str),
}

impl Shown {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Tests(_) => KINDS[0],
            Self::Reason(kind) => kind,
        }
    }
}

/// In the order of the README's columns. All but the first are reasons.
pub(crate) const KINDS: [&str; 4] = ["tests", "not done", "the caller's", "out of scope"];

const HEADER: [&str; 4] = ["id", "strength", "requirement", "shown by"];
const STRENGTHS: [&str; 6] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "rule"];

/// The requirements of a file, and what is wrong with its rows.
pub(crate) fn parse(file: &str, text: &str) -> (Vec<Requirement>, Vec<String>) {
    let (mut requirements, mut faults) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{file}:{number}");
        match row(line) {
            Ok(None) => {}
            Ok(Some((id, shown))) => requirements.push(Requirement { id, shown, place }),
            Err(fault) => faults.push(format!("{place}: {fault}")),
        }
    }
    (requirements, faults)
}

fn row(line: &str) -> Result<Option<(String, Shown)>, String> {
    let Some(cells) = cells(line)? else { return Ok(None) };
    if cells == HEADER || cells.iter().all(|cell| *cell == "---") {
        return Ok(None);
    }
    let [id, strength, requirement, shown] = cells;
    if !is_id(id) {
        return Err(format!("`{id}` is no id"));
    }
    if !STRENGTHS.contains(&strength) {
        return Err(format!("{id}: `{strength}` is no strength"));
    }
    if requirement.is_empty() {
        return Err(format!("{id}: there is no requirement"));
    }
    let shown = read_shown(shown).map_err(|fault| format!("{id}: {fault}"))?;
    Ok(Some((id.to_owned(), shown)))
}

/// The four cells of a row, if the line is one.
fn cells(line: &str) -> Result<Option<[&str; 4]>, String> {
    if !line.contains('|') {
        return Ok(None);
    }
    let inner =
        line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).ok_or("a row begins and ends with `|`")?;
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    let count = cells.len();
    cells.try_into().map(Some).map_err(|_more_or_less| format!("a row has four cells, and not {count}"))
}

/// What it is from, its section, and a letter: `8305-5-a`.
fn is_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_part = |part: &&str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.')
    };
    parts.len() == 3 && parts.iter().all(is_part)
}

fn read_shown(cell: &str) -> Result<Shown, String> {
    if cell.is_empty() {
        return Err("there is neither a test nor a reason".into());
    }
    if cell.starts_with('`') {
        return references(cell).map(Shown::Tests);
    }
    let (kind, text) = cell.split_once(": ").unwrap_or((cell, ""));
    match KINDS[1..].iter().find(|known| **known == kind) {
        None => Err(format!("`{cell}` is neither tests nor a reason")),
        Some(_) if text.trim().is_empty() => Err(format!("`{kind}` has no reason")),
        Some(kind) => Ok(Shown::Reason(kind)),
    }
}

/// References in backticks, with `, ` between them.
fn references(cell: &str) -> Result<Vec<String>, String> {
    let mut references: Vec<String> = Vec::new();
    for quoted in cell.split(", ") {
        let reference = quoted.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        let reference = reference.filter(|reference| !reference.contains(['`', ' ']));
        let reference = reference.ok_or_else(|| format!("{quoted} is no reference in backticks"))?;
        if references.iter().any(|other| other == reference) {
            return Err(format!("`{reference}` is there twice"));
        }
        references.push(reference.to_owned());
    }
    Ok(references)
}
