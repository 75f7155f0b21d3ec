//! The channel between an attempt and the driver of its race. It decides nothing.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::lock::{Lock, assert_unlocked};
use crate::outcome::Handshake;
use crate::race::{Endpoint, ServiceRecord};

/// The handle by which an attempt tells its race how far it is, and asks whether it may begin its handshake.
///
/// It may be used in any task. When the attempt is over (it ended, lost, or was dropped with its race), calls have no effect. Clones belong to the
/// same attempt.
#[derive(Clone, Debug)]
pub struct AttemptHandle {
    endpoint: Endpoint,
    /// `None` if no driver reads what the attempt reports.
    shared: Option<Arc<Shared>>,
}

impl AttemptHandle {
    pub(super) fn new(endpoint: Endpoint, shared: Option<Arc<Shared>>) -> Self {
        Self { endpoint, shared }
    }

    /// Reports that the transport is connected, and that the handshake is estimated to take `remaining`.
    ///
    /// The next attempt is put off for so long (v3 §6.1). `remaining` is clamped to 100 ms ..= 2 s. No attempt is put off past 2 s after the one
    /// before it, and none that is due already. If a memory knows how long handshakes with this address take
    /// ([`MemoryHandle`](crate::connect::MemoryHandle)), the first call uses that time instead of `remaining`. Only
    /// [`Policy::Staggered`](crate::race::Policy::Staggered) puts attempts off.
    pub fn progress(&self, remaining: Duration) {
        self.say(|state| state.progress = Some(remaining));
    }

    /// Reports that the transport is connected, and that it decides the race: the attempt wins unless it fails.
    ///
    /// Every other attempt is dropped ([`DropReason::Overtaken`](crate::race::DropReason::Overtaken)), and none starts while this one is in flight.
    /// So no other server sees a handshake. If this attempt fails, the race goes on at once with the endpoints of the attempts that were dropped. The
    /// time-out of the connect still counts. If another attempt has its connection in the same instant, that one wins.
    ///
    /// Without this call, the first attempt that has its connection wins.
    pub fn choose(&self) {
        self.say(|state| state.chooses = true);
    }

    /// Reports that the handshake is finished, and what was negotiated, for the record of the attempt
    /// ([`Attempt::handshake`](crate::Attempt::handshake)).
    pub fn shook_hands(&self, handshake: Handshake) {
        let Some(shared) = &self.shared else { return };
        let _before = shared.state.lock().handshake.replace(handshake);
    }

    /// Changes the state, and wakes the driver.
    fn say(&self, say: impl FnOnce(&mut State)) {
        let Some(shared) = &self.shared else { return };
        let driver = {
            let mut state = shared.state.lock();
            say(&mut state);
            state.driver.take()
        };
        wake(driver);
    }

    /// Reports that the transport is connected, asks whether the attempt may begin its handshake, and waits until it may: see
    /// [`poll_admission`](Self::poll_admission).
    ///
    /// # Errors
    ///
    /// [`AttemptOver`], if the attempt is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the question back: another call gets the answer.
    pub async fn admission(&self) -> Result<Admission, AttemptOver> {
        poll_fn(|cx| self.poll_admission(cx)).await
    }

    /// Reports that the transport is connected, and asks whether the attempt may begin its handshake.
    ///
    /// It may at once, unless the HTTPS query has no answer and [`Patience`](crate::race::Patience) says to wait for it. The task that polled last is
    /// woken. While an attempt waits, the time to the next start stands still, until at most 2 s after the last start. If the answer does not have
    /// the endpoint of the attempt, the attempt is dropped ([`DropReason::Superseded`](crate::race::DropReason::Superseded)).
    ///
    /// # Errors
    ///
    /// [`AttemptOver`], if the attempt is over.
    pub fn poll_admission(&self, cx: &mut Context<'_>) -> Poll<Result<Admission, AttemptOver>> {
        let Some(shared) = &self.shared else {
            return Poll::Ready(Ok(Admission { endpoint: self.endpoint.clone() }));
        };
        let waker = cx.waker().clone();
        let (_replaced, driver) = {
            let mut state = shared.state.lock();
            match &state.gate {
                Gate::Open(endpoint) => return Poll::Ready(Ok(Admission { endpoint: endpoint.clone() })),
                Gate::Over => return Poll::Ready(Err(AttemptOver(()))),
                Gate::Unasked => state.gate = Gate::Asked,
                Gate::Asked | Gate::Waiting => {}
            }
            let asks = matches!(state.gate, Gate::Asked);
            (state.attempt.replace(waker), if asks { state.driver.take() } else { None })
        };
        wake(driver);
        Poll::Pending
    }
}

/// The permission to begin a handshake.
#[derive(Clone, Debug)]
pub struct Admission {
    endpoint: Endpoint,
}

impl Admission {
    /// The service record for this connection: the one that the endpoint came from, or one that came after the start of the attempt and has the
    /// endpoint. `None` if there is none.
    pub fn service(&self) -> Option<&ServiceRecord> {
        self.endpoint.service()
    }
}

/// The error of [`AttemptHandle::admission`] if the attempt has ended, or its race is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptOver(());

