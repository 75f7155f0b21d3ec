//! What a pool has, for those who watch it.

use super::central::Pool;
use super::connection::Owned;
use super::hosts::Host;
use super::kinds::Kind;

/// What a [`Client`](crate::Client) has of connections at one moment.
///
/// It is made from the lists of the client, which stand still for that long: all numbers are of the same moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatistics {
    /// Those of all hosts together.
    pub total: ConnectionCounts,
    /// Those of each host to which there is a connection, or a dial, in the order of their [names](HostStatistics::origin).
    pub hosts: Vec<HostStatistics>,
}

/// What a [`Client`](crate::Client) has of connections to one host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStatistics {
    /// Scheme and authority, like `http://example.com:8080`: as the first request had them, without userinfo. Requests with another userinfo
    /// have connections of their own: those are another entry, with the same `origin`.
    pub origin: String,
    /// Its connections, and who waits for one.
    pub counts: ConnectionCounts,
}

/// How many connections there are, and how many requests wait for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// Connections that nobody uses. One that its server has closed counts until the client has seen that.
    pub idle: usize,
    /// Connections that have an exchange: a request is sent, a response waited for or read, or the rest of an upload sent. A response whose
    /// body is neither read to its end nor dropped keeps its connection; an upgraded one does not, once its stream was handed over.
    pub in_use: usize,
    /// Exchanges on connections of HTTP/2 that take further ones. One whose request or response is not complete counts.
    pub streams: usize,
    /// Streams that the servers of these connections would take besides (RFC 9113 §6.5.2). A server that has not said how many it takes is taken to allow
    /// 100 on a connection.
    pub slots: usize,
    /// Connections of HTTP/2 that take no further exchange, and have some: their servers have said GOAWAY, or they are too old. They are in use.
    pub draining: usize,
    /// Connections that are being made, until the connector has made them: with [`late_binding`](super::super::Builder::late_binding) also those that
    /// nobody waits for any more.
    pub dialing: usize,
    /// Those of them that will show whether the server speaks HTTP/2, and for which all requests wait meanwhile.
    pub probing: usize,
    /// Requests that wait: for a dial that is for all of them, for a stream where all are used up, or since there are as many connections as there
    /// [may](super::super::Builder::max_connections_per_host) be.
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
    /// What there is at this moment.
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
