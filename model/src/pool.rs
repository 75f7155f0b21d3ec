//! The right to a connection, in every order: a request that still waits gets it, exactly once.

use std::future::poll_fn;

use shuttle::future::block_on;
use shuttle::thread;

use super::caller::{destination, pool};
use super::in_every_order;
use crate::client::pool::{Acquired, Grant};

/// The only connection is released while the first of two waiting requests gives up. The second gets it, and the pool does not count it twice.
pub fn the_right_to_a_connection_goes_to_whoever_still_waits() {
    let orders = in_every_order(|| {
        let (pool, destination) = (pool(1), destination());
        let acquire = || pool.acquire(&destination, None);
        let Acquired::Dial(lease) = acquire() else { panic!("there is room") };
        let [gives_up, mut waits] = [(); 2].map(|()| match acquire() {
            Acquired::Wait(ticket) => ticket,
            Acquired::Dial(_)
            | Acquired::Owned { .. }
            | Acquired::Shared(_)
            | Acquired::DialForAll(..)
            | Acquired::Elsewhere => panic!("the place is taken"),
        });
        let threads = [thread::spawn(move || drop(lease)), thread::spawn(move || drop(gives_up))];
        let granted = block_on(poll_fn(|cx| waits.poll_granted(cx)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(matches!(granted, Some(Grant::Dial(_))), "there is no connection to be had");
        assert!(matches!(acquire(), Acquired::Wait(_)), "the place is there twice");
        drop(granted);
        assert!(matches!(acquire(), Acquired::Dial(_)), "the place is lost");
    });
    assert!(orders > 5, "{orders} orders");
}
