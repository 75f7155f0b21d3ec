//! What a server has seen of its clients.

use std::sync::Mutex;

use rustls::{HandshakeKind, NamedGroup};

use crate::support::origin::until;

/// What a server has seen, in the order of its coming.
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

/// What a ClientHello asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The name of SNI.
    pub(crate) name: Option<String>,
    pub(crate) alpn: Vec<String>,
    /// The groups for the exchange of keys.
    pub(crate) groups: Vec<NamedGroup>,
}

impl Seen {
    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.read(|state| state.accepted)
    }

    /// Each ClientHello so far.
    pub(crate) fn hellos(&self) -> Vec<Hello> {
        self.read(|state| state.hellos.clone())
    }

    /// Handshakes that came to their end here, resumed ones included.
    pub(crate) fn handshakes(&self) -> usize {
        self.read(|state| state.handshakes.len())
    }

    /// Handshakes in which the client came back to a session.
    pub(crate) fn resumed(&self) -> usize {
        self.handshakes_of(HandshakeKind::Resumed)
    }

    /// Handshakes of this kind that came to their end here.
    pub(crate) fn handshakes_of(&self, kind: HandshakeKind) -> usize {
        self.read(|state| state.handshakes.iter().filter(|other| **other == kind).count())
    }

    /// Requests so far, such as `GET /path HTTP/1.1`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.read(|state| state.requests.clone())
    }

    /// Connections of which the end has come.
    pub(crate) fn closed(&self) -> usize {
        self.read(|state| state.closed)
    }

    /// Waits until so many connections have been accepted.
    pub(crate) async fn accepts(&self, connections: usize) {
        until(|| self.accepted() >= connections).await;
    }

    /// Waits until so many connections have been accepted, and all are closed.
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
