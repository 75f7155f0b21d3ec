//! One exchange on one HTTP/1.1 connection.
//!
//! 1. [`handshake`] makes a [wire] of a connection that the connector has made. It sends nothing.
//! 2. The [exchange] drives the connection until the head of the response is there. hyper takes the body of the request from its
//!    [upload](super::request::upload) meanwhile.
//! 3. If the request goes on after that, a task drives the connection in [both directions](duplex).
//! 4. When both are complete, the connection is [settled](reuse): it goes back to the pool if it can have another exchange, for the time that its
//!    [`Keep-Alive`](keep_alive) field says. Otherwise it is [closed](closing).
//!
//! The [relay] of a connection wakes the task that waits for it.

pub(super) mod body;
mod closing;
pub(super) mod duplex;
pub(super) mod exchange;
pub(super) mod handshake;
mod keep_alive;
pub(super) mod relay;
pub(super) mod reuse;
pub(super) mod wire;
