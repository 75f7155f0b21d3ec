//! What a server has seen of its clients.

use std::sync::Mutex;

use rustls::{HandshakeKind, NamedGroup};

use crate::support::origin::until;

/// What a server has seen, in order.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    accepted: usize,
    hellos: Vec<Hello>,
    handshakes: Vec<HandshakeKind>,
    closed: usize,
    requests: Vec<String>,
}

/// The contents of a ClientHello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The name of SNI.
    pub(crate) name: Option<String>,
    pub(crate) alpn: Vec<String>,
    /// The key exchange groups.
    pub(crate) groups: Vec<NamedGroup>,
}

impl Seen {
    /// Returns how many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.read(|state| state.accepted)
    }

    /// Returns each ClientHello so far.
    pub(crate) fn hellos(&self) -> Vec<Hello> {
        self.read(|state| state.hellos.clone())
    }

    /// Returns how many handshakes were finished, resumed ones included.
    pub(crate) fn handshakes(&self) -> usize {
        self.read(|state| state.handshakes.len())
    }

    /// Returns how many handshakes resumed a session.
    pub(crate) fn resumed(&self) -> usize {
        self.handshakes_of(HandshakeKind::Resumed)
    }

    /// Returns how many handshakes of this kind were finished.
    pub(crate) fn handshakes_of(&self, kind: HandshakeKind) -> usize {
        self.read(|state| state.handshakes.iter().filter(|other| **other == kind).count())
    }

    /// Returns the requests so far, such as `GET /path HTTP/1.1`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.read(|state| state.requests.clone())
    }

    /// Returns how many connections have ended.
    pub(crate) fn closed(&self) -> usize {
        self.read(|state| state.closed)
    }

    /// Waits until this many connections have been accepted.
    pub(crate) async fn accepts(&self, connections: usize) {
        until(|| self.accepted() >= connections).await;
    }

    /// Waits until this many connections have been accepted, and all are closed.
    pub(crate) async fn sees_all_closed(&self, connections: usize) {
        until(|| self.accepted() >= connections && self.closed() == self.accepted()).await;
        assert_eq!(self.accepted(), connections, "connections");
    }

    pub(super) fn on_accepted(&self) {
        self.write(|state| state.accepted += 1);
    }

    pub(super) fn on_hello(&self, hello: Hello) {
        self.write(|state| state.hellos.push(hello));
    }

    pub(super) fn on_handshake(&self, kind: HandshakeKind) {
        self.write(|state| state.handshakes.push(kind));
    }

    pub(super) fn on_request(&self, line: String) {
        self.write(|state| state.requests.push(line));
    }

    pub(super) fn on_closed(&self) {
        self.write(|state| state.closed += 1);
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.lock().unwrap())
    }

    fn write(&self, write: impl FnOnce(&mut State)) {
        write(&mut self.state.lock().unwrap());
    }
}
