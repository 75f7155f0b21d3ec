//! Tests the check with lists that have one fault each: the check finds that fault, and no other.

use super::{Document, faults, list, summary};

const GOOD: &str = "\
# A source

Some words.

| id | strength | requirement | shown by |
|---|---|---|---|
| 1-2.3-a | MUST | It is done. | `race/M8`, `exchange/t30_again`, `http2/w1_away` |
| 1-2.3-b | SHOULD NOT | It is not. | `tests/one.rs::it_is`, `src/race/config.rs::as_set` |
| 1-4-a | rule | It comes later. | not done: there is no time |
| 1-4-b | MAY | Somebody does it. | the caller's: whoever asks |
| 1-5-a | MUST | It is another matter. | out of scope: it is |
";

const REPOSITORY: &[(&str, &str)] = &[
    ("tests/scenarios/race/M8.txt", "---"),
    ("tests/scenarios/exchange/t30_again.txt", "---"),
    ("tests/scenarios/http2/w1_away.txt", "---"),
    ("tests/scenarios/wrong/M9.txt", "---"),
    (
        "tests/one.rs",
        "#[test]\n#[cfg(unix)]\nfn it_is() {}\n\nfn helper() {}\n\n#[tokio::test(start_paused = true)]\n#[ignore = \"slow\"]\nasync fn \
         slow() {}\n// #[test]\nfn commented() {}\n",
    ),
    ("tests/two/main.rs", "mod part;\n// mod lost;\n"),
    ("tests/two/part.rs", "proptest! {\n    #[test]\n    fn holds(\n        case in any(),\n    ) {}\n}\n"),
    ("tests/two/lost.rs", "#[test]\nfn never() {}\n"),
    ("src/lib.rs", "pub mod race;\n"),
    ("src/race/mod.rs", "pub(crate) mod config;\n"),
    ("src/race/config.rs", "mod tests {\n    #[test]\n    fn as_set() {}\n}\n"),
    ("src/race/lost.rs", "mod tests {\n    #[test]\n    fn never() {}\n}\n"),
    ("README.md", "#[test]\nfn it_is() {}\n"),
];

fn read(path: &str) -> Option<String> {
    REPOSITORY.iter().find(|(found, _)| *found == path).map(|(_, text)| (*text).to_owned())
}

fn document(text: &str) -> Document {
    ("list.md".to_owned(), text.to_owned())
}

#[test]
fn a_good_list_has_no_faults() {
    assert_eq!(faults(&[document(GOOD)], 5, &read), Vec::<String>::new());
}

/// Changes one thing, which is the fault.
#[track_caller]
fn assert_fault(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    assert_eq!(faults(&[document(&GOOD.replacen(from, to, 1))], 0, &read), [expected]);
}

#[test]
fn a_test_that_does_not_exist_is_a_fault() {
    for (reference, fault) in [
        ("race/M9", "`race/M9` is neither a scenario nor a function"),
        ("exchange/M8", "`exchange/M8` is neither a scenario nor a function"),
        ("http2/M8", "`http2/M8` is neither a scenario nor a function"),
        ("wrong/M9", "`wrong/M9` is neither a scenario nor a function"),
        ("it_is", "`it_is` is neither a scenario nor a function"),
        ("tests/none.rs::it_is", "`tests/none.rs::it_is`: there is no such file"),
        ("README.md::it_is", "`README.md::it_is`: there is no such file"),
        ("tests/one.rs::it_is_not", "`tests/one.rs::it_is_not`: there is no such test"),
        ("tests/one.rs::helper", "`tests/one.rs::helper`: there is no such test"),
        ("tests/one.rs::commented", "`tests/one.rs::commented`: there is no such test"),
        ("tests/one.rs::slow", "`tests/one.rs::slow`: the test is ignored"),
        ("tests/two/lost.rs::never", "`tests/two/lost.rs::never`: nothing has the file as a module"),
        ("src/race/lost.rs::never", "`src/race/lost.rs::never`: nothing has the file as a module"),
    ] {
        assert_fault("race/M8", reference, &format!("list.md:7: 1-2.3-a: {fault}"));
    }
    let other = GOOD.replacen("race/M8", "tests/two/part.rs::holds", 1);
    assert_eq!(faults(&[document(&other)], 0, &read), Vec::<String>::new());
}

#[test]
fn a_requirement_with_neither_test_nor_reason_is_a_fault() {
    for (from, to, fault) in [
        ("not done: there is no time", "", "list.md:9: 1-4-a: there is neither a test nor a reason"),
        ("not done: there is no time", "not done: ", "list.md:9: 1-4-a: `not done:` is neither tests nor a reason"),
        ("not done: there is no time", "not done", "list.md:9: 1-4-a: `not done` has no reason"),
        ("not done: ", "later: ", "list.md:9: 1-4-a: `later: there is no time` is neither tests nor a reason"),
        (
            "`race/M8`, ",
            "`race/M8` and ",
            "list.md:7: 1-2.3-a: `race/M8` and `exchange/t30_again` is no reference in backticks",
        ),
        ("`race/M8`, ", "`race/M8`, `race/M8`, ", "list.md:7: 1-2.3-a: `race/M8` is there twice"),
    ] {
        assert_fault(from, to, fault);
    }
}

#[test]
fn an_id_that_is_there_twice_is_a_fault() {
    assert_fault("1-2.3-b", "1-2.3-a", "list.md:8: there is another 1-2.3-a");
    let (first, mut second) = (document(GOOD), document("| 1-4-a | MUST | Again. | out of scope: it is |"));
    second.0 = "other.md".to_owned();
    assert_eq!(faults(&[first, second], 0, &read), ["other.md:1: there is another 1-4-a"]);
}

#[test]
fn too_few_requirements_are_a_fault() {
    let fault = "there are 5 requirements, which is less than 6";
    assert_eq!(faults(&[document(GOOD)], 6, &read), [fault]);
}

#[test]
fn a_row_that_cannot_be_read_is_a_fault() {
    assert_fault("1-4-a", "1-4", "list.md:9: `1-4` is no id");
    assert_fault("1-4-a", "1 4-a", "list.md:9: `1 4-a` is no id");
    assert_fault("MAY", "MIGHT", "list.md:10: 1-4-b: `MIGHT` is no strength");
    assert_fault("It is done.", "", "list.md:7: 1-2.3-a: there is no requirement");
    assert_fault("It is done.", "It | is done.", "list.md:7: a row has four cells, and not 5");
    assert_fault("| 1-4-b |", "1-4-b |", "list.md:10: a row begins and ends with `|`");
    assert_fault("| id | strength |", "| id | how much |", "list.md:5: `id` is no id");
}

#[test]
fn the_requirements_of_each_kind_are_counted() {
    let (requirements, _) = list::parse("list.md", GOOD);
    assert_eq!(summary("[A source](list.md)", &requirements), "| [A source](list.md) | 5 | 2 | 1 | 1 | 1 |");
}
