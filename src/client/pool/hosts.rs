//! The hosts of a pool: the idle connections of each, the numbers of connections and dials, and the queue of waiting requests.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use tokio::sync::oneshot;

use super::connection::{Owned, Shared};
use super::dialing::{Dials, Signal};
use super::grants::Grant;
use super::kinds::Kind;
use super::lease::Was;
use super::runtimes::RuntimeId;
use super::settings::Settings;
use super::shares::Shares;
use super::shelf::{Row, Shelf};
use crate::client::destination::Destination;

/// The hosts to which there are connections or dials. The slot of a host stays the same as long as there are any.
pub(super) struct Hosts<W: Owned> {
    slots: Vec<Host<W>>,
    vacant: Vec<usize>,
    by_destination: HashMap<Destination, usize, RandomState>,
    /// The slot that was found last, which is checked first: requests to one host often follow each other.
    latest: usize,
}

pub(super) struct Host<W: Owned> {
    /// `None` if the slot is vacant.
    destination: Option<Destination>,
    /// The idle connections of each runtime. An empty row is reused for another runtime.
    rows: Vec<(RuntimeId, Row)>,
    /// How many connections are idle.
    pub(super) idle: usize,
    /// How many connections, idle or not, and dials there are.
    pub(super) open: usize,
    /// How many connections there are, idle or not.
    pub(super) connected: usize,
    /// How many of them are shared, with those that take no further exchange.
    pub(super) shared: usize,
    /// Which kind the next connection will be.
    pub(super) kind: Kind,
    pub(super) shares: Shares<W::Shared>,
    /// The dials for all waiting requests.
    pub(super) dials: Dials,
    waiting: VecDeque<Waiting<W>>,
}

/// An idle connection.
pub(super) struct Idle<W> {
    pub(super) connection: Box<W>,
    pub(super) since: Instant,
}

impl<W: Owned> Idle<W> {
    /// The slot of its host.
    #[inline]
    pub(super) fn slot(&self) -> usize {
        self.connection.place().slot
    }

    #[inline]
    pub(super) fn runtime(&self) -> RuntimeId {
        self.connection.watch().runtime()
    }
}

/// A request that waits for a connection.
struct Waiting<W: Owned> {
    sender: Granting<W>,
    runtime: RuntimeId,
    /// The request dials itself: it waits for a connection, and not for the right to dial.
    dials: bool,
}

/// Sends a grant to a waiting request.
pub(super) type Granting<W> = oneshot::Sender<Grant<W>>;

/// Requests that have stopped waiting. Must be dropped after the pool was unlocked: dropping them drops their wakers, which are foreign code.
pub(super) type Gone<W> = Vec<Granting<W>>;

impl<W: Owned> Hosts<W> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), vacant: Vec::new(), by_destination: HashMap::default(), latest: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_destination.len()
    }

    #[inline]
    pub(super) fn find(&mut self, destination: &Destination) -> Option<usize> {
        if self.destination(self.latest) == Some(destination) {
            return Some(self.latest);
        }
        let slot = self.by_destination.get(destination).copied()?;
        self.latest = slot;
        Some(slot)
    }

    /// Adds a host whose connections are of this kind, and returns its slot.
    pub(super) fn add(&mut self, destination: &Destination, kind: Kind) -> usize {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Host::new());
            self.slots.len() - 1
        });
        let destination = destination.without_path();
        self.slots[slot].kind = kind;
        self.slots[slot].destination = Some(destination.clone());
        self.by_destination.insert(destination, slot);
        slot
    }

    /// Returns the host in a slot, which must be in use.
    #[inline]
    pub(super) fn at(&mut self, slot: usize) -> &mut Host<W> {
        &mut self.slots[slot]
    }

    /// Returns the host in a slot, if the slot is in use.
    pub(super) fn get(&mut self, slot: usize) -> Option<&mut Host<W>> {
        self.slots.get_mut(slot).filter(|host| host.destination.is_some())
    }

    /// The hosts with shared connections.
    pub(super) fn with_shares(&mut self) -> impl Iterator<Item = &mut Host<W>> {
        self.slots.iter_mut().filter(|host| !host.shares.is_empty())
    }

    /// The hosts whose slots are in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Destination, &Host<W>)> {
        self.slots.iter().filter_map(|host| Some((host.destination.as_ref()?, host)))
    }

    #[inline]
    pub(super) fn destination(&self, slot: usize) -> Option<&Destination> {
        self.slots.get(slot)?.destination.as_ref()
    }

    /// Notes that no connection is idle any more.
    pub(super) fn forget_idle(&mut self) {
        for host in &mut self.slots {
            host.rows.clear();
            host.idle = 0;
        }
    }

    /// Removes a host if it has neither connections nor dials.
    pub(super) fn forget_if_unused(&mut self, slot: usize, gone: &mut Gone<W>) {
        let host = &mut self.slots[slot];
        if host.open > 0 || host.dials.len() > 0 {
            return;
        }
        // Requests that are still in the queue had dials of their own, which have failed. The slot may become that of another host.
        gone.extend(host.waiting.drain(..).map(|waiting| waiting.sender));
        if let Some(destination) = host.destination.take() {
            self.by_destination.remove(&destination);
            self.vacant.push(slot);
        }
        // Gives the memory back of a program that has been connected to many hosts, a crawler say.
        if self.by_destination.is_empty() {
            *self = Self::new();
        }
    }
}

