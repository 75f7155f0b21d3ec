//! Prints the public interface of a crate, one item a line, from the JSON that rustdoc made of it: `interface/run` compares the lines with those that are
//! in the repository.
//!
//! Of an implementation of a trait there is the line that names it, and its types and constants. Its functions are left out: the trait says what they
//! are. So are implementations for every type, and those of auto traits, which tests pin.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;

use rustdoc_types::{Crate, FORMAT_VERSION, Id, Item, ItemEnum};
use serde_json::Value;

/// This machine cannot tell, as in `lab/lab.py`.
const SKIPPED: u8 = 77;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("the argument is missing: the JSON that rustdoc made")?;
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let format = &json["format_version"];
    if *format != FORMAT_VERSION {
        eprintln!("rustdoc's JSON has format {format}; what interface/Cargo.toml names reads format {FORMAT_VERSION}");
        return Ok(ExitCode::from(SKIPPED));
    }
    let left_out = left_out(&serde_json::from_value(json)?);
    let interface =
        public_api::Builder::from_rustdoc_json(path).omit_blanket_impls(true).omit_auto_trait_impls(true).build()?;
    for item in interface.items().filter(|item| !left_out.contains(&item.id())) {
        println!("{item}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The functions within implementations of traits, and the implementations that the compiler adds to a derived `PartialEq`.
fn left_out(documented: &Crate) -> BTreeSet<Id> {
    let mut left_out = BTreeSet::new();
    for item in documented.index.values() {
        let ItemEnum::Impl(implementation) = &item.inner else { continue };
        let Some(of) = &implementation.trait_ else { continue };
        if of.path.ends_with("StructuralPartialEq") {
            left_out.insert(item.id);
        }
        let items = implementation.items.iter().filter_map(|id| documented.index.get(id));
        left_out.extend(items.filter(is_function).map(|function| function.id));
    }
    left_out
}

fn is_function(item: &&Item) -> bool {
    matches!(item.inner, ItemEnum::Function(_))
}
