//! A connector that reaches a host over whatever path works, in the least time, and a client that never loses a response that
//! arrived.
//!
//! [`HappyEyeballsConnector`] is a `tower::Service<Uri>` that takes the place of hyper-util's `HttpConnector`: it resolves a
//! name and races connection attempts to its addresses (Happy Eyeballs: RFC 6555, RFC 8305, and the HAPPY v3 draft).
//!
//! # What happens to a connection
//!
//! 1. The URI is parsed. A host that is an address needs no resolver. A URI that cannot be connected to is an error
//!    that says what is wrong.
//! 2. The [resolver](resolve) is asked for the name, and answers as it can.
//! 3. The addresses are put into an order in which the families alternate, and the first attempt starts.
//! 4. While no attempt succeeds, the next one starts 250 ms after the last, or at once when the newest has failed. Earlier
//!    attempts keep running: a slow path is not a dead one. An attempt whose TCP connection stands and whose TLS handshake has begun puts the next
//!    start off.
//! 5. The first connection wins. Every other socket is closed before it is handed over. Nothing was sent on it but for the beginning of a TLS
//!    handshake, where there is TLS.
//! 6. What happened is kept: [`ConnectInfo`] on the connection and on every response over it, or [`ConnectError::attempts`].
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http_body_util::Empty;
//! use hyper_happy_eyeballs::HappyEyeballsConnector;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//!
//! let connector = HappyEyeballsConnector::builder().timeout(Duration::from_secs(10)).build()?;
//! let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
//! # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
//! ```
//!
//! # The client
//!
//! [`Client`] sends requests by HTTP/1.1 and HTTP/2 over this connector or any other. See [`client`] for what happens to a request, and
//! [`response_first`] for the part that works under other clients.
//!
//! # What is where
//!
//! The root has what a program needs to set up the connector and the client: the two and their layers, the resolvers, the usual settings, the records
//! of connections and attempts, and the errors. The modules have the rest: rarer settings, and the interfaces to replace a part.
//!
//! # Errors
//!
//! | error | says | comes from |
//! |---|---|---|
//! | [`ConfigError`] | These settings cannot work. | `build()` of the connector and of the client |
//! | [`ConnectError`] | Why there is no connection, with every attempt. | [`HappyEyeballsConnector`] |
//! | [`AttemptError`] | Why one attempt failed. | an attempt service; in [`ConnectError::attempts`] |
//! | [`QueryError`] | Why a query has no records. | a resolver; in [`ConnectError::query_errors`] |
//! | [`ClientError`] | Why a request has no response, or a response no end. | [`Client`] |
//!
//! `Display` is one line for a log, `source` the cause. [`ConnectError::is_permanent`] and [`ClientError::is_permanent`] say whether the same call
//! would fail again, [`ClientError::may_retry`] whether the request may be sent again.
//!
//! # The layers, and how to replace one
//!
//! | layer | is | replace it |
//! |---|---|---|
//! | [`race`] | the decisions, as a state machine without I/O | drive it yourself, over QUIC say |
//! | [`resolve`] | a name in, a stream of answers out | [`Builder::resolver`](connect::Builder::resolver) |
//! | [`attempt`], [`tcp`] | an [`AttemptRequest`](attempt::AttemptRequest) in, a connection out | [`Builder::attempt`](connect::Builder::attempt), or [`HappyEyeballsLayer`] around your own service |
//! | [`connect`] | the driver: everything in flight | |
//! | [`client`] | requests and responses, and the connections they share | any connector, [`ClientLayer`] |
//!
//! # Cancel safety
//!
//! Dropping the future of a connect cancels the look-up and closes the socket of every attempt at once. The connector spawns no task; a resolver may:
//! [`resolve::GaiResolver`] has threads that block on getaddrinfo and that nothing waits for; `resolve::HickoryResolver` has a task for each look-up
//! that is not cached.
//!
//! Dropping a response, or the future of one, closes its connection, or returns it to the pool if the exchange is complete. The client has a task
//! that closes idle connections, and one for each exchange whose response has begun before its request has ended.
//!
//! # Features
//!
//! `connect` is the connector, and [`response_first`] for other clients; `client` is the client on top of it. Both are on by default. Without them
//! there is the pure [`race`], and the crate depends on nothing.
//!
//! `tls` adds the module `tls`, TLS as a part of each attempt. `https` adds a provider, root certificates and the client, with HTTP/2.
//!
//! `hickory` adds `resolve::HickoryResolver`, which asks DNS servers itself, and needs Rust 1.88; `hickory-dot` and `hickory-doh`
//! let it ask over TLS and HTTPS, with the provider and the root certificates of the features `tls-…`.
// docs.rs shows which feature an item needs. That takes a nightly compiler, which docs.rs has.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "client"),
    expect(rustdoc::broken_intra_doc_links, reason = "the client, or the connector too, is switched off")
)]
#![cfg_attr(not(feature = "connect"), expect(dead_code, reason = "what the driver says is not said without it"))]

#[cfg(feature = "connect")]
pub mod attempt;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "connect")]
pub mod connect;
#[cfg(feature = "connect")]
mod connection;
#[cfg(feature = "connect")]
mod forward_io;
#[cfg(feature = "connect")]
mod lock;
#[cfg(feature = "connect")]
mod network;
#[cfg(feature = "connect")]
mod oneshot;
mod outcome;
pub mod race;
#[cfg(feature = "connect")]
pub mod resolve;
#[cfg(feature = "connect")]
pub mod response_first;
#[cfg(feature = "connect")]
pub mod tcp;
#[cfg(feature = "connect")]
mod timer;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "connect")]
mod wake_later;

#[cfg(all(feature = "client", feature = "tls"))]
pub use client::HttpsClient;
#[cfg(feature = "client")]
pub use client::{Client, ClientError, ClientLayer, ConnectionUse, PoolStatistics, RetryBody, RetryPolicy};
#[cfg(feature = "connect")]
pub use connect::{ConnectInfo, HappyEyeballsConnector, HappyEyeballsLayer, MemoryHandle};
pub use outcome::{
    Attempt, AttemptError, AttemptOutcome, BoxError, ConnectError, Demotion, Handshake, QueryError, QueryErrorKind,
    Timeline, Untried,
};
pub use race::{
    ConfigError, DropReason, Families, Order, Patience, Policy, StartReason, UntriedReason, public_addresses_only,
};
#[cfg(feature = "hickory")]
pub use resolve::HickoryResolver;
#[cfg(feature = "connect")]
pub use resolve::{FixedResolver, GaiResolver};
#[cfg(feature = "connect")]
pub use response_first::ResponseFirstLayer;
#[cfg(feature = "connect")]
pub use tcp::TcpOptions;
#[cfg(feature = "tls")]
pub use tls::{TlsError, TlsInfo, TlsOptions};

#[cfg(test)]
mod test_support;
