//! The memory of connectors: what they share, and how a connect gets advice from it.

mod lessons;
mod places;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use self::lessons::tried;
use self::places::{Owner, Places};
use crate::lock::{Guard, Lock};
use crate::network::{Epoch, Heard, Network, Observed};
use crate::outcome::Attempt;
use crate::race::{Advice, Destination, Ending, Memory, Partition, Place, Tried, Viewpoint};
use crate::tcp::SourceAddresses;

/// A handle to the memory of one or more connectors ([`Memory`]), or to none ([`off`](Self::off)).
///
/// A connector that connects by TCP has a memory of its own, which its clones share, unless another one is set with
/// [`Builder::memory`](super::Builder::memory). A memory is never written to disk.
///
/// # What is remembered
///
/// | connect | remembered |
/// |---|---|
/// | to a name, whatever the resolver, `FixedResolver` included | each address that was attempted |
/// | to a host that is an address | that address |
/// | to a loopback or link-local address | nothing |
/// | by another attempt service ([`Builder::attempt`](super::Builder::attempt), [`HappyEyeballsLayer`](super::HappyEyeballsLayer)) | nothing, unless `Builder::memory` is called: the service may go through a proxy, and then its round trips are those of the proxy |
/// | with a proxy around the connector, which is given the proxy's URI | the proxy's addresses |
///
/// Ports do not count: what one port of an address shows holds for all ports. A program that fetches URLs for users who do not trust each other
/// should give each of them a [partition](Self::partition), since anybody can make a name that leads to somebody else's address.
///
/// Of each address is remembered: the round trip, how long its handshakes take, whether it is believed to be dead, and when it was used. Nothing is
/// learned from a handshake that failed, from a certificate that was not accepted, from an attempt that sent nothing, or from a connect that was
/// cancelled.
///
/// # Networks
///
/// What was learned from one source address does not count from another (v3 §5.3). The source addresses are those of the default routes. The system
/// is asked for them at most every 5 s, and at once after an attempt that contradicts them. Two networks in which this machine has the same private
/// address, or no default route, cannot be told apart: call
/// [`HappyEyeballsConnector::network_changed`](super::HappyEyeballsConnector::network_changed), which forgets everything.
///
/// # Example
///
/// ```
/// use hyper_happy_eyeballs::HappyEyeballsConnector;
/// use hyper_happy_eyeballs::connect::MemoryHandle;
/// use hyper_happy_eyeballs::race::Partition;
///
/// let memory = MemoryHandle::new();
/// let first = HappyEyeballsConnector::builder().memory(memory.clone()).build()?;
/// // The two connectors learn from each other.
/// let second = HappyEyeballsConnector::builder().memory(memory.clone()).build()?;
/// // This one learns nothing from them, and they learn nothing from it.
/// let third = HappyEyeballsConnector::builder().memory(memory.partition(Partition::new(1))).build()?;
/// # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MemoryHandle {
    /// `None` if nothing is remembered.
    shared: Option<Arc<Shared>>,
    partition: Partition,
    learned_delay: bool,
}

struct Shared {
    /// Guards the memory. No other code than that of `race::Memory` runs while it is locked.
    known: Lock<Known>,
}

#[derive(Default)]
struct Known {
    memory: Memory,
    /// The epoch in which everything was learned.
    epoch: Epoch,
    /// Where the races of connectors run from.
    places: Places,
}

impl MemoryHandle {
    /// A memory that knows nothing yet. Clones of the handle share it.
    pub fn new() -> Self {
        Self::of(Memory::new())
    }

    /// A handle to this memory, which may have settings of its own.
    pub fn of(memory: Memory) -> Self {
        let known = Known { memory, ..Known::default() };
        Self::of_shared(Arc::new(Shared { known: Lock::new(known) }))
    }

    /// The memory of the process, in this partition. All connectors with this memory and the same partition learn from each other.
    pub fn shared(partition: Partition) -> Self {
        static OF_PROCESS: LazyLock<MemoryHandle> = LazyLock::new(MemoryHandle::new);
        OF_PROCESS.partition(partition)
    }

