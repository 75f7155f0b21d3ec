use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Wake;

use hyper_util::rt::TokioIo;
use tokio::time::advance;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Service, ServiceExt, service_fn};

use super::*;
use crate::attempt::AttemptRequest;
use crate::tls::config::{Made as Configured, make};
use crate::tls::roots::Roots;
use crate::tls::test_identity::certificate;
use crate::tls::{TlsConnector, TlsError, TlsErrorKind, TlsOptions};

type Read = Result<Verifying, RootsError>;
type Says = Receiver<fn() -> Read>;

/// Mock roots: each reading blocks until the test sends its result. Without a script it fails.
#[derive(Clone, Debug)]
struct Script(Arc<Mutex<Says>>);

impl Roots for Script {
    fn verifier(&self, _: &[CertificateDer<'static>], _: Arc<CryptoProvider>) -> Read {
        let says = self.0.lock().unwrap().recv();
        says.unwrap_or(none)()
    }

    fn is_slow(&self) -> bool {
        true
    }
}

fn script() -> (Sender<fn() -> Read>, TlsOptions) {
    let (sender, receiver) = channel();
    let provider = Arc::new(ring::default_provider());
    let options = TlsOptions::new().provider(provider).roots(Script(Arc::new(Mutex::new(receiver))));
    (sender, options)
}

fn later(options: &TlsOptions, before: Option<&Later>) -> Arc<Later> {
    match make(options).unwrap() {
        Configured::Later(recipe) => Arc::new(Later::new(recipe, before)),
        Configured::Config(_) => panic!("these roots are slow"),
    }
}

fn verifying(problem: Option<RootsError>) -> Verifying {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    Verifying { verifier, problem }
}

fn busy() -> RootsError {
    RootsError::passing(Error::General("too many open files".into()))
}

fn whole() -> Read {
    Ok(verifying(None))
}

fn in_part() -> Read {
    Ok(verifying(Some(busy())))
}

fn none() -> Read {
    Err(busy())
}

/// Waits for a configuration, in a place of its own.
async fn get(later: &Arc<Later>) -> Result<Arc<ClientConfig>, RootsError> {
    let mut place = None;
    poll_fn(|cx| later.poll(&mut place, cx)).await
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_failed_is_believed_for_five_seconds() {
    let (says, options) = script();
    let later = later(&options, None);
    assert!(later.failure().is_none());
    says.send(none).unwrap();
    assert_eq!(get(&later).await.unwrap_err().to_string(), "too many open files");
    advance(Duration::from_millis(4_999)).await;
    // No second reading begins: this would wait for it.
    assert!(assert_ready!(task::spawn(Box::pin(get(&later))).poll()).is_err() && later.failure().is_some());
    advance(Duration::from_millis(1)).await;
    assert!(later.failure().is_none());
    says.send(whole).unwrap();
    let config = get(&later).await.unwrap();
    advance(Duration::from_secs(3600)).await;
    assert!(Arc::ptr_eq(&config, &get(&later).await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_in_part_serves_until_more_is_read() {
    let (says, options) = script();
    let later = later(&options, None);
    says.send(in_part).unwrap();
    let first = get(&later).await.unwrap();
    // A result that is no better keeps the first configuration, and so does a failure.
    for outcome in [in_part, none] {
        advance(BELIEVED).await;
        assert!(Arc::ptr_eq(&first, &get(&later).await.unwrap()));
        says.send(outcome).unwrap();
        until_over(&later);
        assert!(Arc::ptr_eq(&first, &get(&later).await.unwrap()));
    }
    advance(BELIEVED).await;
    assert!(Arc::ptr_eq(&first, &get(&later).await.unwrap()));
    says.send(whole).unwrap();
    until_over(&later);
    assert!(!Arc::ptr_eq(&first, &get(&later).await.unwrap()));
    assert!(matches!(later.state.lock().reading, Reading::Complete));
}

fn until_over(later: &Later) {
    while matches!(later.state.lock().reading, Reading::UnderWay { .. }) {
        thread::yield_now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_panics_is_one_that_failed() {
    let (says, options) = script();
    let later = later(&options, None);
    says.send(|| resume_unwind(Box::new("of a test"))).unwrap();
    let error = get(&later).await.unwrap_err();
    assert!(error.may_pass() && error.to_string() == "reading them panicked", "{error}");
}

#[test]
fn one_who_waits_has_one_place_however_often_it_is_polled() {
    let (says, options) = script();
    let later = later(&options, None);
    let waiting = || later.state.lock().waiting.len();
    let mut first = task::spawn(Box::pin(get(&later)));
    let mut second = task::spawn(Box::pin(get(&later)));
    for _ in 0..1_000 {
        assert_pending!(first.poll());
        assert_pending!(second.poll());
    }
    assert_eq!(waiting(), 2);
    drop(second);
    assert_eq!(waiting(), 1);
    says.send(whole).unwrap();
    until_over(&later);
    assert!(assert_ready!(first.poll()).is_ok());
    assert_eq!(waiting(), 0);
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("of a test"));
    }
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_waker_that_panics_leaves_nobody_asleep() {
    let (says, options) = script();
    let later = later(&options, None);
    let counts = Arc::new(Counts::default());
    let mut places: [Option<Place>; 3] = [None, None, None];
    let wakers = [Arc::clone(&counts).into(), Arc::new(Panics).into(), Arc::clone(&counts).into()];
    for (place, waker) in places.iter_mut().zip(&wakers) {
        assert_pending!(later.poll(place, &Context::from_waker(waker)));
    }
    says.send(whole).unwrap();
    while counts.0.load(SeqCst) < 2 {
        thread::yield_now();
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_settings_before_have_read_serves_until_it_is_read_anew() {
    let (says, options) = script();
    let before = later(&options, None);
    says.send(whole).unwrap();
    get(&before).await.unwrap();
    let after = later(&options, Some(&before));
    let first = get(&after).await.unwrap();
    says.send(none).unwrap();
    until_over(&after);
    assert!(Arc::ptr_eq(&first, &get(&after).await.unwrap()) && after.failure().is_none());
    advance(BELIEVED).await;
    get(&after).await.unwrap();
    says.send(whole).unwrap();
    until_over(&after);
    assert!(!Arc::ptr_eq(&first, &get(&after).await.unwrap()));
    // Different root certificates have to be read first.
    let others = later(&options.extra_root_certificates([certificate()]), Some(&before));
    let mut waits = task::spawn(Box::pin(get(&others)));
    assert_pending!(waits.poll());
    says.send(whole).unwrap();
    assert!(waits.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_takes_too_long_fails_the_attempt_in_the_time_of_a_handshake() {
    let (_says, options) = script();
    let (ours, _theirs) = tokio::io::duplex(64);
    let mut ours = Some(TokioIo::new(ours));
    let transport = service_fn(move |_: AttemptRequest| {
        let transport = ours.take().expect("there is one attempt");
        async { Ok::<_, Infallible>(transport) }
    });
    let mut connector = TlsConnector::new(transport, options).unwrap();
    let request = AttemptRequest::new(SocketAddr::from(([192, 0, 2, 1], 443)), "origin.example", true);
    let began = read_clock();
    let error = connector.ready().await.unwrap().call(request).await.unwrap_err();
    assert_eq!(read_clock() - began, Duration::from_secs(10));
    let tls = TlsError::find(&error).unwrap();
    assert_eq!(tls.kind(), TlsErrorKind::Roots);
    assert_eq!(tls.to_string(), "the root certificates are still being read");
    assert!(!error.is_permanent());
}
