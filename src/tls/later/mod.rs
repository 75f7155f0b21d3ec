//! A configuration that is made when it is first needed, because reading its root certificates may block.

use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::{ClientConfig, Error};

use super::config::Recipe;
use super::roots::{RootsError, Verifying};
use crate::lock::{Lock, assert_unlocked};
use crate::timer::read_clock;

/// A configuration whose root certificates a thread of its own reads.
///
/// 1. The first connect starts the thread. Connects that need a configuration before it has finished wait for it.
/// 2. A complete result is kept. A failure, or a result with missing certificates, is kept for 5 s; the next connect after that
///    reads again.
/// 3. A configuration is used until a better one was read. Meanwhile no connect waits, and a failure changes nothing.
pub(super) struct Later {
    recipe: Box<Recipe>,
    /// Guards the configuration and the wakers of those that wait. Wakers are cloned, called and dropped outside the lock, and configurations are
    /// dropped outside it.
    state: Lock<State>,
}

struct State {
    made: Option<Made>,
    reading: Reading,
    /// The wakers of those that wait, by the numbers of their places.
    waiting: BTreeMap<u64, Waker>,
    next_place: u64,
}

struct Made {
    config: Arc<ClientConfig>,
    verifier: Arc<dyn ServerCertVerifier>,
}

enum Reading {
    NotBegun,
    UnderWay {
        began: Instant,
    },
    /// All certificates were read.
    Complete,
    /// Some certificates, or all of them, could not be read. The next connect after 5 s reads again.
    Lacking {
        began: Instant,
        problem: RootsError,
    },
}

/// The place of a task among those that wait for the configuration. Dropping it ends the wait.
pub(super) struct Place {
    later: Arc<Later>,
    number: u64,
}

impl Later {
    /// If `before` has read the same root certificates, they are used until they are read again.
    pub(super) fn new(recipe: Box<Recipe>, before: Option<&Self>) -> Self {
        let alike = before.filter(|before| before.recipe.has_roots_of(&recipe));
        let verifier =
            alike.and_then(|before| before.state.lock().made.as_ref().map(|made| Arc::clone(&made.verifier)));
        let made = verifier.map(|verifier| Made::new(&recipe, verifier));
        let state = State { made, reading: Reading::NotBegun, waiting: BTreeMap::new(), next_place: 0 };
        Self { recipe, state: Lock::new(state) }
    }

    /// Returns the configuration, once there is one. While pending, the task that last polled with `place` is woken. If `place` is `None`, a place is
    /// taken.
    pub(super) fn poll(
        self: &Arc<Self>,
        place: &mut Option<Place>,
        cx: &Context<'_>,
    ) -> Poll<Result<Arc<ClientConfig>, RootsError>> {
        let now = read_clock();
        // Dropped last, outside the lock, if it is not stored.
        let mut waker = Some(cx.waker().clone());
        let (begins, polled, _replaced) = {
            let mut state = self.state.lock();
            // A task that has waited takes the result, even if it is older than 5 s by now.
            let begins = place.is_none() && state.begin_if_due(now);
            let polled = state.outcome();
            let replaced = if polled.is_pending() {
                let number = place.get_or_insert_with(|| state.new_place(Arc::clone(self))).number;
                waker.take().and_then(|waker| state.waiting.insert(number, waker))
            } else {
                None
            };
            (begins, polled, replaced)
        };
        if begins {
            self.begin();
        }
        polled
    }

    /// Returns why there is no configuration, while that failure is kept.
    pub(super) fn failure(&self) -> Option<RootsError> {
        let now = read_clock();
        let state = self.state.lock();
        match &state.reading {
            Reading::Lacking { began, problem } if state.made.is_none() && is_believed(*began, now) => {
                Some(problem.clone())
            }
            _ => None,
        }
    }

    /// Starts the thread. It needs no runtime, so that no task waits for a runtime that is not driven.
    fn begin(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let spawned = thread::Builder::new().name("root-certificates".into()).spawn(move || {
            // The roots are foreign code and may panic. The tasks that wait must learn of the end all the same.
            let read = catch_unwind(AssertUnwindSafe(|| this.recipe.read()));
            this.end(read.unwrap_or_else(|_| Err(RootsError::passing(Error::General("reading them panicked".into())))));
        });
        if let Err(error) = spawned {
            let words = format!("no thread could be started: {error}");
            self.end(Err(RootsError::passing(Error::General(words))));
        }
    }

    fn end(&self, read: Result<Verifying, RootsError>) {
        let (made, problem) = match read {
            Ok(Verifying { verifier, problem }) => (Some(Made::new(&self.recipe, verifier)), problem),
            Err(problem) => (None, Some(problem)),
        };
        let serves = made.is_some();
        let (waiting, _unused) = {
            let mut state = self.state.lock();
            let unused = state.on_end(made, problem.clone());
            (mem::take(&mut state.waiting), unused)
        };
        assert_unlocked();
        for waker in waiting.into_values() {
            // A waker that panics must not keep the others from being woken.
            drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
        match problem {
            Some(error) if serves => tracing::warn!(%error, "not all root certificates could be read"),
            Some(error) => {
                tracing::warn!(%error, "root certificates could not be read: https fails as long as there are none")
            }
            None => {}
        }
    }
}

impl State {
    fn begin_if_due(&mut self, now: Instant) -> bool {
        let is_due = match &self.reading {
            Reading::NotBegun => true,
            Reading::UnderWay { .. } | Reading::Complete => false,
            Reading::Lacking { began, .. } => !is_believed(*began, now),
        };
        if is_due {
            self.reading = Reading::UnderWay { began: now };
        }
        is_due
    }

    fn outcome(&self) -> Poll<Result<Arc<ClientConfig>, RootsError>> {
        match (&self.made, &self.reading) {
            (Some(made), _) => Poll::Ready(Ok(Arc::clone(&made.config))),
            (None, Reading::Lacking { problem, .. }) => Poll::Ready(Err(problem.clone())),
            (None, _) => Poll::Pending,
        }
    }

    fn new_place(&mut self, later: Arc<Later>) -> Place {
        let number = self.next_place;
        self.next_place += 1;
        Place { later, number }
    }

    /// Stores the result of a reading. Returns the configuration that is not needed any more.
    fn on_end(&mut self, made: Option<Made>, problem: Option<RootsError>) -> Option<Made> {
        let problem = problem.filter(|problem| made.is_none() || problem.may_pass());
        let is_better = problem.is_none() || self.made.is_none();
        self.reading = match (&self.reading, problem) {
            (Reading::UnderWay { began }, Some(problem)) => Reading::Lacking { began: *began, problem },
            _ => Reading::Complete,
        };
        // An equally good configuration stays, since its sessions belong to its verifier.
        if is_better && made.is_some() { mem::replace(&mut self.made, made) } else { made }
    }
}

impl Made {
    fn new(recipe: &Recipe, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self { config: Arc::new(recipe.config(Arc::clone(&verifier))), verifier }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _waker = self.later.state.lock().waiting.remove(&self.number);
    }
}

/// Whether an incomplete result of a reading that began then is still kept.
fn is_believed(began: Instant, now: Instant) -> bool {
    now.saturating_duration_since(began) < BELIEVED
}

/// How long an incomplete result is kept: as long as what the system says of its network.
const BELIEVED: Duration = Duration::from_secs(5);

// The tests use ring.
#[cfg(test)]
#[cfg(feature = "tls-ring")]
mod tests;
