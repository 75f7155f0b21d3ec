//! Runs each target over its corpus, and over the inputs that made it fail before.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use hyper_happy_eyeballs_fuzz::TARGETS;

#[test]
fn every_input_of_the_corpus_and_every_regression_passes() {
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let mut count = 0;
        for directory in ["corpus", "regressions"] {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join(name);
            let files = fs::read_dir(&directory).into_iter().flatten();
            for file in files {
                let file = file.expect("a directory can be read").path();
                let data = fs::read(&file).expect("an input can be read");
                count += 1;
                if catch_unwind(|| target(&data)).is_err() {
                    failed.push(file);
                }
            }
        }
        assert!(count > 0, "{name} has no corpus");
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn no_target_minds_an_input_of_nothing() {
    for (_, target) in TARGETS {
        target(&[]);
    }
}
