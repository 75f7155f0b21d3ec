//! Checks the shape of `src/`: no circles of files, no file that is too long, no import of a higher layer, and a design page that agrees; and that
//! the manifests list all files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod made_up;
mod manifest;
mod source;
mod tree;

use std::fs;
use std::path::Path;

use tree::{Tree, circle};

/// The most lines that a file has, its tests included.
const MAX_LINES: usize = 400;

/// Which modules each module may name beside itself: none of a higher layer.
const ROOMS: [(&str, &[&str]); 16] = [
    // L0
    ("race", &[]),
    // L1
    ("outcome", &["race"]),
    // Modules that all higher modules may use.
    ("forward_io", &[]),
    ("network", &[]),
    ("lock", &[]),
    ("oneshot", &[]),
    ("timer", &[]),
    ("wake_later", &[]),
    // L2
    ("attempt", &["race", "outcome", "lock"]),
    ("resolve", &["race", "outcome", "network", "lock", "oneshot", "timer"]),
    ("tcp", &["race", "outcome", "attempt", "forward_io", "network", "lock", "oneshot", "timer"]),
    ("connection", &["outcome", "forward_io", "tcp"]),
    ("response_first", &["connection", "tcp", "forward_io", "lock", "wake_later"]),
    ("tls", &["race", "outcome", "connection", "attempt", "tcp", "response_first", "lock", "timer"]),
    // L3
    (
        "connect",
        &["race", "outcome", "connection", "attempt", "resolve", "tcp", "tls", "network", "lock", "oneshot", "timer"],
    ),
    // L4
    (
        "client",
        &[
            "race",
            "outcome",
            "connection",
            "resolve",
            "tcp",
            "tls",
            "connect",
            "response_first",
            "network",
            "lock",
            "oneshot",
            "timer",
            "wake_later",
        ],
    ),
];

fn tree() -> Tree {
    Tree::of_directory(&root().join("src")).unwrap()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn design() -> String {
    fs::read_to_string(root().join("docs/design.md")).unwrap()
}

#[test]
fn no_file_is_too_long() {
    let tree = tree();
    let long: Vec<_> = tree.lines.iter().filter(|(_, lines)| **lines > MAX_LINES).collect();
    assert!(long.is_empty(), "more than {MAX_LINES} lines: {long:?}");
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let tree = tree();
    let arrows = tree.arrows().unwrap();
    let circles: Vec<String> =
        arrows.keys().filter_map(|file| circle(&arrows, file)).map(|circle| circle.join(" -> ")).collect();
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

#[test]
fn no_arrow_climbs_a_layer() {
    let tree = tree();
    let arrows = tree.arrows().unwrap();
    let mut climbing = Vec::new();
    for (from, files) in arrows.into_iter().filter(|(from, _)| *from != "lib.rs") {
        let room = room(from);
        let (_, below) = ROOMS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("no layer has {room}"));
        let above = files.into_iter().filter(|to| self::room(to) != room && !below.contains(&self::room(to)));
        climbing.extend(above.map(|to| format!("{from} -> {to}")));
    }
    assert!(climbing.is_empty(), "arrows that climb:\n{}", climbing.join("\n"));
}

#[test]
fn the_layer_picture_of_the_design_names_every_room() {
    let design = design();
    let (_, picture) = design.split_once("```text\nsrc/\n").unwrap();
    let (picture, _) = picture.split_once("```").unwrap();
    let named: Vec<_> = picture.split(|c: char| !(c.is_alphanumeric() || "_./".contains(c))).collect();
    let mut missing = Vec::new();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let name = if entry.path().is_dir() { format!("{name}/") } else { name };
        if !named.contains(&&*name) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "not in the picture: {missing:?}");
}

#[test]
fn every_path_in_the_design_leads_to_a_file() {
    let design = design();
    // Code in backticks is every other part of a line.
    let code = design.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let paths: Vec<_> = code.filter(|code| code.contains('/') && code.ends_with(".rs")).collect();
    assert!(paths.len() > 20, "few paths for such a page: {paths:?}");
    let is_gone = |path: &&str| {
        let home = if path.starts_with("tests/") { root().to_owned() } else { root().join("src") };
        !home.join(path).is_file()
    };
    let gone: Vec<_> = paths.into_iter().filter(is_gone).collect();
    assert!(gone.is_empty(), "paths that lead nowhere: {gone:?}");
}

/// The directory of `src/` that a file is in, or the file itself.
fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}
