//! Checks that a test exists and runs: it is a scenario file, or a function in a file that cargo builds.

/// What is wrong with a reference, if anything is.
pub(crate) fn fault(reference: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    match reference.split_once("::") {
        None => scenario_fault(reference, read),
        Some((path, function)) => function_fault(path, function, read).map(|fault| format!("`{reference}`: {fault}")),
    }
}

/// `race/M8` is `tests/scenarios/race/M8.txt`: every such file is a test.
fn scenario_fault(reference: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let is_scenario = ["race/", "exchange/", "http2/"].iter().any(|directory| reference.starts_with(directory));
    let exists = is_scenario && read(&format!("tests/scenarios/{reference}.txt")).is_some();
    (!exists).then(|| format!("`{reference}` is neither a scenario nor a function"))
}

fn function_fault(path: &str, function: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let Some(text) = read(path).filter(|_| path.ends_with(".rs")) else {
        return Some("there is no such file".into());
    };
    if !is_built(path, read) {
        return Some("nothing has the file as a module".into());
    }
    match tests(&text).into_iter().find(|(name, _)| *name == function) {
        None => Some("there is no such test".into()),
        Some((_, true)) => Some("the test is ignored".into()),
        Some(_) => None,
    }
}

/// Whether the file is a target of the package, or a module of one.
fn is_built(path: &str, read: &dyn Fn(&str) -> Option<String>) -> bool {
    let Some((directory, file)) = path.rsplit_once('/') else { return false };
    let stem = file.trim_end_matches(".rs");
    match (directory, stem) {
        ("src", "lib") | ("tests", _) => true,
        (directory, "main") if directory.starts_with("tests/") => true,
        (directory, module) if directory.starts_with("tests/") => {
            declares(&format!("{directory}/main.rs"), module, read)
        }
        (directory, "mod") => {
            let (above, module) = directory.rsplit_once('/').unwrap_or(("", directory));
            is_module(above, module, read)
        }
        (directory, module) => is_module(directory, module, read),
    }
}

/// Whether the file of a directory under `src` has this module, and is built itself.
fn is_module(directory: &str, module: &str, read: &dyn Fn(&str) -> Option<String>) -> bool {
    let parent = match directory {
        "src" => "src/lib.rs".to_owned(),
        _ if directory.starts_with("src/") => format!("{directory}/mod.rs"),
        _ => return false,
    };
    declares(&parent, module, read) && is_built(&parent, read)
}

fn declares(path: &str, module: &str, read: &dyn Fn(&str) -> Option<String>) -> bool {
    let declaration = format!("mod {module};");
    let is_declaration = |line: &str| {
        line == declaration
            || (line.starts_with("pub") && line.strip_suffix(&declaration).is_some_and(|rest| rest.ends_with(' ')))
    };
    read(path).is_some_and(|text| text.lines().any(is_declaration))
}

/// Returns the tests in a Rust file, and whether each is ignored. Attributes are on lines of their own, as rustfmt writes them.
fn tests(text: &str) -> Vec<(&str, bool)> {
    let mut tests = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in text.lines().map(str::trim_start) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        is_ignored |= line.starts_with("#[ignore");
        if let Some(name) = function_name(line) {
            if is_test {
                tests.push((name, is_ignored));
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    tests
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
}
