//! The server of a scenario.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Stage;
use super::host::Host;
use super::player::{Player, follow};
use super::scenario::Scenario;
use super::script::{Action, Http1};
use super::wire::{self, Head};

/// A server that follows a script.
pub(crate) struct Server {
    pub(crate) host: Host,
    shared: Arc<Shared>,
}

struct Shared {
    scenario: Arc<Scenario<Http1>>,
    stage: Stage,
    record: Mutex<Record>,
}

/// What the server has seen.
#[derive(Default)]
struct Record {
    connections: usize,
    /// The numbers of the requests whose heads were read.
    heads: Vec<usize>,
    /// The log's entries for connections.
    events: Vec<(usize, String)>,
}

impl Server {
    pub(crate) fn start(scenario: Arc<Scenario<Http1>>, stage: Stage) -> io::Result<Self> {
        let shared = Arc::new(Shared { scenario, stage, record: Mutex::default() });
        let host = Host::start({
            let shared = Arc::clone(&shared);
            move |id, stream| {
                shared.record().connections = id;
                let connection = Connection { shared: Arc::clone(&shared), id, stream, head: None };
                let shared = Arc::clone(&shared);
                async move { follow(&shared.scenario, id, &shared.stage, connection).await }
            }
        })?;
        Ok(Self { host, shared })
    }

    /// Returns the log's lines about the server.
    pub(crate) fn log(&self) -> Vec<String> {
        let mut record = self.shared.record();
        record.events.sort_by_key(|(id, _)| *id);
        let mut log: Vec<_> = record.events.iter().map(|(id, event)| format!("connection {id} {event}")).collect();
        let all = record.heads.len();
        record.heads.sort_unstable();
        record.heads.dedup();
        log.push(format!("connections {}", record.connections));
        log.push(format!("heads {all}"));
        log.push(format!("repeats {}", all - record.heads.len()));
        log
    }
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection with its script.
struct Connection {
    shared: Arc<Shared>,
    id: usize,
    stream: TcpStream,
    head: Option<Head>,
}

impl Player<Action> for Connection {
    async fn take(&mut self, action: &Action) -> io::Result<ControlFlow<()>> {
        let stream = &mut self.stream;
        match action {
            Action::Head => {
                let head = Head::read(stream).await?;
                self.shared.record().heads.push(head.request);
                self.head = Some(head);
            }
            Action::Body => self.head.as_ref().expect("a head before a body").read_body(stream).await?,
            Action::Read(len) => wire::skip(stream, *len).await?,
            Action::Peek => {
                if stream.peek(&mut [0]).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Action::Quiet(time) => {
                if let Ok(peeked) = tokio::time::timeout(*time, stream.peek(&mut [0])).await {
                    peeked?;
                    self.log("was not quiet");
                }
            }
            Action::Lull(time) => {
                let bytes = wire::lull(stream, *time).await?;
                self.log(&format!("fell silent after {bytes} bytes"));
            }
            Action::Send(bytes) => stream.write_all(bytes).await?,
            Action::Pause(time) => tokio::time::sleep(*time).await,
            Action::Tell(mark) => self.shared.stage.tell(mark),
            Action::Until(mark) => self.shared.stage.until(mark).await,
            Action::HalfClose => stream.shutdown().await?,
            Action::Close => return Ok(ControlFlow::Break(())),
            Action::Reset => {
                socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
                return Ok(ControlFlow::Break(()));
            }
            Action::Drain => {
                let (bytes, end) = wire::drain(stream).await;
                self.log(&format!("drained {bytes} bytes, {end}"));
            }
            Action::Gone => wire::gone(stream).await?,
        }
        Ok(ControlFlow::Continue(()))
    }

    fn log(&mut self, event: &str) {
        self.shared.record().events.push((self.id, event.into()));
    }
}
