//! HTTP/2: many exchanges on one connection.
//!
//! 1. A [handshake] makes a connection, which [one task](connection) drives, and which stays in the pool under its host.
//! 2. The [transport] lies between h2 and the socket, or TLS. It reads the headers of the [frames] that pass, and [records](seen) what they say of
//!    each of the [streams].
//! 3. The [head] of a request is rewritten for HTTP/2, and an [exchange] sends it. A [pump] sends its body, and keeps a [copy](taken) of what it has
//!    sent for a retry.
//! 4. The [body] of the response is read from the stream, whose flow-control [window] it opens. The [rest] of the request is sent meanwhile, or not.
//!    When both have ended, the share of the connection is given back.
//! 5. A server that is [silent](silence) while a response is awaited gets a PING.
//! 6. The [verdict] on a request without a response follows from how its stream ended.

mod begun;
pub(super) mod body;
mod builder;
pub(super) mod connection;
mod ended;
pub(super) mod exchange;
mod failure;
mod frames;
pub(super) mod handshake;
mod head;
mod pulse;
mod pump;
mod rest;
mod seen;
pub(super) mod settings;
mod silence;
mod streams;
mod taken;
mod transport;
mod verdict;
mod window;

/// Whether the feature for HTTP/2 is on.
pub(super) const IS_ON: bool = true;
