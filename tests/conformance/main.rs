//! Checks the conformance list in `docs/conformance`: each requirement has tests that exist, or the reason why there are none. Whether a test shows
//! its requirement is for a reader to judge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod evidence;
mod list;
mod samples;

use std::fs;
use std::path::Path;

use list::{Requirement, Shown};

/// The list has at least this many requirements, so that a list that has shrunk is noticed.
const LEAST: usize = 120;

/// A file of the list: its name, and what stands in it.
type Document = (String, String);

/// Everything that is wrong with the list, one line each. `read` has the files of the repository.
fn faults(documents: &[Document], least: usize, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut all: Vec<Requirement> = Vec::new();
    for (name, text) in documents {
        let (requirements, wrong) = list::parse(name, text);
        faults.extend(wrong);
        for requirement in requirements {
            if all.iter().any(|other| other.id == requirement.id) {
                faults.push(format!("{}: there is another {}", requirement.place, requirement.id));
            }
            if let Shown::Tests(references) = &requirement.shown {
                let wrong = references.iter().filter_map(|reference| evidence::fault(reference, read));
                faults.extend(wrong.map(|fault| format!("{}: {}: {fault}", requirement.place, requirement.id)));
            }
            all.push(requirement);
        }
    }
    if all.len() < least {
        faults.push(format!("there are {} requirements, which is less than {least}", all.len()));
    }
    faults
}

/// How many requirements there are, and how many of each kind, as a line of the table in the README.
fn summary(title: &str, requirements: &[Requirement]) -> String {
    let count = |kind: &str| requirements.iter().filter(|requirement| requirement.shown.kind() == kind).count();
    let counts = list::KINDS.map(|kind| format!("{} |", count(kind)));
    format!("| {title} | {} | {}", requirements.len(), counts.join(" "))
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// The files of the list in the order of their names, without the README.
fn documents() -> Vec<Document> {
    let directory = fs::read_dir(root().join("docs/conformance")).unwrap();
    let mut names: Vec<_> = directory.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".md") && name != "README.md");
    names.sort();
    names.into_iter().map(|name| (name.clone(), read(&format!("docs/conformance/{name}")).unwrap())).collect()
}

#[test]
fn every_requirement_has_tests_that_exist_or_a_reason() {
    let faults = faults(&documents(), LEAST, &read);
    assert!(faults.is_empty(), "docs/conformance:\n{}", faults.join("\n"));
}

#[test]
fn the_counts_in_the_readme_are_those_of_the_tables() {
    let readme = read("docs/conformance/README.md").unwrap();
    let mut all = Vec::new();
    let mut missing = Vec::new();
    let mut expect = |line: String| {
        if !readme.lines().any(|found| found == line) {
            missing.push(line);
        }
    };
    for (name, text) in documents() {
        let title = text.lines().next().unwrap().strip_prefix("# ").unwrap();
        let (requirements, _) = list::parse(&name, &text);
        expect(summary(&format!("[{title}]({name})"), &requirements));
        all.extend(requirements);
    }
    expect(summary("together", &all));
    assert!(missing.is_empty(), "docs/conformance/README.md lacks:\n{}", missing.join("\n"));
}
