//! The connection pool: idle connections, connections that requests share, and the requests that wait for one.
//!
//! 1. A request takes the idle connection that was used last, of its scheme and authority and of its [runtime](runtimes). If there is none, the
//!    request dials its own.
//! 2. If the number of connections is limited, requests beyond the limit wait in a queue. A connection that becomes free, or the right to dial one,
//!    goes to the request that has waited longest. An idle connection of another runtime is closed to make room.
//! 3. A connection that comes back is handed to a waiting request, or becomes idle. The [sweepers](sweeper) close idle connections on which the
//!    server has sent something, or which it has closed, and those that have expired.
//! 4. A connection that has [many exchanges](shares) at a time (HTTP/2) stays with its host, and requests have shares of it. If all of its streams
//!    are used, another connection is dialled beside it, up to a limit.
//! 5. If the next connection may be such a one, there is one [dial for all](dialing) waiting requests in each runtime. They share its error, and
//!    dropping one of them does not end it. If the connection turns out to have one exchange at a time (HTTP/1.1), each of the others dials at once.
//!    Which kind of connection a host has is [remembered](kinds).
//! 6. Hosts that close idle connections without notice are [remembered](closes).
//!
//! # Locks
//!
//! `Pool::state` guards the lists of hosts, idle connections and waiting requests. `Watch::touched` and `Closes::known` guard one list each. No two
//! are held at the same time. While one is held, no connection is polled or dropped, and no task is woken: the I/O of a connection is foreign code,
//! and may call this client.

mod bounded;
mod central;
mod closes;
mod connection;
mod dialing;
mod finishing;
mod grants;
mod hosts;
mod kinds;
mod learning;
mod lease;
#[cfg(any(test, not(feature = "http2")))]
mod no_connection;
mod place;
mod runtimes;
mod settings;
mod shares;
mod sharing;
mod shelf;
mod statistics;
mod sweep;
mod sweeper;
#[cfg(all(test, feature = "http2"))]
mod tests;

pub(super) use self::central::{Acquired, Pool};
pub(super) use self::connection::Owned;
#[cfg(feature = "http2")]
pub(super) use self::connection::Shared;
pub(super) use self::dialing::{Dialing, ForAll};
pub(super) use self::finishing::Finish;
pub(super) use self::grants::{Grant, Share, Ticket};
pub(super) use self::lease::Lease;
#[cfg(not(feature = "http2"))]
pub(super) use self::no_connection::NoConnection;
pub(super) use self::place::Place;
pub(super) use self::runtimes::{RuntimeId, Watch, current_runtime};
pub(super) use self::settings::Settings;
pub use self::statistics::{ConnectionCounts, HostStatistics, PoolStatistics};
