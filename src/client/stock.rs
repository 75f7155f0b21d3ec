//! The connector that all clones of a client share.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::ops::Deref;
use std::task::{Context, Poll, Waker};

use super::dialing::FastestDial;
use crate::lock::{Guard, Lock};
use crate::network::CurrentEpoch;

/// The connector, from which connects make their copies. It need not be `Sync`.
///
/// Its `clone` is foreign code, which must not run while a lock is held. So the connector is taken out while it is cloned. A connect that needs it
/// meanwhile waits as a task, without blocking a thread.
pub(super) struct Stock<C> {
    /// Guards the connector and the waiting wakers.
    place: Lock<Place<C>>,
    /// The epoch of the client's network.
    epoch: CurrentEpoch,
    fastest: FastestDial,
}

struct Place<C> {
    /// `None` while it is taken out.
    connector: Option<C>,
    /// The wakers of tasks that wait for it.
    waiting: Vec<Waker>,
}

impl<C> Stock<C> {
    pub(super) fn new(connector: C) -> Self {
        Self {
            place: Lock::new(Place { connector: Some(connector), waiting: Vec::new() }),
            epoch: CurrentEpoch::default(),
            fastest: FastestDial::new(),
        }
    }

    /// Returns the epoch of new connects.
    pub(super) fn epoch(&self) -> &CurrentEpoch {
        &self.epoch
    }

    /// Returns the time of the fastest dial.
    pub(super) fn fastest(&self) -> &FastestDial {
        &self.fastest
    }

    /// Returns a clone of the connector.
    pub(super) async fn copy(&self) -> C
    where
        C: Clone,
    {
        poll_fn(|cx| self.poll_taken(cx).map(|taken| C::clone(&taken))).await
    }

    fn poll_taken(&self, cx: &Context<'_>) -> Poll<Taken<'_, C>> {
        if let Some(taken) = self.take() {
            return Poll::Ready(taken);
        }
        // A waker is foreign code too, so it is cloned outside the lock.
        let waker = cx.waker().clone();
        let mut place = self.lock();
        match place.connector.take() {
            Some(connector) => {
                drop(place);
                Poll::Ready(Taken { stock: self, connector: Some(connector) })
            }
            None => {
                place.waiting.push(waker);
                Poll::Pending
            }
        }
    }

    /// Takes the connector out. `None` while another task has it.
    fn take(&self) -> Option<Taken<'_, C>> {
        let connector = self.lock().connector.take()?;
        Some(Taken { stock: self, connector: Some(connector) })
    }

    fn lock(&self) -> Guard<'_, Place<C>> {
        self.place.lock()
    }
}

/// The connector, until it is put back.
struct Taken<'a, C> {
    stock: &'a Stock<C>,
    /// `None` once it is put back.
    connector: Option<C>,
}

impl<C> Deref for Taken<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.connector.as_ref().expect("it is put back when this is dropped")
    }
}

impl<C> Drop for Taken<'_, C> {
    fn drop(&mut self) {
        let mut place = self.stock.lock();
        place.connector = self.connector.take();
        let waiting = mem::take(&mut place.waiting);
        drop(place);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<C: fmt::Debug> fmt::Debug for Stock<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.take() {
            Some(taken) => (*taken).fmt(f),
            None => f.write_str("<in use>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::sync::Arc;

    use super::*;

    /// A connector that runs a function when it is cloned or shown. It is not `Sync`.
    struct Hook(Arc<dyn Fn() + Send + Sync>, Cell<()>);

    impl Hook {
        fn new(hook: impl Fn() + Send + Sync + 'static) -> Self {
            Self(Arc::new(hook), Cell::new(()))
        }
    }

    impl Clone for Hook {
        fn clone(&self) -> Self {
            (self.0)();
            Self(Arc::clone(&self.0), Cell::new(()))
        }
    }

    impl fmt::Debug for Hook {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (self.0)();
            f.write_str("Hook")
        }
    }

    #[test]
    fn a_connector_that_asks_for_a_copy_while_it_is_copied_or_shown_locks_nobody_out() {
        let stock: Arc<Stock<Hook>> = Arc::new_cyclic(|stock| {
            let stock = std::sync::Weak::<Stock<Hook>>::clone(stock);
            Stock::new(Hook::new(move || {
                let stock = stock.upgrade().unwrap();
                let mut again = tokio_test::task::spawn(stock.copy());
                tokio_test::assert_pending!(again.poll());
                assert_eq!(format!("{stock:?}"), "<in use>");
            }))
        });
        assert_eq!(format!("{stock:?}"), "Hook");
        let mut copy = tokio_test::task::spawn(stock.copy());
        tokio_test::assert_ready!(copy.poll());
        assert!(stock.lock().waiting.is_empty());
    }

    #[test]
    fn whoever_waits_for_the_connector_is_woken_when_it_is_back() {
        let stock = Stock::new(1);
        let taken = stock.take().unwrap();
        let mut copies = [tokio_test::task::spawn(stock.copy()), tokio_test::task::spawn(stock.copy())];
        copies.iter_mut().for_each(|copy| tokio_test::assert_pending!(copy.poll()));
        drop(taken);
        for copy in &mut copies {
            assert!(copy.is_woken());
            assert_eq!(tokio_test::assert_ready!(copy.poll()), 1);
        }
    }

    #[test]
    fn a_clone_that_panics_leaves_the_connector_to_the_next() {
        let panics = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let stock = Stock::new(Hook::new({
            let panics = Arc::clone(&panics);
            move || assert!(!panics.swap(false, std::sync::atomic::Ordering::SeqCst), "once")
        }));
        let mut cx = Context::from_waker(Waker::noop());
        let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pin!(stock.copy()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
        }));
        assert!(first.is_err());
        assert!(pin!(stock.copy()).poll(&mut cx).is_ready());
    }
}
