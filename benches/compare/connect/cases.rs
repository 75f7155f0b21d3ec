//! The lists of addresses, and what the design says of each.

use std::net::IpAddr;

use crate::places::Fate::{self, Accepts, Refuses, Swallows};
use crate::places::{V6, v4};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) list: Vec<(IpAddr, Fate)>,
    pub(crate) expected: &'static str,
    /// How many times faster than hyper-util this crate should be, if hyper-util is given up after this many seconds.
    pub(crate) factor: Option<fn(f64) -> f64>,
    /// Whether the attempt delay decides, so that a peer's own is worth showing.
    pub(crate) by_delay: bool,
}

impl Case {
    /// Whether somebody waits for a timer in it.
    pub(crate) fn has_black_hole(&self) -> bool {
        self.list.iter().any(|(_, fate)| *fate == Swallows)
    }
}

pub(crate) fn all() -> Vec<Case> {
    let swift = |name, list, expected| Case { name, list, expected, factor: None, by_delay: false };
    let refused = (1..64).map(|number| (v4(number), Refuses)).chain([(v4(64), Accepts)]).collect();
    vec![
        swift(
            "both families good",
            vec![(V6, Accepts), (v4(1), Accepts)],
            "the first address, and microseconds more than the bare socket",
        ),
        Case {
            name: "first family dead",
            list: vec![(V6, Swallows), (v4(1), Accepts)],
            expected: "one attempt delay for all that race families: 250 ms, and 1.0 x at the same delay",
            factor: None,
            by_delay: true,
        },
        Case {
            name: "first address of four dead",
            list: vec![(v4(1), Swallows), (v4(2), Accepts), (v4(3), Accepts), (v4(4), Accepts)],
            expected: "250 ms; hyper-util has one track for the family, and waits for the system to give the address up \
                       (two minutes here), so it is given up itself: more than (limit / 250 ms) x",
            factor: Some(|limit| limit / 0.250),
            by_delay: false,
        },
        Case {
            name: "first three of four dead",
            list: vec![(v4(1), Swallows), (v4(2), Swallows), (v4(3), Swallows), (v4(4), Accepts)],
            expected: "three delays: 750 ms; hyper-util waits for the system three times: more than (limit / 750 ms) x",
            factor: Some(|limit| limit / 0.750),
            by_delay: false,
        },
        swift(
            "refused then good",
            vec![(v4(1), Refuses), (v4(2), Accepts)],
            "two system calls' worth of connects, no delay",
        ),
        swift(
            "64 addresses, 63 of them refused",
            refused,
            "no delay: what never leaves the machine need not keep the distance of 10 ms",
        ),
        swift("localhost on IPv4 alone", vec![(V6, Refuses), (v4(1), Accepts)], "microseconds"),
        swift("localhost on IPv6 alone", vec![(v4(1), Refuses), (V6, Accepts)], "microseconds"),
    ]
}