    /// No memory: nothing is remembered.
    pub fn off() -> Self {
        Self { shared: None, partition: Partition::default(), learned_delay: false }
    }

    fn of_shared(shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared), partition: Partition::default(), learned_delay: true }
    }

    /// The same memory in another partition. What was learned in one partition is not known in another (v3 §5.3).
    ///
    /// Defaults to [`Partition::default`].
    #[must_use]
    pub fn partition(&self, partition: Partition) -> Self {
        Self { partition, ..self.clone() }
    }

    /// Whether attempt delays follow the round trips and handshakes that were measured. If not, attempt delays are the configured ones
    /// ([`Builder::connection_attempt_delay`](super::Builder::connection_attempt_delay)), and for handshakes the estimate of the attempt counts
    /// ([`AttemptHandle::progress`](crate::attempt::AttemptHandle::progress)). Dead addresses go last in either case.
    ///
    /// Defaults to `true`.
    #[must_use]
    pub fn learned_delay(mut self, is_on: bool) -> Self {
        self.learned_delay = is_on;
        self
    }

    /// Forgets what was learned in this partition. A server can conclude from the order of attempts what a client has learned before, so a browser
    /// that clears the cookies of a user should clear this too. Connects that are under way still teach what they show.
    pub fn clear(&self) {
        if let Some(shared) = &self.shared {
            shared.known.lock().memory.clear(self.partition);
        }
    }

    /// A short form for the `Debug` output of a connector: `MemoryHandle { addresses: 12, learned_delay: true, .. }`.
    pub(super) fn in_brief(&self) -> impl fmt::Debug {
        struct Brief(Option<usize>, bool);
        impl fmt::Debug for Brief {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self(Some(addresses), learned_delay) = self else { return f.write_str(OFF) };
                let mut brief = f.debug_struct("MemoryHandle");
                brief.field("addresses", addresses).field("learned_delay", learned_delay).finish_non_exhaustive()
            }
        }
        Brief(self.shared.as_ref().map(|shared| shared.known.lock().memory.len()), self.learned_delay)
    }
}

/// The memory of a connector and its clones.
pub(super) struct Remembering {
    handle: MemoryHandle,
    owner: Owner,
}

impl Remembering {
    pub(super) fn new(handle: MemoryHandle) -> Self {
        Self { handle, owner: Owner::new() }
    }

    /// Begins to look at the memory for a connect. `view` is set with the first destination that may be remembered, and used by later calls.
    #[inline]
    pub(super) fn recall<'a>(
        &'a self,
        view: &'a mut Option<Viewpoint>,
        sources: &'a SourceAddresses,
        network: &'a Network,
        now: Instant,
    ) -> Recall<'a> {
        Recall { memory: self, view, sources, network, now, known: None }
    }

    /// Forgets everything that was learned before this epoch.
    pub(super) fn network_changed(&self, epoch: Epoch) {
        if let Some(shared) = &self.handle.shared {
            drop(shared.lock(epoch));
        }
    }

    /// Whether anything is remembered.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.handle.shared.is_some()
    }

    /// Learns from the attempts of a connect that is over.
    #[inline]
    pub(super) fn learn(
        &self,
        view: Option<Viewpoint>,
        attempts: &[Attempt],
        ending: Ending,
        network: &Network,
        now: Instant,
    ) {
        if let Some(view) = &view {
            self.learn_from(view, attempts, ending, network, now);
        }
    }

    fn learn_from(&self, view: &Viewpoint, attempts: &[Attempt], ending: Ending, network: &Network, now: Instant) {
        let Some(shared) = &self.handle.shared else { return };
        let learn = |tried: &[Tried]| shared.lock(network.epoch().get()).memory.learn(view, tried, ending, now);
        match attempts {
            // The usual case, without an allocation.
            [attempt] => learn(&[tried(attempt)]),
            _ => learn(&attempts.iter().map(tried).collect::<Vec<_>>()),
        }
    }
}

