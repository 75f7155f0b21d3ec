//! What connectors remember of the network, and how a connect asks for it.

mod lessons;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use self::lessons::tried;
use crate::lock::{Guard, Lock};
use crate::network::{Epoch, Heard, Network, Observed};
use crate::outcome::Attempt;
use crate::race::{Advice, Ending, Memory, Partition, Place, Viewpoint};
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
/// Of each address: how far away it is, whether it is believed to be dead, when it was used. TLS and certificates teach nothing, nor does what was
/// never sent, nor a connect that was cancelled.
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
}

impl MemoryHandle {
    /// A memory that knows nothing yet. Clones of the handle share it.
    pub fn new() -> Self {
        Self::of(Memory::new())
    }

    /// A memory with settings of its own.
    pub fn of(memory: Memory) -> Self {
        let known = Known { memory, epoch: Epoch::default() };
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
    /// ([`Builder::connection_attempt_delay`](super::Builder::connection_attempt_delay)) whatever is known; what is dead goes last all the same.
    ///
    /// Defaults to `true`.
    #[must_use]
    pub fn learned_delay(mut self, is_on: bool) -> Self {
        self.learned_delay = is_on;
        self
    }

    /// Forgets what was learned in this partition. A server can see from the order of attempts what a client has learned elsewhere: whoever
    /// clears the cookies of a user clears this too.
    pub fn clear(&self) {
        if let Some(shared) = &self.shared {
            shared.known.lock().memory.clear(self.partition);
        }
    }
}

/// The memory of a connector and its clones, and where their races run from.
#[derive(Debug)]
pub(super) struct Remembering {
    handle: MemoryHandle,
    /// Guards the place, and nothing else.
    placed: Lock<Option<Placed>>,
}

/// Where races run from, as long as what the system has said of its default routes is believed.
struct Placed {
    observed: Observed,
    place: Place,
}

impl Remembering {
    pub(super) fn new(handle: MemoryHandle) -> Self {
        Self { handle, placed: Lock::new(None) }
    }

    /// Looks at what is known, for a connect that has learned of these destinations and had no answer before.
    #[inline]
    pub(super) fn open(
        &self,
        mut destinations: impl Iterator<Item = IpAddr>,
        sources: &SourceAddresses,
        network: &Network,
        now: Instant,
    ) -> Recall<'_> {
        let Some(shared) = self.handle.shared.as_ref().filter(|_| destinations.any(Memory::is_remembered)) else {
            return Recall { known: None, now };
        };
        let heard = network.heard();
        let placed =
            self.placed.lock().as_ref().filter(|placed| placed.observed.is_believed(heard, now)).map(|p| p.place);
        let place = placed.unwrap_or_else(|| self.place(shared, sources, heard, now));
        let mut known = shared.lock(heard.epoch);
        let view = known.memory.begin_race(place);
        let view = if self.handle.learned_delay { view } else { view.with_configured_delay() };
        Recall { known: Some((known, view)), now }
    }

    /// Asks the system where races run from. That takes some calls for each family, which wait for nothing: a thread of its own for them would take more.
    #[cold]
    fn place(&self, shared: &Shared, sources: &SourceAddresses, heard: Heard, now: Instant) -> Place {
        let [v6, v4] = sources.of_default_routes();
        let place = shared.lock(heard.epoch).memory.place(self.handle.partition, v6, v4);
        *self.placed.lock() = Some(Placed { observed: Observed::new(now, heard), place });
        place
    }

    /// Looks at what is known, for a connect that has looked before.
    pub(super) fn look(&self, view: Option<Viewpoint>, network: &Network, now: Instant) -> Recall<'_> {
        let shared = self.handle.shared.as_ref();
        Recall { known: shared.zip(view).map(|(shared, view)| (shared.lock(network.epoch().get()), view)), now }
    }

    /// Takes in what the attempts of a connect have shown, which is over.
    pub(super) fn learn(
        &self,
        view: Option<Viewpoint>,
        attempts: &[Attempt],
        ending: Ending,
        network: &Network,
        now: Instant,
    ) {
        let (Some(shared), Some(view)) = (&self.handle.shared, view) else { return };
        let epoch = network.epoch().get();
        match attempts {
            [attempt] => {
                let tried = [tried(attempt)];
                shared.lock(epoch).memory.learn(&view, &tried, ending, now);
            }
            attempts => {
                let tried: Vec<_> = attempts.iter().map(tried).collect();
                shared.lock(epoch).memory.learn(&view, &tried, ending, now);
            }
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

/// What is known, as long as it is looked at: nobody else looks meanwhile.
pub(super) struct Recall<'a> {
    /// `None` if nothing is known, whatever it is of.
    known: Option<(Guard<'a, Known>, Viewpoint)>,
    now: Instant,
}

impl Recall<'_> {
    /// What is known of `destination`, whose port does not matter.
    #[inline]
    pub(super) fn advise(&mut self, destination: SocketAddr) -> Advice {
        match &mut self.known {
            Some((known, view)) => known.memory.advise(view, destination.ip(), self.now),
            None => Advice::default(),
        }
    }

    /// From where the connect looks.
    #[inline]
    pub(super) fn view(&self) -> Option<Viewpoint> {
        self.known.as_ref().map(|(_, view)| *view)
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
        let Some(shared) = &self.shared else { return f.write_str("MemoryHandle(off)") };
        // What is written to may be foreign.
        let known = format!("{:?}", shared.known.lock().memory);
        f.debug_struct("MemoryHandle")
            .field("memory", &format_args!("{known}"))
            .field("learned_delay", &self.learned_delay)
            .finish_non_exhaustive()
    }
}
