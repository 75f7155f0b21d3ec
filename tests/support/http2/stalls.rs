//! Detects stalls of the machine during a dial that are so long that the client, by its rule, makes a second dial. The server then sees an extra
//! connection, and the run says nothing of the client.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::said::Said;

/// Calls `run`, and calls it again if the machine stalled meanwhile.
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

/// The most runs. A client that always makes two dials still fails.
const MOST: usize = 10;

static SECOND_DIALS: AtomicUsize = AtomicUsize::new(0);

/// Counts the second dials of all clients of the process.
struct Counter;

impl<S: Subscriber> Layer<S> for Counter {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "hyper_happy_eyeballs::client::dialing::for_all"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let is_one = Said::by(event).message == "a second dial begins, since the first one takes long";
        SECOND_DIALS.fetch_add(usize::from(is_one), SeqCst);
    }
}
