//! The server of a scenario in HTTP/2.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::connection::Connection;
use super::heard::{Heard, Response};
use super::script::{Http2, Show};
use super::wire::{Transport, Wire};
use crate::exchange::Stage;
use crate::exchange::host::Host;
use crate::exchange::player::follow;
use crate::exchange::scenario::Scenario;

/// A server that follows a script.
pub(crate) struct Server {
    pub(crate) host: Host,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    scenario: Arc<Scenario<Http2>>,
    pub(super) stage: Stage,
    tls: Option<TlsAcceptor>,
    record: Mutex<Record>,
}

/// What the server has seen.
#[derive(Default)]
struct Record {
    connections: usize,
    /// The log's entries for connections.
    events: BTreeMap<usize, Vec<String>>,
    /// What each connection has received, once it is over.
    heard: BTreeMap<usize, Heard>,
}

impl Server {
    /// Starts the server. `tls` is `None` over TCP.
    pub(crate) fn start(
        scenario: Arc<Scenario<Http2>>,
        stage: Stage,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { scenario, stage, tls: tls.map(TlsAcceptor::from), record: Mutex::default() });
        let host = Host::start({
            let shared = Arc::clone(&shared);
            move |id, stream| {
                shared.record().connections = id;
                Arc::clone(&shared).serve(id, stream)
            }
        })?;
        Ok(Self { host, shared })
    }

    /// Returns the log's lines about the server.
    pub(crate) fn log(&self) -> Vec<String> {
        let (mut record, show) = (self.shared.record(), self.shared.scenario.settings.show);
        let heard = mem::take(&mut record.heard);
        let mut log = Vec::new();
        for id in 1..=record.connections {
            let seen = heard.get(&id).map(|heard| heard.lines(show)).into_iter().flatten();
            let events = record.events.get(&id).into_iter().flatten().cloned();
            log.extend(seen.chain(events).map(|line| format!("connection {id} {line}")));
        }
        let streams = || heard.values().flat_map(|heard| heard.streams.values());
        let requests: BTreeSet<_> = streams().map(|stream| stream.request).collect();
        let answers = streams().filter(|stream| stream.response == Response::Complete).count();
        log.push(format!("connections {}", record.connections));
        log.push(format!("streams {}", streams().count()));
        log.push(format!("repeats {}", streams().count() - requests.len()));
        log.push(format!("answers {answers}"));
        log
    }
}

impl Heard {
    fn lines(&self, show: Show) -> Vec<String> {
        let mut lines = Vec::new();
        if show.frames {
            lines.extend(self.events());
        }
        if show.methods {
            let mut methods = BTreeMap::<&str, usize>::new();
            for stream in self.streams.values() {
                *methods.entry(&stream.method).or_default() += 1;
            }
            let methods: Vec<_> = methods.iter().map(|(method, count)| format!("{count} {method}")).collect();
            lines.push(format!("had {}", if methods.is_empty() { "nothing".into() } else { methods.join(", ") }));
        }
        if show.data {
            lines.push(format!("received {} bytes", self.received));
        }
        lines
    }
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self, id: usize, event: &str) {
        self.record().events.entry(id).or_default().push(event.into());
    }

    /// A connection is over.
    pub(super) fn on_over(&self, id: usize, heard: Heard) {
        self.record().heard.insert(id, heard);
    }

    async fn serve(self: Arc<Self>, id: usize, stream: TcpStream) {
        // A reset would discard bytes that Nagle's algorithm holds back, and the log would blame the client.
        stream.set_nodelay(true).unwrap();
        let transport = match &self.tls {
            None => Transport::Tcp(stream),
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => Transport::Tls(Box::new(stream)),
                Err(_) if self.scenario.may_end_at_once(id) => return,
                Err(_) => {
                    self.log(id, "had no TLS");
                    return;
                }
            },
        };
        let connection = Connection::new(Arc::clone(&self), id, Wire::new(transport));
        if let Some(mut connection) = follow(&self.scenario, id, &self.stage, connection).await {
            connection.hear_the_end().await;
        }
    }
}
