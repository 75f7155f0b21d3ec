//! HTTP/2 of the simulated server, and the checks over HTTP/2. It shares no code with the client under test, nor with h2.
//!
//! - `frames` and `fields`: the encoding. Of requests only their numbers are decoded.
//! - `server`: one connection: what the client has written, at once, and as the server notices it. `acting` runs the server's steps.
//! - `stream`: one request and its response.
//! - `dials`: the rules of dials that may lead to HTTP/2.
//! - `judge`: the rules over HTTP/2. `fate` is what the client can know of a request.

mod acting;
mod dials;
mod fate;
mod fields;
mod frames;
mod judge;
mod server;
mod stream;

pub(crate) use self::dials::on_dial;
pub(crate) use self::fate::is_hurt;
pub(crate) use self::judge::{is_over_http1_alone, on_attempt, on_error, on_rest};
pub(crate) use self::server::{Server, accept, advance, on_read, on_timer};
