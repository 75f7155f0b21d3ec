//! HTTP/2: many exchanges on one shared connection.
//!
//! What lies between the socket, or TLS, and h2 is the [transport]: it reads the headers of the [frames] that pass, and what they say of each stream
//! can be [asked](seen).

mod frames;
#[cfg_attr(not(test), expect(dead_code, reason = "the connection that asks is not there yet"))]
mod seen;
#[cfg_attr(not(test), expect(dead_code, reason = "the connection that asks is not there yet"))]
mod transport;
