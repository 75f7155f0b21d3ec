//! What connectors remember of the network, and how a connect asks for it.

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

/// What a connector remembers of the network ([`Memory`]), or that it remembers nothing.
///
/// A connector that connects by TCP has a memory of its own, which its clones share, unless [`Builder::memory`](super::Builder::memory) says
/// something else. It is never written to a disk.
///
/// # What is remembered
///
/// | connect | remembered |
/// |---|---|
/// | to a name, whatever the resolver, `FixedResolver` included | each address that was attempted |
/// | to a host that is an address | that address |
/// | to a loopback or link-local address | nothing |
/// | by an attempt service of one's own ([`Builder::attempt`](super::Builder::attempt), [`HappyEyeballsLayer`](super::HappyEyeballsLayer)) | nothing, unless `Builder::memory` is called: the service may go through a proxy, and then what is seen of an address is the proxy's |
/// | with a proxy around the connector, which is given the proxy's URI | the proxy's addresses |
///
/// A port does not count: what one port of an address shows holds for all. Whoever fetches URLs of people who do not trust each other gives each a
/// [partition](Self::partition), since a name can be made to lead to anybody's address.
///
/// Of each address: how far away it is, how long its handshakes take, whether it is believed to be dead, when it was used. A handshake that failed teaches nothing, a
/// certificate that was not accepted included, nor does what was never sent, nor a connect that was cancelled.
///
/// # Networks
///
/// What was learned from one source address is not believed from another (v3 §5.3): the sources are those of the default routes, which the
/// system is asked for at most every 5 s, and at once if an attempt contradicts them. Two networks in which this machine has the same private address, or no
/// default route, look alike: [`HappyEyeballsConnector::network_changed`](super::HappyEyeballsConnector::network_changed) has everything forgotten.
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
/// // It learns from the first, and the first from it.
/// let second = HappyEyeballsConnector::builder().memory(memory.clone()).build()?;
/// // Neither learns anything from this one.
/// let third = HappyEyeballsConnector::builder().memory(memory.partition(Partition::new(1))).build()?;
/// # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MemoryHandle {
    /// `None` is to remember nothing.
    shared: Option<Arc<Shared>>,
    partition: Partition,
    learned_delay: bool,
}

struct Shared {
    /// Guards what is remembered. The rules of the race run under the lock, and nothing else.
    known: Lock<Known>,
}

#[derive(Default)]
struct Known {
    memory: Memory,
    /// That of which everything is remembered.
    epoch: Epoch,
    /// Where the races of connectors run from.
    places: Places,
}

impl MemoryHandle {
    /// A memory that knows nothing yet. Clones of the handle share it.
    pub fn new() -> Self {
        Self::of(Memory::new())
    }

    /// A memory with settings of its own.
    pub fn of(memory: Memory) -> Self {
        let known = Known { memory, ..Known::default() };
        Self::of_shared(Arc::new(Shared { known: Lock::new(known) }))
    }

    /// The one memory of this process, in this partition: what one connector learns there is known to all that are given the same.
    pub fn shared(partition: Partition) -> Self {
        static OF_PROCESS: LazyLock<MemoryHandle> = LazyLock::new(MemoryHandle::new);
        OF_PROCESS.partition(partition)
    }

    /// Nothing is remembered.
    pub fn off() -> Self {
        Self { shared: None, partition: Partition::default(), learned_delay: false }
    }

    fn of_shared(shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared), partition: Partition::default(), learned_delay: true }
    }

    /// The same memory, seen from another partition: nothing that was learned in one is known in another (v3 §5.3).
    ///
    /// Defaults to [`Partition::default`].
    #[must_use]
    pub fn partition(&self, partition: Partition) -> Self {
        Self { partition, ..self.clone() }
    }

    /// Whether attempt delays follow what was learned. Without, they are as configured
    /// ([`Builder::connection_attempt_delay`](super::Builder::connection_attempt_delay)) whatever is known, and a handshake is given as much time as its attempt says
    /// ([`AttemptHandle::progress`](crate::attempt::AttemptHandle::progress)); what is dead goes last all the same.
    ///
    /// Defaults to `true`.
    #[must_use]
    pub fn learned_delay(mut self, is_on: bool) -> Self {
        self.learned_delay = is_on;
        self
    }

    /// Forgets what was learned in this partition. A server can see from the order of attempts what a client has learned elsewhere: whoever
    /// clears the cookies of a user clears this too. What connects show that are under way is learned all the same.
    pub fn clear(&self) {
        if let Some(shared) = &self.shared {
            shared.known.lock().memory.clear(self.partition);
        }
    }

    /// `MemoryHandle { addresses: 12, learned_delay: true, .. }`: what stands among the settings of something else.
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

    /// Looks at what is known, for a connect. `view` is from where: nothing is looked at before there is a destination that is remembered.
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

    /// Forgets everything, since the network has changed with this epoch.
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

    /// Takes in what the attempts of a connect have shown, which is over.
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
            // As nearly always: nothing is allocated for it.
            [attempt] => learn(&[tried(attempt)]),
            _ => learn(&attempts.iter().map(tried).collect::<Vec<_>>()),
        }
    }
}

impl Shared {
    /// What is known, by somebody who has heard of this epoch.
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

/// A look at what is known: nobody else looks from when the first destination is asked about until it ends.
pub(super) struct Recall<'a> {
    memory: &'a Remembering,
    view: &'a mut Option<Viewpoint>,
    sources: &'a SourceAddresses,
    network: &'a Network,
    now: Instant,
    known: Option<Guard<'a, Known>>,
}

impl<'a> Recall<'a> {
    /// What is known of `destination`, whose port does not matter.
    #[inline]
    pub(super) fn advise(&mut self, destination: SocketAddr) -> Advice {
        let destination = Destination::of(destination.ip());
        match *self.view {
            Some(view) => self.look_again(view, destination),
            None if destination.is_remembered() => self.look(destination),
            None => Advice::default(),
        }
    }

    /// The first look of a connect.
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

    /// The first look of a connect, of which it is not known where it runs from. The system is asked without the lock: it takes some calls for each family. They
    /// wait for nothing, and a thread for them would take more of them.
    #[cold]
    fn look_from_anew(&mut self, shared: &'a Shared, heard: Heard, destination: Destination) -> Advice {
        let [v6, v4] = self.sources.of_default_routes();
        let mut known = shared.lock(heard.epoch);
        let place = known.memory.place(self.memory.handle.partition, v6, v4);
        known.places.set(self.memory.owner, Observed::new(self.now, heard), place);
        self.look_from(place, known, destination)
    }

    /// The first look of a connect, which runs from `place`.
    #[inline(always)]
    fn look_from(&mut self, place: Place, mut known: Guard<'a, Known>, destination: Destination) -> Advice {
        let view = known.memory.begin_race(place);
        let view = if self.memory.handle.learned_delay { view } else { view.with_configured_delay() };
        let advice = known.memory.advise_of(&view, destination, self.now);
        (*self.view, self.known) = (Some(view), Some(known));
        advice
    }

    /// Another look of a connect, from where the first one was.
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

/// What is known of each address: see [`Memory`].
impl fmt::Debug for MemoryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shared) = &self.shared else { return f.write_str(OFF) };
        // What is written to may be foreign.
        let known = format!("{:?}", shared.known.lock().memory);
        f.debug_struct("MemoryHandle")
            .field("memory", &format_args!("{known}"))
            .field("learned_delay", &self.learned_delay)
            .finish_non_exhaustive()
    }
}

/// How a handle reads that remembers nothing.
const OFF: &str = "MemoryHandle(off)";
