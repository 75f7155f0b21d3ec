//! Tests the scanner with made-up crates.

use super::tree::{Tree, circle};

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (file, text) in files {
        tree.add(file, text);
    }
    tree
}

/// The arrows of the files, as `from -> to`.
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let tree = tree(files);
    let arrows = tree.arrows().unwrap();
    arrows.iter().flat_map(|(from, to)| to.iter().map(move |to| format!("{from} -> {to}"))).collect()
}

/// The arrow that leaves `a/b.rs` if it says `text`, in a crate whose files each define an item of their own name.
#[track_caller]
fn assert_arrow(text: &str, expected: Option<&str>) {
    let files = [
        ("lib.rs", "mod a; mod c;"),
        ("a/mod.rs", "mod b; mod d; pub use d::D; use crate::c::C as Renamed; pub struct A;"),
        ("a/b.rs", text),
        ("a/d.rs", "pub struct D; pub fn d() {}"),
        ("c.rs", "pub enum C { One } pub static S: u8 = 0; pub mod inner { pub struct Inner; }"),
    ];
    let found = arrows(&files);
    let found: Vec<_> = found.iter().filter_map(|arrow| arrow.strip_prefix("a/b.rs -> ")).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{text}");
}

#[test]
fn a_path_is_an_arrow_however_it_is_written() {
    for text in [
        "use crate::c::C;",
        "use crate::{a::b, c::{S, C as Other}};",
        "fn f() { crate::c::C::One; }",
        "fn f() { use crate::c::C::*; }",
        "use crate::c::{self}; fn f(_: c::C) {}",
        "use crate::c as other; fn f() { other::S; }",
        "use super::super::c::C;",
        "use super::Renamed;",
        "use crate::c::inner::Inner;",
        "mod inline { use crate::c::C; }",
        "mod inline { fn f() { super::super::super::c::S; } }",
        "pub(crate) use crate::c::C; fn f(_: C) {}",
        "fn f() -> impl Sized + use<'_> { 'c'; crate::c::S }",
    ] {
        assert_arrow(text, Some("c.rs"));
    }
}

#[test]
fn a_re_export_leads_to_the_file_of_the_item() {
    for text in [
        "use super::D;",
        "use crate::a::D;",
        "fn f(_: super::D) {}",
        "use super::*; use super::d::d;",
        "use super::d; fn f() { d::d() }",
    ] {
        assert_arrow(text, Some("a/d.rs"));
    }
    assert_arrow("use super::A;", Some("a/mod.rs"));
}

#[test]
fn what_is_not_code_of_the_library_is_no_arrow() {
    for text in [
        "// use crate::c::C;\n/* crate::c::S /* */ crate::c::S */",
        "/// [`crate::c::C`]\nstruct B;",
        r##"fn f() { "crate::c::S \" crate::c::S"; r#"" crate::c::S"#; b'"'; '"'; "crate::c::S"; }"##,
        "#[cfg(test)]\nmod tests { use crate::c::C; }",
        "#[cfg(test)] #[derive(Debug)]\npub(crate) fn f<A, B>(a: A, b: B) { crate::c::S; }",
        "#[cfg(test)] use crate::c::{C, S};",
        "struct B { #[cfg(test)] c: crate::c::C, b: u8 }",
        "struct B { #[cfg(test)] c: crate::c::C }",
        "#[cfg(hhe_model)] use crate::c::C;",
        "pub(in crate::a) struct B;",
        "#[derive(crate::c::C)] struct B;",
        "pub use crate::c::C;",
        "use std::c::C;",
        "mod c;",
        "fn f() { a.c::<u8>(); }",
    ] {
        assert_arrow(text, None);
    }
}

#[test]
fn what_follows_a_part_for_tests_is_code() {
    for text in [
        "#[cfg(test)] mod tests { } use crate::c::C;",
        "#[cfg(test)] mod tests; use crate::c::C;",
        "#[cfg(test)] use crate::a::{A, D}; use crate::c::C;",
        "struct B { #[cfg(test)] a: super::A, c: crate::c::C }",
        "fn f() { #[cfg(test)] if x { super::A } crate::c::S }",
        "pin_project! { struct B { c: crate::c::C } }",
    ] {
        assert_arrow(text, Some("c.rs"));
    }
}

#[test]
fn a_macro_is_an_item() {
    let macros = "macro_rules! a { () => { $crate::b::B } } pub(crate) use {a};";
    let files = [("lib.rs", "mod a; mod b;"), ("a.rs", macros), ("b.rs", "use crate::a::a; pub struct B;")];
    assert_eq!(arrows(&files), ["a.rs -> b.rs", "b.rs -> a.rs"]);
}

#[test]
fn an_item_in_a_macro_is_an_item() {
    let files =
        [("lib.rs", "mod a; mod b;"), ("a.rs", "pin_project! { pub struct A { } }"), ("b.rs", "use crate::a::A;")];
    assert_eq!(arrows(&files), ["b.rs -> a.rs"]);
}

#[test]
fn a_path_that_leads_nowhere_is_an_error() {
    let tree = tree(&[("lib.rs", "mod a;"), ("a.rs", "use crate::b::B;")]);
    assert_eq!(tree.arrows().unwrap_err(), ["a.rs: crate::b::B"]);
}

#[test]
fn a_circle_is_found_and_told_in_its_order() {
    let tree = tree(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::{a::A, d::D}; pub struct C;"),
        ("d.rs", "pub struct D;"),
    ]);
    let arrows = tree.arrows().unwrap();
    assert_eq!(circle(&arrows, "b.rs").unwrap(), ["b.rs", "c.rs", "a.rs", "b.rs"]);
    assert_eq!(circle(&arrows, "d.rs"), None);
    assert_eq!(circle(&arrows, "lib.rs"), None);
}

#[test]
fn a_circle_through_a_re_export_is_found() {
    let tree = tree(&[
        ("lib.rs", "mod room; mod other; pub use room::Inside;"),
        ("room/mod.rs", "mod inside; pub use self::inside::*;"),
        ("room/inside.rs", "use crate::other::Other; pub struct Inside;"),
        ("other.rs", "use crate::Inside; pub struct Other;"),
    ]);
    let arrows = tree.arrows().unwrap();
    assert_eq!(circle(&arrows, "other.rs").unwrap(), ["other.rs", "room/inside.rs", "other.rs"]);
}

#[test]
fn the_lines_of_tests_count_and_their_arrows_do_not() {
    let tree = tree(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "pub struct A;\n#[cfg(test)]\nmod tests;"),
        ("a/tests/mod.rs", "use super::A;\n"),
        ("a/tests.rs", "use super::A;\n"),
    ]);
    assert_eq!(tree.lines["a/tests/mod.rs"] + tree.lines["a/mod.rs"], 4);
    assert!(tree.arrows().unwrap().is_empty());
}