impl<W: Owned> Host<W> {
    fn new() -> Self {
        Self {
            destination: None,
            rows: Vec::new(),
            idle: 0,
            open: 0,
            connected: 0,
            shared: 0,
            kind: Kind::Unknown,
            shares: Shares::new(),
            dials: Dials::new(),
            waiting: VecDeque::new(),
        }
    }

    /// A lease was given back: there is one connection, or one dial, less.
    pub(super) fn release(&mut self, was: Was) {
        self.open -= 1;
        self.connected -= usize::from(was != Was::Dialed);
        self.shared -= usize::from(was == Was::Shared);
    }

    /// Adds an idle connection of `runtime`, as the one that was used last.
    #[inline]
    pub(super) fn put(&mut self, shelf: &mut Shelf<Idle<W>>, runtime: RuntimeId, idle: Idle<W>) {
        self.idle += 1;
        shelf.put(self.row(runtime), idle);
    }

    #[inline]
    fn row(&mut self, runtime: RuntimeId) -> &mut Row {
        let found = self.rows.iter().position(|(of, _)| *of == runtime);
        let at = found.unwrap_or_else(|| {
            let vacant = self.rows.iter().position(|(_, row)| row.is_empty());
            let at = vacant.unwrap_or(self.rows.len());
            if vacant.is_none() {
                self.rows.push((runtime, Row::new()));
            }
            self.rows[at].0 = runtime;
            at
        });
        &mut self.rows[at].1
    }

    /// Takes the idle connection of `runtime` that was used last.
    #[inline(always)]
    pub(super) fn take_newest(&mut self, shelf: &mut Shelf<Idle<W>>, runtime: RuntimeId) -> Option<Idle<W>> {
        let (_, row) = self.rows.iter_mut().find(|(of, _)| *of == runtime)?;
        let idle = shelf.take_newest(row)?;
        self.idle -= 1;
        Some(idle)
    }

    /// Takes the idle connection of any runtime that was used longest ago.
    pub(super) fn take_oldest(&mut self, shelf: &mut Shelf<Idle<W>>) -> Option<Idle<W>> {
        let oldest = self.rows.iter().filter_map(|(runtime, row)| Some((row.oldest()?, *runtime)));
        let (key, runtime) = oldest.min_by_key(|(key, _)| shelf.get(*key).map(|idle| idle.since))?;
        self.take(shelf, key, runtime)
    }

    /// Takes the idle connection of `runtime` with this key.
    pub(super) fn take(&mut self, shelf: &mut Shelf<Idle<W>>, key: usize, runtime: RuntimeId) -> Option<Idle<W>> {
        let (_, row) = self.rows.iter_mut().find(|(of, _)| *of == runtime)?;
        let idle = shelf.take(row, key)?;
        self.idle -= 1;
        Some(idle)
    }

