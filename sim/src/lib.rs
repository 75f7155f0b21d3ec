//! A simulated network for the client of `hyper-happy-eyeballs`.
//!
//! The client exchanges requests and responses over connections in memory, in virtual time. A [`Plan`](plan::Plan), made from a seed or read from a
//! scenario file, says everything that happens. The server knows its requests and its responses, and checks that the client keeps its guarantees: see
//! [`Rule`].
//!
//! The parts:
//!
//! - `plan`: everything that happens, as data; its text; how it is made from a seed, and shrunk.
//! - `net`: connections, the connector, virtual time. It knows no protocol.
//! - `peer` and `http1`: the server, which follows the script of its connection; `http2`: the same over HTTP/2. `wire` is how it sends and ends.
//! - `ledger`, `judge` and `rest`: what was requested, sent and answered, and the rules about it. They know no protocol.
//! - `caller`, `stage` and `run`: the callers, their runtimes, and a whole simulation.

mod body;
mod caller;
mod http1;
mod http2;
mod judge;
mod ledger;
mod net;
mod peer;
pub mod plan;
mod rest;
mod rng;
mod run;
mod stage;
mod wire;

pub use self::ledger::{Rule, Violation};
pub use self::run::{Report, run};