impl Shared {
    /// Locks the memory, and forgets everything first if `epoch` is newer than that of the memory.
    #[inline]
    fn lock(&self, epoch: Epoch) -> Guard<'_, Known> {
        let mut known = self.known.lock();
        if known.epoch < epoch {
            known.epoch = epoch;
            known.memory.network_changed();
        }
        known
    }
}

/// One look at the memory. The memory is locked from the first destination that is asked about until this value is dropped.
pub(super) struct Recall<'a> {
    memory: &'a Remembering,
    view: &'a mut Option<Viewpoint>,
    sources: &'a SourceAddresses,
    network: &'a Network,
    now: Instant,
    known: Option<Guard<'a, Known>>,
}

impl<'a> Recall<'a> {
    /// Returns what is known of `destination`. Its port does not matter.
    #[inline]
    pub(super) fn advise(&mut self, destination: SocketAddr) -> Advice {
        let destination = Destination::of(destination.ip());
        match *self.view {
            Some(view) => self.look_again(view, destination),
            None if destination.is_remembered() => self.look(destination),
            None => Advice::default(),
        }
    }

    /// Makes the first look of a connect at the memory: begins its race there, and keeps the memory locked for further destinations.
    #[inline]
    fn look(&mut self, destination: Destination) -> Advice {
        let Some(shared) = &self.memory.handle.shared else { return Advice::default() };
        let heard = self.network.heard();
        let known = shared.lock(heard.epoch);
        match known.places.get(self.memory.owner, heard, self.now) {
            Some(place) => self.look_from(place, known, destination),
            None => {
                drop(known);
                self.look_from_anew(shared, heard, destination)
            }
        }
    }

    /// Makes the first look of a connect whose place is not known: asks the system for the source addresses. The memory is not locked meanwhile,
    /// since that takes some system calls for each family. They do not block, and making them in another thread would take more calls.
    #[cold]
    fn look_from_anew(&mut self, shared: &'a Shared, heard: Heard, destination: Destination) -> Advice {
        let [v6, v4] = self.sources.of_default_routes();
        let mut known = shared.lock(heard.epoch);
        let place = known.memory.place(self.memory.handle.partition, v6, v4);
        known.places.set(self.memory.owner, Observed::new(self.now, heard), place);
        self.look_from(place, known, destination)
    }

    /// Makes the first look of a connect that runs from `place`: sets its viewpoint.
    #[inline(always)]
    fn look_from(&mut self, place: Place, mut known: Guard<'a, Known>, destination: Destination) -> Advice {
        let view = known.memory.begin_race(place);
        let view = if self.memory.handle.learned_delay { view } else { view.with_configured_delay() };
        let advice = known.memory.advise_of(&view, destination, self.now);
        (*self.view, self.known) = (Some(view), Some(known));
        advice
    }

    /// Makes a later look of a connect, with the viewpoint of the first one. Locks the memory unless this value has it locked.
    #[inline(never)]
    fn look_again(&mut self, view: Viewpoint, destination: Destination) -> Advice {
        if self.known.is_none() {
            let shared = self.memory.handle.shared.as_ref();
            self.known = shared.map(|shared| shared.lock(self.network.epoch().get()));
        }
        let advise = |known: &mut Guard<'_, Known>| known.memory.advise_of(&view, destination, self.now);
        self.known.as_mut().map(advise).unwrap_or_default()
    }
}

impl fmt::Debug for Remembering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.handle.in_brief(), f)
    }
}

impl Default for MemoryHandle {
    fn default() -> Self {
        Self::new()
    }
}

/// Lists what is known of each address: see [`Memory`].
impl fmt::Debug for MemoryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shared) = &self.shared else { return f.write_str(OFF) };
        // The formatter may be foreign code, which must not run while the lock is held: format into a string first.
        let known = format!("{:?}", shared.known.lock().memory);
        f.debug_struct("MemoryHandle")
            .field("memory", &format_args!("{known}"))
            .field("learned_delay", &self.learned_delay)
            .finish_non_exhaustive()
    }
}

/// The `Debug` output of a handle without a memory.
const OFF: &str = "MemoryHandle(off)";
