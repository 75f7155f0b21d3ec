//! The client's side of a scenario.

use std::fmt::Write as _;
use std::io;
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::Stage;
use super::asking::{Asked, Statement, Then};
use super::body::{ScriptedBody, fill};
use super::clients::{AnyBody, AnyResponse, Ask, Problem, error_kind};
use super::scenario::{Failure, Protocol, Scenario};

/// The outcome of a request, in the words of the log.
type Outcome = (usize, String);

/// A client that follows a script.
pub(crate) struct Visit<'a, P: Protocol, C> {
    scenario: &'a Scenario<P>,
    stage: Stage,
    origin: String,
    client: Option<C>,
    asked: usize,
    outcomes: Vec<Outcome>,
    /// The tasks, each with the number of its first request.
    started: Vec<(usize, JoinHandle<Vec<Outcome>>)>,
    prepared: Option<(usize, AnyResponse)>,
    held: Option<Held>,
    upgraded: Option<TokioIo<hyper::upgrade::Upgraded>>,
}

/// A response whose body is still to be read.
struct Held {
    request: usize,
    text: String,
    response: Response<AnyBody>,
    /// How many bytes of it were read.
    read: usize,
}

impl<'a, P: Protocol, C: Ask> Visit<'a, P, C> {
    pub(crate) fn new(scenario: &'a Scenario<P>, stage: Stage, origin: String, client: C) -> Self {
        Self {
            scenario,
            stage,
            origin,
            client: Some(client),
            asked: 0,
            outcomes: Vec::new(),
            started: Vec::new(),
            prepared: None,
            held: None,
            upgraded: None,
        }
    }

    /// Plays the script, and leaves nothing open. Returns the log's lines about requests.
    pub(crate) async fn follow(mut self) -> Result<Vec<String>, Failure> {
        for line in &self.scenario.client {
            self.stage.at("client", line.number, &line.text);
            self.take(&line.what).await.map_err(|error| format!("line {}, `{}`: {error}", line.number, line.text))?;
        }
        if let Some(held) = self.held.take() {
            self.outcomes.push(held.dropped());
        }
        for (_, task) in self.started.drain(..) {
            task.abort();
        }
        self.stage.done("client");
        Ok(if self.scenario.tally { tally(self.outcomes) } else { list(self.outcomes) })
    }

    async fn take(&mut self, statement: &Statement) -> Result<(), Failure> {
        match statement {
            Statement::Request(asked) => {
                for _ in 0..asked.times {
                    self.exchange(asked).await?;
                }
            }
            Statement::Start(asked) => {
                let (tasks, each) = asked.tasks.map_or((asked.times, 1), |tasks| (tasks, asked.times));
                for _ in 0..tasks {
                    self.start(asked, each)?;
                }
            }
            Statement::Prepare(asked) => self.prepared = Some(self.ask(asked)?),
            Statement::Finish => {
                for (_, task) in self.started.drain(..) {
                    self.outcomes.extend(task.await?);
                }
            }
            Statement::DropFuture => self.drop_future().await?,
            Statement::Read(most) => {
                let held = self.held.take().ok_or("there is no response")?;
                match held.read(*most, self.scenario.causes).await {
                    Ok(outcome) => self.outcomes.push(outcome),
                    Err(held) => self.held = Some(*held),
                }
            }
            Statement::DropBody => {
                let held = self.held.take().ok_or("there is no response")?;
                self.outcomes.push(held.dropped());
            }
            Statement::Upgrade => {
                let held = self.held.take().ok_or("there is no response")?;
                self.upgraded = Some(TokioIo::new(hyper::upgrade::on(held.response).await?));
                self.outcomes.push((held.request, format!("{} upgraded", held.text)));
            }
            Statement::WriteUntilError => {
                let mut stream = self.upgraded.take().ok_or("there is no upgraded stream")?;
                let error = write_until_error(&mut stream).await;
                let last = self.outcomes.last_mut().ok_or("nothing was upgraded")?;
                write!(last.1, ", write error {}", error_kind(error.kind()))?;
            }
            Statement::Pause(time) => tokio::time::sleep(*time).await,
            Statement::Tell(mark) => self.stage.tell(mark),
            Statement::Until(mark) => self.stage.until(mark).await,
            Statement::Block(mark) => self.stage.block(mark)?,
            Statement::CloseIdle => self.client.as_ref().ok_or("the client is gone")?.close_idle(),
            Statement::DropClient => self.client = None,
        }
        Ok(())
    }

    async fn exchange(&mut self, asked: &Asked) -> Result<(), Failure> {
        let (request, responding) = self.ask(asked)?;
        let began = now();
        let result = responding.await;
        match (result, asked.then) {
            (Ok(response), Then::Hold) => {
                let text = response.status().as_str().to_owned();
                self.held = Some(Held { request, text, response, read: 0 });
            }
            (result, then) => {
                let text = finish(result, then, self.scenario.causes).await;
                self.outcomes.push((request, in_time(text, began, asked.within)));
            }
        }
        Ok(())
    }

