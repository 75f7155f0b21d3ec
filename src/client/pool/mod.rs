//! The connections that nobody uses, and the requests that wait for one.
//!
//! 1. A request takes the connection that was used last, of its scheme and authority and of the [runtime](runtimes) that it is in; if
//!    there is none, it makes its own.
//! 2. Where the number of connections is limited, requests beyond it wait their turn: a connection that becomes free, or the
//!    right to make one, goes to the one that has waited longest. An idle connection of another runtime is closed to make room.
//! 3. A connection that comes back is handed on at once, or becomes idle. The [sweepers](sweeper) close what the server
//!    touches, and what has been idle for too long.
//! 4. A connection that has [many exchanges](shares) at a time stays with its host, and requests have shares of it. When all streams of it are used
//!    up, another is dialled beside it, up to a few.
//! 5. Where the next connection may be such a one, there is one [dial for all that wait](dialing) in each runtime. They share its error, and
//!    none of them alone can end it. If the connection is of the other kind, each of them dials at once. Which kind a host has is
//!    [remembered](kinds).
//! 6. Hosts that close idle connections without notice are [remembered](closes).
//!
//! # Locks
//!
//! `Pool::state` guards the lists of hosts, of idle connections and of those who wait; `Watch::touched` and `Closes::known` guard a list
//! each. No two are held together. No connection is polled or dropped, and nobody is woken, while one of them is held: a connection's
//! I/O is foreign code, and may call this client.

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
