//! The server of a scenario, on a thread and a runtime of its own, as a server is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::Stage;
use super::script::{Action, Line, Scenario, Step};
use super::wire::{self, Head};

/// A server that follows a script.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<Notify>,
    finished: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    scenario: Arc<Scenario>,
    stage: Stage,
    record: Mutex<Record>,
}

/// What the server has seen.
#[derive(Default)]
struct Record {
    connections: usize,
    /// The numbers of the requests whose heads were read.
    heads: Vec<usize>,
    /// What the log says of a connection.
    events: Vec<(usize, String)>,
    /// From where the runner connects when the client is gone.
    last: Option<SocketAddr>,
}

impl Server {
    pub(crate) fn start(scenario: Arc<Scenario>, stage: Stage) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (shared, stop) = (Arc::new(Shared { scenario, stage, record: Mutex::default() }), Arc::<Notify>::default());
        let (at_end, finished) = oneshot::channel();
        let thread = thread::spawn({
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    tokio::select! {
                        () = shared.serve(listener) => at_end.send(()).unwrap_or_default(),
                        () = stop.notified() => {}
                    }
                });
            }
        });
        Ok(Self { address, shared, stop, finished, thread: Some(thread) })
    }

    /// Waits until every connection has come to the end of its script. There must be no client any more.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        // Connections are accepted in order: when this one is, all have been.
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        self.shared.record().last = Some(socket.local_addr()?);
        drop(socket.connect(self.address).await?);
        (&mut self.finished).await.map_err(|_closed| io::Error::other("the server panicked"))
    }

    /// The lines of the log that are about the server.
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

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic has been told already, if it was not this that stopped the thread.
            thread.join().unwrap_or_default();
        }
    }
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: &Arc<Self>, listener: std::net::TcpListener) {
        let listener = TcpListener::from_std(listener).unwrap();
        let mut connections = JoinSet::new();
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let mut record = self.record();
            if record.last == Some(peer) {
                break;
            }
            record.connections += 1;
            let connection = Connection { shared: Arc::clone(self), id: record.connections, stream, head: None };
            connections.spawn(connection.follow());
        }
        // What a script leaves open stays open until all have ended.
        let mut open = Vec::new();
        while let Some(connection) = connections.join_next().await {
            open.push(connection.unwrap());
        }
    }
}

/// A connection with its script.
struct Connection {
    shared: Arc<Shared>,
    id: usize,
    stream: TcpStream,
    head: Option<Head>,
}

impl Connection {
    /// Goes through the script. Returns the connection if it is still open.
    async fn follow(mut self) -> Option<Self> {
        let scenario = Arc::clone(&self.shared.scenario);
        let stage = self.shared.stage.clone();
        let who = format!("connection {}", self.id);
        let Some(script) = scenario.connections.get(&self.id).or(scenario.others.as_ref()) else {
            self.log("was not expected");
            return None;
        };
        let (mut at, mut again) = (0, script.len());
        while let Some(Line { number, text, what: step }) = script.get(at) {
            stage.at(&who, *number, text);
            if matches!(step.action, Action::Loop) {
                again = at + 1;
            }
            match self.take(step).await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => {
                    stage.done(&who);
                    return None;
                }
                Err(error) => {
                    let name = text.split_whitespace().next().unwrap_or_default();
                    if error.kind() == io::ErrorKind::InvalidData {
                        self.log(&format!("was sent nonsense in {name}"));
                    } else if !step.may_end {
                        self.log(&format!("ended in {name}"));
                    }
                    stage.done(&who);
                    return None;
                }
            }
            at = if at + 1 == script.len() { again } else { at + 1 };
        }
        stage.done(&who);
        Some(self)
    }

    async fn take(&mut self, step: &Step) -> io::Result<ControlFlow<()>> {
        let stream = &mut self.stream;
        match &step.action {
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
            Action::Loop => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn log(&self, event: &str) {
        self.shared.record().events.push((self.id, event.into()));
    }
}
