//! HTTP/2: many exchanges on one connection.
//!
//! 1. A connection that was made [shakes hands](handshake). It has [one task](connection), and stays with its host in the pool.
//! 2. What lies between the socket, or TLS, and h2 is the [transport]: it reads the headers of the [frames] that pass, and what they say of
//!    each of the [streams] can be [asked](seen).
//! 3. A request is made [what HTTP/2 sends](head), and is an [exchange] then. Its body goes into the stream by a [pump], which keeps
//!    what was [taken] of it for when it has to go again.
//! 4. The [body](body) of the response is read from the stream, by its [window]. What is [left](rest) of the request goes on meanwhile, or does not.
//!    When both are over, the stream's place is free.
//! 5. A server that is silent is [asked](silence) whether it is there.
//! 6. What became of a request that has no response is [judged](verdict) by how its stream ended.

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

/// Whether there is HTTP/2.
pub(super) const IS_ON: bool = true;
