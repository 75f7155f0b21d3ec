//! The line between an attempt and the driver of its race. It carries what is said, and decides nothing.

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

/// An attempt's line to its race: says how far the attempt has come, and asks whether it may shake hands.
///
/// It may be used in any task. Once the attempt is over (it ended, lost, or was dropped with its race), nothing that it says has any effect. A
/// clone is the same line.
#[derive(Clone, Debug)]
pub struct AttemptHandle {
    endpoint: Endpoint,
    /// `None` if nobody listens to the attempt.
    shared: Option<Arc<Shared>>,
}

impl AttemptHandle {
    pub(super) fn new(endpoint: Endpoint, shared: Option<Arc<Shared>>) -> Self {
        Self { endpoint, shared }
    }

    /// Says that the transport stands, and that the rest is estimated to take `remaining`.
    ///
    /// The next attempt is put off for so long (v3 §6.1): `remaining` is clamped to 100 ms ..= 2 s, and no attempt is put off past 2 s after
    /// the one before it, nor one that is due already. If a memory knows how long handshakes with this address take
    /// ([`MemoryHandle`](crate::connect::MemoryHandle)), the first call goes by that instead. The policies other than [`Policy::Staggered`](crate::race::Policy::Staggered)
    /// take no notice.
    pub fn progress(&self, remaining: Duration) {
        self.say(|state| state.progress = Some(remaining));
    }

    /// Says that the transport stands, and that this decides the race: the attempt has won, unless it fails.
    ///
    /// Every other attempt is dropped ([`DropReason::Overtaken`](crate::race::DropReason::Overtaken)), and none starts as long as this one
    /// lasts, so that no server sees a second handshake. If it fails, the race goes on at once, with the endpoints of the attempts that were
    /// dropped. The time-out of the connect goes on to count, and a connection that another attempt has in the same instant wins.
    ///
    /// Without it, the race is decided by the first attempt that has its connection.
    pub fn choose(&self) {
        self.say(|state| state.chooses = true);
    }

    /// Says that the handshake is finished, and what was negotiated, for the record of the attempt:
    /// [`Attempt::handshake`](crate::Attempt::handshake).
    pub fn shook_hands(&self, handshake: Handshake) {
        let Some(shared) = &self.shared else { return };
        let _before = shared.state.lock().handshake.replace(handshake);
    }

    /// Says something to the driver, which is woken for it.
    fn say(&self, say: impl FnOnce(&mut State)) {
        let Some(shared) = &self.shared else { return };
        let driver = {
            let mut state = shared.state.lock();
            say(&mut state);
            state.driver.take()
        };
        wake(driver);
    }

    /// Says that the transport stands, asks whether the attempt may begin its handshake, and waits for it: see [`poll_admission`](Self::poll_admission).
    ///
    /// # Errors
    ///
    /// [`AttemptOver`], if the attempt is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing back: the attempt has asked, and another call gets the answer.
    pub async fn admission(&self) -> Result<Admission, AttemptOver> {
        poll_fn(|cx| self.poll_admission(cx)).await
    }

    /// Says that the transport stands, and asks whether the attempt may begin its handshake.
    ///
    /// It may at once, unless the HTTPS query of the name is open and [`Patience`](crate::race::Patience) says to wait for the answer. The
    /// task that polled last is woken. While an attempt waits, the time to the next start stands still, for at most 2 s after the last
    /// start. An attempt that the answer leaves no place for is dropped.
    ///
    /// # Errors
    ///
    /// [`AttemptOver`], if the attempt is.
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
    /// The service record that holds for the connection: the record that the endpoint came from, or that of an answer which came after the
    /// start and has the endpoint. `None` if there is none, or none has come.
    pub fn service(&self) -> Option<&ServiceRecord> {
        self.endpoint.service()
    }
}

/// The attempt has ended, or its race is over: there is nothing to be admitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptOver(());

impl fmt::Display for AttemptOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the attempt is over")
    }
}

impl Error for AttemptOver {}

/// What attempt and driver share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Guards what was said, and who waits. Wakers are cloned, called and dropped outside it.
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    /// What the driver has not heard yet. A later estimate replaces an earlier one.
    progress: Option<Duration>,
    /// As `progress`.
    chooses: bool,
    /// For the record.
    handshake: Option<Handshake>,
    gate: Gate,
    /// Waits for news; `None` while the attempt is polled, since the driver looks for news afterwards.
    driver: Option<Waker>,
    /// Waits for admission.
    attempt: Option<Waker>,
}

#[derive(Default)]
enum Gate {
    #[default]
    Unasked,
    /// The driver has not heard yet that the attempt asks.
    Asked,
    Waiting,
    /// With the service record that holds.
    Open(Endpoint),
    Over,
}

/// The driver's end of the line. The line is dead once it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Option<Arc<Shared>>,
}

/// What an attempt has said since it was last listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) progress: Option<Duration>,
    /// Whether its transport decides the race.
    pub(crate) chooses: bool,
    /// Whether it asks for admission.
    pub(crate) asks: bool,
}

/// What an attempt that is over has said, and nobody has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastWords {
    pub(crate) transport_stands: bool,
    pub(crate) handshake: Option<Handshake>,
}

impl News {
    const NONE: Self = Self { progress: None, chooses: false, asks: false };
}

impl Listener {
    /// A listener to one attempt. One that is known to say nothing is not `heard`, which saves an allocation.
    #[inline]
    pub(crate) fn new(heard: bool) -> Self {
        Self { shared: heard.then(Arc::default) }
    }

    /// What the request of the attempt that is listened to shares with this.
    #[inline]
    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.clone()
    }

    /// To be called before the attempt is polled: what it says meanwhile wakes nobody, since [`Listener::hear`] comes next.
    #[inline]
    pub(crate) fn hush(&self) {
        if let Some(shared) = self.in_use() {
            let _driver = shared.state.lock().driver.take();
        }
    }

    /// What the attempt has said. The task of `cx` is woken when it says more.
    #[inline]
    pub(crate) fn hear(&self, cx: &Context<'_>) -> Option<News> {
        // Not by `in_use`: the last handle may have been dropped right after it said something.
        self.shared.as_ref().and_then(|shared| shared.hear(cx.waker().clone()))
    }

    /// What the attempt, which is over, has said since it was heard.
    #[inline]
    pub(crate) fn last_words(&self) -> Option<LastWords> {
        self.shared.as_ref().map(|shared| shared.last_words())
    }

    /// Admits the attempt to its handshake, with the service record of `endpoint`. The caller polls the attempt next: a waker of its own
    /// task is not woken.
    pub(crate) fn admit(&self, endpoint: Endpoint, cx: &Context<'_>) {
        if let Some(shared) = &self.shared {
            let attempt = shared.set_gate(Gate::Open(endpoint));
            wake(attempt.filter(|waker| !waker.will_wake(cx.waker())));
        }
    }

    /// `None` if no handle is left that could be used.
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

    /// Returns who waits for admission.
    fn set_gate(&self, gate: Gate) -> Option<Waker> {
        let (_before, attempt) = {
            let mut state = self.state.lock();
            (mem::replace(&mut state.gate, gate), state.attempt.take())
        };
        attempt
    }
}

/// Wakers are foreign code, and no lock may be held.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        assert_unlocked();
        waker.wake();
    }
}
