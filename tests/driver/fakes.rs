//! A mock network in which each address and each query has a scripted result, and a log of what a connector did there.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use http::Uri;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::{Builder, HappyEyeballsStream};
use hyper_happy_eyeballs::resolve::{Answer, Answers, FixedResolver, Name, Queries, Query, QueryError};
use hyper_happy_eyeballs::{Attempt, AttemptError, BoxError, ConnectError, HappyEyeballsConnector, Untried};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Service, ServiceExt};

/// The port of the scheme, which every address has.
const PORT: u16 = 80;

/// `http://race.example/`
pub(crate) fn uri() -> Uri {
    Uri::from_static("http://race.example/")
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// `A6` is 2001:db8::a, `B4` is 192.0.2.11; `L6` and `L4` are the loopback addresses.
pub(crate) fn address(name: &str) -> SocketAddr {
    let ip = match name {
        "L6" => "::1".into(),
        "L4" => "127.0.0.1".into(),
        _ => {
            let host = u32::from_str_radix(&name[..1], 36).unwrap();
            if name.ends_with('6') { format!("2001:db8::{host:x}") } else { format!("192.0.2.{host}") }
        }
    };
    SocketAddr::new(ip.parse().unwrap(), PORT)
}

pub(crate) fn addresses(names: &str) -> Vec<SocketAddr> {
    names.split_whitespace().map(address).collect()
}

pub(crate) fn name(address: SocketAddr) -> String {
    let (host, family) = match address.ip() {
        ip if ip.is_loopback() => ('L', if ip.is_ipv6() { 6 } else { 4 }),
        IpAddr::V6(ip) => (letter(ip.octets()[15]), 6),
        IpAddr::V4(ip) => (letter(ip.octets()[3]), 4),
    };
    format!("{host}{family}")
}

fn letter(host: u8) -> char {
    char::from_digit(host.into(), 36).unwrap().to_ascii_uppercase()
}

/// `A6 B4`: where the attempts went, in their order.
pub(crate) fn tried(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| name(attempt.endpoint().address())).collect::<Vec<_>>().join(" ")
}

/// `A6 not reached, B4 left the answer`
pub(crate) fn untried(untried: &[Untried]) -> String {
    let line = |untried: &Untried| format!("{} {}", name(untried.endpoint().address()), untried.reason());
    untried.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// A resolver that has this list at once.
pub(crate) fn list(names: &str) -> FixedResolver {
    FixedResolver::new().with("race.example", addresses(names))
}

pub(crate) async fn connect<R, A>(builder: Builder<R, A>) -> Result<HappyEyeballsStream<A::Response>, ConnectError>
where
    HappyEyeballsConnector<R, A>: Service<Uri, Response = HappyEyeballsStream<A::Response>, Error = ConnectError>,
    A: Service<AttemptRequest>,
{
    builder.build().unwrap().oneshot(uri()).await
}

/// How the attempts to an address end, and how many milliseconds after their start.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Connects(u64),
    /// Refused: something was sent.
    Refuses(u64),
    /// Failed before anything was sent.
    SendsNothing(u64),
    Hangs,
    Panics(u64),
}

/// The mock network. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    fates: BTreeMap<SocketAddr, Fate>,
    log: Mutex<Vec<String>>,
}

impl World {
    /// Attempts to other addresses hang.
    pub(crate) fn new<const N: usize>(fates: [(&str, Fate); N]) -> Self {
        let fates = fates.into_iter().map(|(name, fate)| (address(name), fate)).collect();
        Self { shared: Arc::new(Shared { began: Instant::now(), fates, log: Mutex::default() }) }
    }

    /// A connector with a resolver that has this list at once.
    pub(crate) fn dial(&self, names: &str) -> Builder<FixedResolver, Attempts> {
        self.dial_by(list(names))
    }

    pub(crate) fn dial_by<R>(&self, resolver: R) -> Builder<R, Attempts> {
        HappyEyeballsConnector::builder().resolver(resolver).attempt(self.attempts())
    }

    pub(crate) fn attempts(&self) -> Attempts {
        Attempts { world: self.clone() }
    }

    /// A resolver that makes these queries, and has no answers yet.
    pub(crate) fn resolver(&self, queries: Queries) -> Resolver {
        Resolver { world: self.clone(), queries, asks_at: Some(0), said: Vec::new(), ends_at: None }
    }

    /// Everything that has happened, each with its time in milliseconds.
    pub(crate) fn log(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }

    pub(crate) fn elapsed(&self) -> u64 {
        self.shared.began.elapsed().as_millis().try_into().unwrap()
    }

    fn note(&self, what: &str) {
        let line = format!("{} {what}", self.elapsed());
        self.shared.log.lock().unwrap().push(line);
    }

    fn until(&self, milliseconds: u64) -> Pin<Box<Sleep>> {
        Box::pin(sleep_until(self.shared.began + ms(milliseconds)))
    }
}

/// An attempt service. It logs each start, and each attempt that ends or is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Attempts {
    world: World,
}

impl Service<AttemptRequest> for Attempts {
    type Response = Link;
    type Error = BoxError;
    type Future = Trying;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: AttemptRequest) -> Self::Future {
        let world = self.world.clone();
        let address = request.endpoint().address();
        world.note(&format!("start {}", name(address)));
        let fate = world.shared.fates.get(&address).copied().unwrap_or(Fate::Hangs);
        let ends = match fate {
            Fate::Connects(after) | Fate::Refuses(after) | Fate::SendsNothing(after) | Fate::Panics(after) => {
                Some(world.until(world.elapsed() + after))
            }
            Fate::Hangs => None,
        };
        Trying { world, address, fate, ends, is_over: false }
    }
}

