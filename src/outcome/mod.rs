//! What a caller learns about a race, whether it was won or lost.

mod attempt;
mod attempt_error;
mod box_error;
mod causes;
mod connect_error;
mod handshake;
mod placing;
mod query_error;
mod report;
mod time;
mod timeline;

#[cfg(feature = "connect")]
pub(crate) use attempt::Phases;
pub use attempt::{Attempt, AttemptOutcome, Untried};
pub use attempt_error::AttemptError;
pub use box_error::BoxError;
#[cfg(feature = "client")]
pub(crate) use causes::Chain;
#[cfg(feature = "connect")]
pub(crate) use causes::causes;
pub use connect_error::ConnectError;
#[cfg(feature = "connect")]
pub(crate) use connect_error::Kind;
pub use handshake::Handshake;
pub use placing::Demotion;
#[cfg(feature = "connect")]
pub(crate) use placing::Placing;
pub use query_error::{QueryError, QueryErrorKind};
#[cfg(feature = "connect")]
pub(crate) use report::{Attempts, Leftover, Report};
#[cfg(feature = "connect")]
pub(crate) use time::Time;
pub use timeline::Timeline;
