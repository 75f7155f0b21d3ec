//! A simulated network for the client of `hyper-happy-eyeballs`.
//!
//! The client exchanges requests and responses over connections in memory, in virtual time. Everything that happens is in
//! a [`Plan`](plan::Plan), which comes from a seed, or from a scenario file. The server knows what it was asked and what it
//! answered, and checks that the client keeps its guarantees: see [`Rule`].
//!
//! The parts:
//!
//! - `plan`: what happens, as data; its text; how it is made from a seed, and shrunk.
//! - `net`: connections, the connector, virtual time. It knows no protocol.
//! - `peer` and `http1`: the server, which follows the script of its connection; `http2`: the same over HTTP/2. `wire` is how it sends and ends.
//! - `ledger`, `judge` and `rest`: what was asked, sent and answered, and what must be true of it. They know no protocol.
//! - `caller`, `stage` and `run`: who asks, in which runtime, and the whole.

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
