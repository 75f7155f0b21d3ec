//! What the pool knows of each host: its idle connections, how many there are, and who waits.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use tokio::sync::oneshot;

use super::lease::Grant;
use crate::client::destination::Destination;
use crate::client::wire::Wire;

/// The hosts to which there are connections, or dials, each in a slot that stays the same as long as there are.
pub(super) struct Hosts<B> {
    slots: Vec<Host<B>>,
    vacant: Vec<usize>,
    by_destination: HashMap<Destination, usize, RandomState>,
}

pub(super) struct Host<B> {
    /// None if the slot is vacant.
    destination: Option<Destination>,
    /// The last is the one used last.
    pub(super) idle: VecDeque<Idle<B>>,
    /// Connections, idle or not, and dials.
    pub(super) open: usize,
    waiting: VecDeque<oneshot::Sender<Grant<B>>>,
}

pub(super) struct Idle<B> {
    pub(super) wire: Box<Wire<B>>,
    pub(super) since: Instant,
}

impl<B> Hosts<B> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), vacant: Vec::new(), by_destination: HashMap::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_destination.len()
    }

    #[inline]
    pub(super) fn find(&self, destination: &Destination) -> Option<usize> {
        self.by_destination.get(destination).copied()
    }

    /// A slot for a host that has none.
    pub(super) fn add(&mut self, destination: &Destination) -> usize {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Host::new());
            self.slots.len() - 1
        });
        let destination = destination.without_path();
        self.slots[slot].destination = Some(destination.clone());
        self.by_destination.insert(destination, slot);
        slot
    }

    /// The host in a slot that is in use.
    #[inline]
    pub(super) fn at(&mut self, slot: usize) -> &mut Host<B> {
        &mut self.slots[slot]
    }

    pub(super) fn get(&mut self, slot: usize) -> Option<&mut Host<B>> {
        self.slots.get_mut(slot)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Host<B>> {
        self.slots.iter_mut()
    }

    /// One connection less; a host without any is forgotten.
    pub(super) fn close(&mut self, slot: usize) {
        let host = &mut self.slots[slot];
        host.open -= 1;
        if host.open > 0 {
            return;
        }
        if let Some(destination) = host.destination.take() {
            self.by_destination.remove(&destination);
            self.vacant.push(slot);
        }
        // A crawler has been to many hosts, and is not to remember how many there were at its best.
        if self.by_destination.is_empty() {
            *self = Self::new();
        }
    }
}

impl<B> Host<B> {
    fn new() -> Self {
        Self { destination: None, idle: VecDeque::new(), open: 0, waiting: VecDeque::new() }
    }

    /// A place in the queue.
    pub(super) fn wait(&mut self) -> oneshot::Receiver<Grant<B>> {
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|waiting| !waiting.is_closed());
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_back(sender);
        receiver
    }

    /// Who has waited longest.
    #[inline]
    pub(super) fn next_waiting(&mut self) -> Option<oneshot::Sender<Grant<B>>> {
        while let Some(waiting) = self.waiting.pop_front() {
            if !waiting.is_closed() {
                return Some(waiting);
            }
        }
        None
    }

    /// Takes out what has expired.
    pub(super) fn take_expired(&mut self, settings: &Settings, now: Instant) -> VecDeque<Idle<B>> {
        let has_expired =
            |idle: &Idle<B>| settings.has_expired(now.saturating_duration_since(idle.since), idle.wire.created, now);
        let (expired, kept) = mem::take(&mut self.idle).into_iter().partition(has_expired);
        self.idle = kept;
        expired
    }
}

/// How long connections are kept, and how many.
#[derive(Clone, Debug)]
pub(in crate::client) struct Settings {
    pub(in crate::client) idle_timeout: Option<Duration>,
    pub(in crate::client) max_age: Option<Duration>,
    pub(in crate::client) max_idle_per_host: usize,
    pub(in crate::client) max_connections_per_host: usize,
}

impl Settings {
    #[inline]
    pub(super) fn has_expired(&self, idle_for: Duration, created: Instant, now: Instant) -> bool {
        self.idle_timeout.is_some_and(|timeout| idle_for >= timeout) || self.is_too_old(created, now)
    }

    #[inline]
    pub(super) fn is_too_old(&self, created: Instant, now: Instant) -> bool {
        self.max_age.is_some_and(|age| now.saturating_duration_since(created) >= age)
    }

    /// When an idle connection is of no more use. A time too long to be reckoned with never comes.
    pub(super) fn expiry<B>(&self, idle: &Idle<B>) -> Option<Instant> {
        let timeout = self.idle_timeout.and_then(|timeout| idle.since.checked_add(timeout));
        let age = self.max_age.and_then(|age| idle.wire.created.checked_add(age));
        timeout.into_iter().chain(age).min()
    }

    /// The shortest time after which a connection that becomes idle now is of no more use.
    pub(super) fn shortest_life(&self) -> Option<Duration> {
        self.idle_timeout.into_iter().chain(self.max_age).min()
    }
}
