//! Whether the machine stood still in the middle of a dial: for so long that the client made a second one beside it, as its rule has it. A server
//! sees one connection more then, and what it saw says nothing of the client.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::said::Said;

/// Does `run`, and does it again where the machine stood still meanwhile.
pub(crate) fn without_stalls<T, E>(mut run: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Counter)).unwrap());
    for _ in 1..MOST {
        let before = SECOND_DIALS.load(SeqCst);
        let done = run()?;
        if SECOND_DIALS.load(SeqCst) == before {
            return Ok(done);
        }
    }
    run()
}

/// How often a run is done. A client that always makes two dials is found out.
const MOST: usize = 10;

static SECOND_DIALS: AtomicUsize = AtomicUsize::new(0);

/// Counts the second dials of all clients of the process.
struct Counter;

impl<S: Subscriber> Layer<S> for Counter {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "hyper_happy_eyeballs::client::dialing::for_all"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let is_one = Said::by(event).message == "a dial is silent, a second one begins";
        SECOND_DIALS.fetch_add(usize::from(is_one), SeqCst);
    }
}
