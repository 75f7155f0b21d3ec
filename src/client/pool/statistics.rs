//! Statistics of a pool: how many connections there are, and how many requests wait for one.

use super::central::Pool;
use super::connection::Owned;
use super::hosts::Host;
use super::kinds::Kind;

/// The connections of a [`Client`](crate::Client) at one moment.
///
/// The client is locked while the numbers are taken, so that all of them are of the same moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatistics {
    /// The sums over all hosts.
    pub total: ConnectionCounts,
    /// The counts of each host to which there is a connection or a dial, sorted by [`origin`](HostStatistics::origin).
    pub hosts: Vec<HostStatistics>,
}

/// The connections of a [`Client`](crate::Client) to one host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStatistics {
    /// Scheme and authority, like `http://example.com:8080`, without userinfo, and without a port that the scheme implies. Requests that need
    /// HTTP/1.1 (an upgrade, CONNECT) may have connections of their own, and so another entry with the same `origin`.
    pub origin: String,
    /// The connections to the host, and the requests that wait for one.
    pub counts: ConnectionCounts,
}

/// How many connections there are, and how many requests wait for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// Connections without an exchange. A connection that its server has closed counts until the client has noticed that.
    pub idle: usize,
    /// Connections with an exchange: a request is sent, a response is waited for or read, or the rest of an upload is sent. A response whose body is
    /// neither read to its end nor dropped keeps its connection in use. An upgraded connection does not count once its stream was handed over.
    pub in_use: usize,
    /// Exchanges on HTTP/2 connections that take further exchanges. An exchange counts until both its request and its response are complete.
    pub streams: usize,
    /// How many more streams the servers of these connections allow (RFC 9113 §6.5.2). 100 are assumed for a connection whose server has not said.
    pub slots: usize,
    /// HTTP/2 connections that have exchanges but take no further one: the server has sent GOAWAY, or the connection is too old. They also count as
    /// `in_use`.
    pub draining: usize,
    /// Connections that the connector is making. With [`late_binding`](super::super::Builder::late_binding) some of them may have no waiting request
    /// any more.
    pub dialing: usize,
    /// Those of `dialing` that will show whether the server speaks HTTP/2. All requests to the host wait for them.
    pub probing: usize,
    /// Waiting requests: for a dial for all, for a stream if all are used, or for a connection if there are as many as
    /// [`max_connections_per_host`](super::super::Builder::max_connections_per_host) allows.
    pub waiting: usize,
}

impl ConnectionCounts {
    fn of<W: Owned>(host: &Host<W>) -> Self {
        let idle = host.idle + host.shares.idle();
        Self {
            idle,
            in_use: host.connected - idle,
            streams: host.shares.used(),
            slots: host.shares.slots(),
            draining: host.shared - host.shares.len(),
            dialing: host.open - host.connected,
            probing: if host.kind == Kind::Unknown { host.dials.len() } else { 0 },
            waiting: host.waiting(),
        }
    }

    fn add(&mut self, other: Self) {
        self.idle += other.idle;
        self.in_use += other.in_use;
        self.streams += other.streams;
        self.slots += other.slots;
        self.draining += other.draining;
        self.dialing += other.dialing;
        self.probing += other.probing;
        self.waiting += other.waiting;
    }
}

impl<W: Owned> Pool<W> {
    /// Returns the statistics of this moment.
    pub(in crate::client) fn statistics(&self) -> PoolStatistics {
        let state = self.lock();
        let hosts: Vec<_> =
            state.hosts.iter().map(|(destination, host)| (destination.clone(), ConnectionCounts::of(host))).collect();
        drop(state);
        let mut statistics = PoolStatistics::default();
        for (destination, counts) in hosts {
            statistics.total.add(counts);
            let origin = format!("{}://{}", destination.scheme(), destination.host_and_port());
            statistics.hosts.push(HostStatistics { origin, counts });
        }
        statistics.hosts.sort_by(|one, other| one.origin.cmp(&other.origin));
        statistics
    }
}
