//! Helpers of tests that count races: how often they run, on which runtime, under which watchdog, and their requests.
//!
//! The environment variable `EXCHANGE_REPEAT`, a whole number that defaults to 1, multiplies every count. Measurements are printed with
//! `--nocapture`.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::panic::Location;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_happy_eyeballs::client::{ClientError, Connector, RequestBody, ResponseBody, ResponseFuture};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use tokio::runtime::Builder;

/// Returns how often to do what is done `count` times by default.
pub(crate) fn times(count: usize) -> usize {
    let factor = std::env::var("EXCHANGE_REPEAT").map_or(1, |factor| factor.parse().expect("a whole number"));
    count * factor
}

/// Runs `test` as a task of a current-thread runtime, then of a multi-thread one.
///
/// Only one runs at a time in a binary: tests count the descriptors of the process, and races need an idle machine.
pub(crate) fn on_both_runtimes<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut one, mut two) = (Builder::new_current_thread(), Builder::new_multi_thread());
    for (name, builder) in [("current-thread", &mut one), ("multi-thread", two.worker_threads(2))] {
        let _name = NameOnPanic(name);
        let runtime = builder.enable_all().build().unwrap();
        let limit = Duration::from_secs(600) * u32::try_from(times(1)).unwrap();
        let task = runtime.spawn(test());
        let ended = runtime.block_on(async { tokio::time::timeout(limit, task).await });
        if let Err(panicked) = ended.expect("the test has no end") {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
}

struct NameOnPanic(&'static str);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(format_args!("that was on the {} runtime", self.0));
        }
    }
}

#[allow(clippy::print_stderr, reason = "figures are for whoever runs the test")]
pub(crate) fn say(figures: std::fmt::Arguments<'_>) {
    eprintln!("{figures}");
}

/// The watchdog: without a delay of the test's own, nothing takes longer than five seconds.
#[track_caller]
pub(crate) fn in_time<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = Location::caller();
    async move {
        let ended = tokio::time::timeout(Duration::from_secs(5), future).await;
        ended.unwrap_or_else(|_| panic!("what began at {caller} hangs"))
    }
}

/// Lets other tasks run until `condition` holds, which it must within a minute.
#[track_caller]
pub(crate) fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        for _ in 0..60_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("waited in vain at {caller}");
    }
}

/// Polls the future once.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match pin!(&mut *future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Returns how many descriptors this process has open.
#[cfg(target_os = "linux")]
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[allow(clippy::disallowed_methods, reason = "what is measured here is real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits with microsecond precision, which sleeping does not have.
pub(crate) fn spin(duration: Duration) {
    let start = now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}

pub(crate) fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations[durations.len() / 2]
}

/// Random numbers, the same on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns a number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // The constants of Knuth's MMIX; the high bits are the random ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

pub(crate) type AnyBody = BoxBody<Bytes, Infallible>;

pub(crate) fn empty() -> AnyBody {
    full(Bytes::new())
}

/// A body of known length, in one piece.
pub(crate) fn full(bytes: Bytes) -> AnyBody {
    Full::new(bytes).boxed()
}

/// A body of unknown length, in pieces of 64 KiB.
pub(crate) fn streamed(mut bytes: Bytes) -> AnyBody {
    let pieces = std::iter::from_fn(move || {
        (!bytes.is_empty()).then(|| Ok(Frame::data(bytes.split_to(bytes.len().min(64 * 1024)))))
    });
    BodyExt::boxed(StreamBody::new(futures_util::stream::iter(pieces)))
}

pub(crate) fn client() -> Client<HappyEyeballsConnector> {
    Client::new(HappyEyeballsConnector::new())
}

pub(crate) fn request<B>(method: Method, uri: Uri, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request
}

/// Sends a request under the watchdog, and reads the response to its end.
#[track_caller]
pub(crate) fn exchange<C: Connector, B: RequestBody>(
    client: &Client<C>,
    request: Request<B>,
) -> impl Future<Output = Result<(StatusCode, Bytes), ClientError>> + use<C, B> {
    in_time(collect(client.request(request)))
}

/// [`exchange`] of a GET without a body.
#[track_caller]
pub(crate) fn get<C: Connector>(
    client: &Client<C>,
    uri: Uri,
) -> impl Future<Output = Result<(StatusCode, Bytes), ClientError>> + use<C> {
    in_time(collect(client.get(uri)))
}

async fn collect(response: ResponseFuture) -> Result<(StatusCode, Bytes), ClientError> {
    read(response.await?).await
}

/// Reads a response to its end.
pub(crate) async fn read<B: Body<Data = Bytes>>(response: Response<B>) -> Result<(StatusCode, Bytes), B::Error> {
    Ok((response.status(), response.into_body().collect().await?.to_bytes()))
}

/// Reads at most `frames` frames of the response to request `number`, and checks their content. Returns whether that was all.
pub(crate) async fn read_frames(response: Response<ResponseBody>, number: usize, frames: u64) -> bool {
    let mut body = response.into_body();
    let line = format!("{number}\n");
    let mut expected = line.bytes().cycle();
    for _ in 0..frames {
        let Some(frame) = in_time(body.frame()).await else { return true };
        let data = frame.unwrap_or_else(|error| panic!("{number}: {error:?}")).into_data().unwrap();
        for &byte in &data {
            assert_eq!(Some(byte), expected.next(), "not the answer of {number}");
        }
    }
    false
}