    /// Starts a task that makes `requests` sequential requests. Their numbers are assigned at the start.
    fn start(&mut self, asked: &Asked, requests: usize) -> Result<(), Failure> {
        let all = (0..requests).map(|_| self.ask(asked)).collect::<Result<Vec<_>, _>>()?;
        let first = all.first().ok_or("no request at all")?.0;
        let (then, causes, within) = (asked.then, self.scenario.causes, asked.within);
        let outcomes = async move {
            let mut outcomes = Vec::new();
            for (request, responding) in all {
                let began = now();
                let text = finish(responding.await, then, causes).await;
                outcomes.push((request, in_time(text, began, within)));
            }
            outcomes
        };
        #[expect(clippy::disallowed_methods, reason = "the script goes on meanwhile")]
        self.started.push((first, tokio::spawn(outcomes)));
        Ok(())
    }

    fn ask(&mut self, asked: &Asked) -> Result<(usize, AnyResponse), Failure> {
        self.asked += 1;
        let uri = format!("{}/{}", self.origin, self.asked);
        let body = ScriptedBody::new(asked.body, &self.stage);
        let mut request = Request::builder().method(asked.method.clone()).uri(uri).body(body)?;
        request.headers_mut().extend(asked.headers.clone());
        Ok((self.asked, self.client.as_ref().ok_or("the client is gone")?.request(request)))
    }

    async fn drop_future(&mut self) -> Result<(), Failure> {
        let request = if let Some((request, responding)) = self.prepared.take() {
            drop(responding);
            request
        } else {
            let (request, task) = self.started.pop().ok_or("there is no future")?;
            task.abort();
            if task.await.is_ok() {
                return Err("there was a response already".into());
            }
            request
        };
        self.outcomes.push((request, "dropped".into()));
        Ok(())
    }
}

impl Held {
    /// Reads at least `most` bytes, or to the end. Returns itself if the end was not reached.
    async fn read(mut self, most: Option<usize>, causes: bool) -> Result<Outcome, Box<Self>> {
        let enough = most.map(|most| self.read + most);
        let body = self.response.body_mut();
        let mut trailers = String::new();
        loop {
            if enough.is_some_and(|enough| self.read >= enough) {
                return Err(Box::new(self));
            }
            match body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.read += data.len(),
                    Err(frame) => {
                        for (name, value) in frame.trailers_ref().into_iter().flatten() {
                            write!(trailers, ", {name} {}", value.to_str().unwrap()).unwrap();
                        }
                    }
                },
                Some(Err(problem)) => {
                    return Ok((self.request, format!("{} {} bytes, {}", self.text, self.read, problem.text(causes))));
                }
                None => return Ok((self.request, format!("{} {} bytes{trailers}", self.text, self.read))),
            }
        }
    }

    fn dropped(self) -> Outcome {
        (self.request, format!("{} {} bytes, dropped", self.text, self.read))
    }
}

impl Problem {
    fn text(&self, causes: bool) -> String {
        match &self.cause {
            Some(cause) if causes => format!("error {}, {cause}", self.kind),
            None if causes => format!("error {}, no cause", self.kind),
            _ => format!("error {}", self.kind),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of a scenario is the real one")]
fn now() -> Instant {
    Instant::now()
}

/// Returns the text of an outcome, with a note if it came too late.
fn in_time(text: String, began: Instant, within: Option<Duration>) -> String {
    if within.is_some_and(|most| began.elapsed() > most) { format!("{text}, late") } else { text }
}

/// Returns the outcome of a request whose response is read or dropped at once.
async fn finish(result: Result<Response<AnyBody>, Problem>, then: Then, causes: bool) -> String {
    let mut response = match result {
        Ok(response) => response,
        Err(problem) => return problem.text(causes),
    };
    let text = response.status().as_str().to_owned();
    let Then::Read(pause) = then else {
        return format!("{text} 0 bytes, dropped");
    };
    let body = response.body_mut();
    if !pause.is_zero() {
        let mut read = 0;
        loop {
            tokio::time::sleep(pause).await;
            match body.frame().await {
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, bytes::Bytes::len),
                Some(Err(problem)) => return format!("{text} {read} bytes, {}", problem.text(causes)),
                None => return format!("{text} {read} bytes"),
            }
        }
    }
    let held = Held { request: 0, text, response, read: 0 };
    match held.read(None, causes).await {
        Ok((_, text)) => text,
        Err(_) => unreachable!("it is read to its end"),
    }
}

/// Writes until a write fails, which it must.
async fn write_until_error(stream: &mut TokioIo<hyper::upgrade::Upgraded>) -> io::Error {
    loop {
        if let Err(error) = stream.write_all(&fill(1)).await {
            return error;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Returns a line for each request, and one line for consecutive requests with equal outcomes.
fn list(mut outcomes: Vec<Outcome>) -> Vec<String> {
    outcomes.sort_unstable();
    let mut log: Vec<(usize, usize, String)> = Vec::new();
    for (request, text) in outcomes {
        match log.last_mut() {
            Some((_, last, same)) if *same == text && *last + 1 == request => *last = request,
            _ => log.push((request, request, text)),
        }
    }
    let line =
        |(first, last, text)| if first == last { format!("{first} {text}") } else { format!("{first}-{last} {text}") };
    log.into_iter().map(line).collect()
}

/// Returns a line for each outcome, with its count.
fn tally(outcomes: Vec<Outcome>) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for (_, text) in outcomes {
        *counts.entry(text).or_default() += 1;
    }
    counts.into_iter().map(|(text, count)| format!("{count} x {text}")).collect()
}
