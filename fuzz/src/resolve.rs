//! Compiles files of the crate that depend on no others once more, for the target that parses the same texts.

#[path = "files.rs"]
pub(crate) mod files;
#[path = "../../src/resolve/gai/plan.rs"]
mod plan;
#[path = "../../src/resolve/system/mod.rs"]
#[allow(dead_code, reason = "the resolver that asks DNS servers itself uses the rest")]
mod system;
