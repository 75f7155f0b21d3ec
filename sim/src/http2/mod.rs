//! HTTP/2 as the simulated server speaks it, and what must be true of it. It shares no code with the client under test, nor with h2.
//!
//! - `frames` and `fields`: what is written and read. Of requests no more is read than who asks.
//! - `server`: one connection: what the client has written, as soon as it has, and as the server notices it; `acting` is what the server does, step by step.
//! - `stream`: one request and its response.
//! - `dials`: what must not happen to dials where HTTP/2 may be the answer.
//! - `judge`: what must not happen over HTTP/2; `fate` is what the client can know of a request.

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