    /// Puts a request in `runtime` at the head of the queue.
    pub(super) fn wait_first(&mut self, runtime: RuntimeId) -> oneshot::Receiver<Grant<W>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_front(Waiting { sender, runtime, dials: false });
        receiver
    }

    /// Puts a request in `runtime` at the end of the queue. `dials` says whether the request dials itself.
    pub(super) fn wait(&mut self, runtime: RuntimeId, dials: bool, gone: &mut Gone<W>) -> oneshot::Receiver<Grant<W>> {
        if self.waiting.len() == self.waiting.capacity() {
            for waiting in std::mem::take(&mut self.waiting) {
                if waiting.sender.is_closed() {
                    gone.push(waiting.sender);
                } else {
                    self.waiting.push_back(waiting);
                }
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_back(Waiting { sender, runtime, dials });
        receiver
    }

    /// Returns how many requests wait, without those that dial themselves.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().filter(|waiting| !waiting.dials && !waiting.sender.is_closed()).count()
    }

    /// Takes the request that has waited longest, of those that can use a connection of `runtime`. Also returns whether the request is in that
    /// runtime. If not, the connection has to be closed, and the request dials. A request that dials itself can only use a connection of its own
    /// runtime.
    #[inline]
    pub(super) fn next_for(&mut self, runtime: RuntimeId, gone: &mut Gone<W>) -> Option<(Granting<W>, bool)> {
        if self.waiting.is_empty() {
            return None;
        }
        let fits = |waiting: &Waiting<W>| waiting.runtime == runtime || !waiting.dials;
        let waiting = next(&mut self.waiting, fits, gone)?;
        Some((waiting.sender, waiting.runtime == runtime))
    }

    /// Takes the request that has waited longest, of those that may dial, and returns its runtime with it.
    #[inline]
    pub(super) fn next_dial(&mut self, settings: &Settings, gone: &mut Gone<W>) -> Option<(Granting<W>, RuntimeId)> {
        if self.waiting.is_empty() {
            return None;
        }
        let Self { kind, shares, dials, waiting, .. } = self;
        let fits = |waiting: &Waiting<W>| !waiting.dials && may_dial(*kind, shares, dials, waiting.runtime, settings);
        let next = next(waiting, fits, gone)?;
        Some((next.sender, next.runtime))
    }

    /// Takes the request in `runtime` that has waited longest, of those that do not dial themselves.
    pub(super) fn next_waiting(&mut self, runtime: RuntimeId, gone: &mut Gone<W>) -> Option<Granting<W>> {
        let fits = |waiting: &Waiting<W>| !waiting.dials && waiting.runtime == runtime;
        next(&mut self.waiting, fits, gone).map(|next| next.sender)
    }

    /// Whether any request is in the queue.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a request in `runtime` waits that does not dial itself.
    pub(super) fn is_waited_for(&self, runtime: RuntimeId) -> bool {
        let mut waiting = self.waiting.iter().filter(|waiting| !waiting.dials && waiting.runtime == runtime);
        waiting.any(|waiting| !waiting.sender.is_closed())
    }

    /// Returns the signals of the dials that no request waits for any more.
    pub(super) fn unwanted_dials(&self) -> Vec<Arc<Signal>> {
        let runtimes = self.dials.runtimes().filter(|runtime| !self.is_waited_for(*runtime));
        runtimes.flat_map(|runtime| self.dials.signals(runtime)).collect()
    }

    /// Removes requests that have stopped waiting from both ends of the queue.
    pub(super) fn trim(&mut self, gone: &mut Gone<W>) {
        let has_given_up = |waiting: Option<&Waiting<W>>| waiting.is_some_and(|waiting| waiting.sender.is_closed());
        while has_given_up(self.waiting.back()) {
            gone.extend(self.waiting.pop_back().map(|waiting| waiting.sender));
        }
        while has_given_up(self.waiting.front()) {
            gone.extend(self.waiting.pop_front().map(|waiting| waiting.sender));
        }
    }

    /// Whether a request in `runtime` may dial, instead of waiting for a shared connection or for a dial for all.
    pub(super) fn may_dial(&self, runtime: RuntimeId, settings: &Settings) -> bool {
        may_dial(self.kind, &self.shares, &self.dials, runtime, settings)
    }

    /// Takes the request that has waited longest, of those for which a shared connection has room, and takes a share of that connection.
    pub(super) fn next_share(
        &mut self,
        settings: &Settings,
        now: Instant,
        gone: &mut Gone<W>,
    ) -> Option<(Granting<W>, Arc<W::Shared>)> {
        let Self { shares, waiting, .. } = self;
        if waiting.is_empty() {
            return None;
        }
        let rooms = shares.rooms(settings, now);
        if rooms.is_empty() {
            return None;
        }
        let next = next(waiting, |waiting| rooms.contains(&waiting.runtime), gone)?;
        let connection = shares.take(next.runtime, settings, || now)?;
        Some((next.sender, connection))
    }
}

/// Whether a request in `runtime` may dial. It does not if there is a shared connection whose streams are not used up, nor if a dial for all is
/// under way and the next connection may be a shared one.
fn may_dial<S: Shared>(kind: Kind, shares: &Shares<S>, dials: &Dials, runtime: RuntimeId, settings: &Settings) -> bool {
    let waits_for_dial = kind != Kind::Owned && dials.count(runtime) > 0;
    !waits_for_dial && (!shares.has_open(runtime) || shares.wants_another(runtime, settings))
}

/// Takes the request that has waited longest, of those for which `fits` returns `true`. Removes requests that have stopped waiting.
fn next<W: Owned>(
    waiting: &mut VecDeque<Waiting<W>>,
    fits: impl Fn(&Waiting<W>) -> bool,
    gone: &mut Gone<W>,
) -> Option<Waiting<W>> {
    let mut at = 0;
    loop {
        let next = waiting.get(at)?;
        if next.sender.is_closed() {
            gone.extend(waiting.remove(at).map(|waiting| waiting.sender));
        } else if fits(next) {
            return waiting.remove(at);
        } else {
            at += 1;
        }
    }
}