impl fmt::Display for AttemptOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the attempt is over")
    }
}

impl Error for AttemptOver {}

/// The state that the attempt and the driver share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Guards the state. Wakers are cloned, called and dropped while it is not locked.
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    /// The estimate that the driver has not read yet. A later one replaces an earlier one.
    progress: Option<Duration>,
    /// The attempt has called `choose`, and the driver has not read it yet.
    chooses: bool,
    /// What was negotiated, for the record of the attempt.
    handshake: Option<Handshake>,
    gate: Gate,
    /// The waker of the driver. `None` while the driver polls the attempt, since it reads the state afterwards.
    driver: Option<Waker>,
    /// The waker of the task that waits for admission.
    attempt: Option<Waker>,
}

#[derive(Default)]
enum Gate {
    #[default]
    Unasked,
    /// The attempt has asked, and the driver has not read it yet.
    Asked,
    Waiting,
    /// The attempt may begin its handshake. The endpoint has the service record for it.
    Open(Endpoint),
    Over,
}

/// The driver's side of the channel. When it is dropped, the attempt is over.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Option<Arc<Shared>>,
}

/// What an attempt has reported since the driver has read the state last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) progress: Option<Duration>,
    /// The transport of the attempt decides the race.
    pub(crate) chooses: bool,
    /// The attempt asks for admission.
    pub(crate) asks: bool,
}

/// What an attempt that is over has reported, and the driver has not read before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastWords {
    pub(crate) transport_stands: bool,
    pub(crate) handshake: Option<Handshake>,
}

impl News {
    const NONE: Self = Self { progress: None, chooses: false, asks: false };
}

impl Listener {
    /// Makes the driver's side for one attempt. If the attempt is known to report nothing, `heard` is `false`, which saves an allocation.
    #[inline]
    pub(crate) fn new(heard: bool) -> Self {
        Self { shared: heard.then(Arc::default) }
    }

    /// Returns the shared state, for the request of the attempt.
    #[inline]
    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.clone()
    }

    /// Must be called before the attempt is polled. What the attempt reports while it is polled does not wake the driver, which calls
    /// [`Listener::hear`] afterwards.
    #[inline]
    pub(crate) fn hush(&self) {
        if let Some(shared) = self.in_use() {
            let _driver = shared.state.lock().driver.take();
        }
    }

    /// Returns what the attempt has reported. The task of `cx` is woken when it reports more.
    #[inline]
    pub(crate) fn hear(&self, cx: &Context<'_>) -> Option<News> {
        // Without `in_use`: the last handle may have been dropped right after it has reported something.
        self.shared.as_ref().and_then(|shared| shared.hear(cx.waker().clone()))
    }

    /// Returns what the attempt, which is over, has reported since the last call of [`Listener::hear`].
    #[inline]
    pub(crate) fn last_words(&self) -> Option<LastWords> {
        self.shared.as_ref().map(|shared| shared.last_words())
    }

    /// Lets the attempt begin its handshake, with the service record of `endpoint`. The caller must poll the attempt next: if the attempt waits in
    /// the same task, it is not woken.
    pub(crate) fn admit(&self, endpoint: Endpoint, cx: &Context<'_>) {
        if let Some(shared) = &self.shared {
            let attempt = shared.set_gate(Gate::Open(endpoint));
            wake(attempt.filter(|waker| !waker.will_wake(cx.waker())));
        }
    }

    /// Returns the state, unless no handle is left.
    #[inline]
    fn in_use(&self) -> Option<&Shared> {
        self.shared.as_ref().filter(|shared| Arc::strong_count(shared) > 1).map(|shared| &**shared)
    }
}

impl Drop for Listener {
    #[inline]
    fn drop(&mut self) {
        if let Some(shared) = self.in_use() {
            wake(shared.set_gate(Gate::Over));
            let _driver = shared.state.lock().driver.take();
        }
    }
}

impl Shared {
    fn hear(&self, driver: Waker) -> Option<News> {
        let (news, _replaced) = {
            let mut state = self.state.lock();
            let asks = matches!(state.gate, Gate::Asked);
            if asks {
                state.gate = Gate::Waiting;
            }
            let news = News { progress: state.progress.take(), chooses: mem::take(&mut state.chooses), asks };
            (news, state.driver.replace(driver))
        };
        (news != News::NONE).then_some(news)
    }

    fn last_words(&self) -> LastWords {
        let mut state = self.state.lock();
        let asks = matches!(state.gate, Gate::Asked);
        let transport_stands = state.progress.is_some() || state.chooses || asks;
        LastWords { transport_stands, handshake: state.handshake.take() }
    }

    /// Sets the gate, and returns the waker of the task that waits for admission.
    fn set_gate(&self, gate: Gate) -> Option<Waker> {
        let (_before, attempt) = {
            let mut state = self.state.lock();
            (mem::replace(&mut state.gate, gate), state.attempt.take())
        };
        attempt
    }
}

/// Calls a waker. Wakers are foreign code: no lock may be held.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        assert_unlocked();
        waker.wake();
    }
}
