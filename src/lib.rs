//! placeholder
#![allow(missing_docs, reason = "wip")]
mod attempt;
#[cfg(feature = "connect")]
pub mod connect;
mod error;
pub mod race;
mod report;
#[cfg(feature = "connect")]
pub mod resolve;
#[cfg(feature = "connect")]
pub mod tcp;

pub use attempt::{Attempt, AttemptError, AttemptOutcome, Untried};
#[cfg(feature = "connect")]
pub use connect::{ConnectInfo, HappyEyeballsConnector, HappyEyeballsLayer};
pub use error::{BoxError, Error, QueryError};

#[cfg(test)]
mod test_support;
