//! The relay, in every order: a waiting task is woken, and an event on an idle connection is reported once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicBool, Ordering::SeqCst};
use shuttle::thread;

use super::in_every_order;
use crate::client::http1::relay::Relay;
use crate::client::pool::{Place, Watch};

const PLACE: Place = Place { slot: 0, id: 7 };

/// A task waits for an event on the socket or elsewhere, as an exchange or an upload task does, and gets it.
pub fn whoever_waits_for_a_connection_is_woken_by_whatever_happens() {
    for is_on_the_socket in [true, false] {
        let orders = in_every_order(move || {
            let relay = Relay::new(PLACE, Watch::nobody());
            let happened = Arc::new(AtomicBool::new(false));
            let (socket, other) = relay.wakers();
            let waker = if is_on_the_socket { socket } else { other };
            let thread = thread::spawn({
                let happened = Arc::clone(&happened);
                move || {
                    happened.store(true, SeqCst);
                    waker.wake();
                }
            });
            block_on(poll_fn(|cx| {
                relay.hold();
                // Later events are for the next poll.
                relay.on_poll();
                if happened.load(SeqCst) {
                    return Poll::Ready(());
                }
                relay.wait(cx);
                Poll::Pending
            }));
            thread.join().unwrap();
        });
        assert!(orders > 1_000, "{orders} orders");
    }
}

/// A connection becomes idle while an event happens on its socket. Either the pool sees it, or the sweeper is told, or both. Several events are
/// reported once.
pub fn what_happens_on_a_connection_that_comes_to_rest_is_seen_or_told_once() {
    const KEY: usize = 3;
    let orders = in_every_order(|| {
        let watch = Watch::nobody();
        let relay = Relay::new(PLACE, Arc::clone(&watch));
        relay.on_poll();
        let events = [(); 2].map(|()| {
            let (socket, _) = relay.wakers();
            thread::spawn(move || socket.wake())
        });
        let is_at_rest = relay.rest(KEY);
        events.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(relay.is_touched());
        let (touched, _) = watch.take_touched(usize::MAX);
        let told = touched.len();
        assert!(told <= 1, "told {told} times");
        assert!(!is_at_rest || told == 1, "neither seen nor told");
        assert!(touched.iter().all(|touched| touched.key == KEY && touched.id == PLACE.id));
    });
    assert!(orders > 100, "{orders} orders");
}