/// An attempt of [`Attempts`].
#[derive(Debug)]
pub(crate) struct Trying {
    world: World,
    address: SocketAddr,
    fate: Fate,
    ends: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

impl Future for Trying {
    type Output = Result<Link, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(poll_timer(&mut self.ends, cx));
        self.is_over = true;
        let name = name(self.address);
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        Poll::Ready(match self.fate {
            Fate::Connects(_) => {
                self.world.note(&format!("connect {name}"));
                Ok(Link { world: self.world.clone(), address: self.address })
            }
            Fate::Refuses(_) => {
                self.world.note(&format!("fail {name}"));
                Err(refused().into())
            }
            Fate::SendsNothing(_) => {
                self.world.note(&format!("fail {name}"));
                Err(AttemptError::new(refused()).unsent().into())
            }
            Fate::Panics(_) => panic!("the attempt to {name} panics"),
            Fate::Hangs => unreachable!("it has no end"),
        })
    }
}

impl Drop for Trying {
    fn drop(&mut self) {
        if !self.is_over {
            self.world.note(&format!("drop {}", name(self.address)));
        }
    }
}

/// A connection. It logs its end.
#[derive(Debug)]
pub(crate) struct Link {
    world: World,
    address: SocketAddr,
}

impl Link {
    pub(crate) fn name(&self) -> String {
        name(self.address)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.world.note(&format!("close {}", name(self.address)));
    }
}

/// A resolver that follows a script. It logs its call, and the drop of its look-up and of its stream of answers. All times are
/// milliseconds since the beginning of the world.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    world: World,
    queries: Queries,
    asks_at: Option<u64>,
    said: Vec<(u64, Said)>,
    ends_at: Option<u64>,
}

type Said = Result<Answer, QueryError>;

impl Resolver {
    /// When the service's own future is done; `None` is never. It is at once without this.
    pub(crate) fn asks_at(mut self, at: Option<u64>) -> Self {
        self.asks_at = at;
        self
    }

    pub(crate) fn list(self, at: u64, names: &str) -> Self {
        self.says(at, Ok(Answer::list(addresses(names))))
    }

    pub(crate) fn aaaa(self, at: u64, names: &str) -> Self {
        self.says(at, Ok(Answer::aaaa(addresses(names))))
    }

    pub(crate) fn a(self, at: u64, names: &str) -> Self {
        self.says(at, Ok(Answer::a(addresses(names))))
    }

    pub(crate) fn fails(self, at: u64, query: Query, cause: &'static str) -> Self {
        self.says(at, Err(QueryError::new(query, cause)))
    }

    /// When the stream ends. It stays open without this.
    pub(crate) fn ends_at(mut self, at: u64) -> Self {
        self.ends_at = Some(at);
        self
    }

    pub(crate) fn says(mut self, at: u64, said: Said) -> Self {
        self.said.push((at, said));
        self
    }
}

impl Service<Name> for Resolver {
    type Response = Answers<Saying>;
    type Error = BoxError;
    type Future = Asking;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        self.world.note(&format!("ask {name}"));
        Asking { resolver: self.clone(), timer: self.asks_at.map(|at| self.world.until(at)), is_over: false }
    }
}

/// The look-up of a [`Resolver`].
#[derive(Debug)]
pub(crate) struct Asking {
    resolver: Resolver,
    timer: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

impl Future for Asking {
    type Output = Result<Answers<Saying>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(poll_timer(&mut self.timer, cx));
        self.is_over = true;
        let Resolver { world, queries, said, ends_at, .. } = self.resolver.clone();
        let mut said: Vec<_> = said.into_iter().map(|(at, said)| (at, Some(said))).collect();
        said.extend(ends_at.map(|at| (at, None)));
        said.reverse();
        let timer = said.last().map(|(at, _)| world.until(*at));
        Poll::Ready(Ok(Answers::new(queries, Saying { world, said, timer })))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.is_over {
            self.resolver.world.note("drop look-up");
        }
    }
}

/// The answers of a [`Resolver`].
#[derive(Debug)]
pub(crate) struct Saying {
    world: World,
    /// What is to be said, last first; `None` is the end.
    said: Vec<(u64, Option<Said>)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stream for Saying {
    type Item = Said;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(poll_timer(&mut self.timer, cx));
        let (_, said) = self.said.pop().unwrap();
        self.timer = self.said.last().map(|(at, _)| self.world.until(*at));
        Poll::Ready(said)
    }
}

impl Drop for Saying {
    fn drop(&mut self) {
        self.world.note("drop answers");
    }
}

/// Ready when the time has come. Without a timer it is never ready.
fn poll_timer(timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
    match timer {
        Some(timer) if timer.deadline() <= Instant::now() => Poll::Ready(()),
        Some(timer) => timer.as_mut().poll(cx),
        None => Poll::Pending,
    }
}

/// Counts how often a future is polled.
#[derive(Debug)]
pub(crate) struct Counted<F> {
    future: F,
    pub(crate) polls: usize,
}

impl<F> Counted<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future, polls: 0 }
    }
}

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        Pin::new(&mut self.future).poll(cx)
    }
}
