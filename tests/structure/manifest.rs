//! The lists in the manifests that cargo does not derive: tests, examples and features.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::root;

fn manifest(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The programs of a directory, as manifests name them: `one.rs`, and `two/main.rs`.
fn programs(directory: &Path) -> Vec<String> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.join("main.rs").is_file() {
            programs.push(format!("{name}/main.rs"));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            programs.push(name);
        }
    }
    programs
}

/// The names in the table `[features]`.
fn features(manifest: &str) -> BTreeSet<&str> {
    let (_, table) = manifest.split_once("[features]\n").unwrap();
    let table = table.split("\n[").next().unwrap_or(table);
    table
        .lines()
        .filter(|line| !line.starts_with([' ', '#', ']']))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect()
}

#[test]
fn every_test_is_listed() {
    let listed = manifest("tests/Cargo.toml");
    let tests = programs(&root().join("tests"));
    assert!(tests.len() > 50, "few tests: {tests:?}");
    let missing: Vec<_> = tests.iter().filter(|test| !listed.contains(&format!("path = \"{test}\""))).collect();
    assert!(missing.is_empty(), "not in tests/Cargo.toml: {missing:?}");
}

#[test]
fn every_example_is_listed() {
    let (own, tests) = (manifest("Cargo.toml"), manifest("tests/Cargo.toml"));
    let examples = programs(&root().join("examples"));
    assert!(examples.len() > 10, "few examples: {examples:?}");
    let is_missing = |example: &&String| {
        !own.contains(&format!("path = \"examples/{example}\""))
            && !tests.contains(&format!("path = \"../examples/{example}\""))
    };
    let missing: Vec<_> = examples.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "in no manifest: {missing:?}");
}

#[test]
fn the_tests_have_the_features_of_the_crate() {
    let (own, tests) = (manifest("Cargo.toml"), manifest("tests/Cargo.toml"));
    assert!(features(&own).contains("https"), "{:?}", features(&own));
    assert_eq!(features(&own), features(&tests));
}
