//! One exchange on one HTTP/1.1 connection.
//!
//! 1. A connection that was made [shakes hands](handshake), which sends nothing, and is a [wire] then.
//! 2. The [exchange] drives the connection until the head of the response is there. hyper takes the body of the request from its
//!    [upload](super::request::upload) meanwhile.
//! 3. Where the request goes on after that, a task drives the connection in [both directions](duplex).
//! 4. When both are complete, it is [settled](reuse) whether the connection can have another exchange, and for [how long](keep_alive). If not, it is
//!    [closed](closing).
//!
//! Whoever waits for a connection is woken by its [relay].

pub(super) mod body;
mod closing;
pub(super) mod duplex;
pub(super) mod exchange;
pub(super) mod handshake;
mod keep_alive;
pub(super) mod relay;
pub(super) mod reuse;
pub(super) mod wire;
