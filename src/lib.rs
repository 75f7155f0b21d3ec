//! placeholder
#![allow(missing_docs, reason = "wip")]
pub mod race;

#[cfg(test)]
mod test_support;
