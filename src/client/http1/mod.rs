//! One exchange on one HTTP/1.1 connection.
//!
//! 1. A connection that was made [shakes hands](handshake), which sends nothing, and is a [wire] then.
//! 2. Before a connection is looked for, it is decided how the body of the request is [framed](framing), and its [fields](request) are made
//!    to agree with that.
//! 3. A [copy](retry_copy) is kept of what may have to go out again.
//! 4. The [exchange] drives the connection until the head of the response is there. hyper takes the body of the request from its
//!    [upload] meanwhile, which holds the body to what it [promised](promise).
//! 5. Where the request goes on after that, a task drives the connection in [both directions](duplex).
//! 6. When both are complete, it is [settled](reuse) whether the connection can have another exchange. If not, it is [closed](closing).
//!
//! Whoever waits for a connection is woken by its [relay].

mod closing;
pub(super) mod duplex;
pub(super) mod exchange;
pub(super) mod framing;
pub(super) mod handshake;
pub(super) mod informational;
#[cfg(feature = "tls")]
mod plain;
#[cfg(not(feature = "tls"))]
mod plain {
    pub(super) use crate::response_first::into_tcp_stream;
}
pub(super) mod promise;
pub(super) mod relay;
pub(super) mod request;
pub(super) mod retry_copy;
pub(super) mod reuse;
pub(super) mod upload;
pub(super) mod wire;
