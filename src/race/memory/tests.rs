//! Tests: the advice of a memory after what it has learned.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::*;
use crate::test_support::some_instant;

const A6: &str = "2001:db8::a";
const B6: &str = "2001:db8::b";
const A4: &str = "192.0.2.10";

/// A memory, the viewpoint for its advice, and the time, which begins at 0.
struct Known {
    memory: Memory,
    from: Viewpoint,
    zero: Instant,
    now: Duration,
}

fn source(text: &str) -> Source {
    Source::Address(text.parse().unwrap())
}

fn begin(memory: &mut Memory, partition: Partition, v6: Source, v4: Source) -> Viewpoint {
    let place = memory.place(partition, v6, v4);
    memory.begin_race(place)
}

impl Known {
    fn new() -> Self {
        Self::of(Memory::new())
    }

    fn of(mut memory: Memory) -> Self {
        let from = begin(&mut memory, Partition::default(), source("2001:db8:ffff::1"), source("192.0.2.1"));
        Self { memory, from, zero: some_instant(), now: Duration::ZERO }
    }

    fn after(mut self, seconds: u64) -> Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    fn told(mut self, destination: &str, observation: Observation) -> Self {
        self.memory.observe(&self.from, destination.parse().unwrap(), observation, self.zero + self.now);
        self
    }

    fn connected(self, destination: &str, ms: u64) -> Self {
        self.told(destination, Observation::Connected { after: Duration::from_millis(ms), won: true })
    }

    fn shook_hands(self, destination: &str, took: u64) -> Self {
        self.told(destination, Observation::ShookHands { took: ms(took) })
    }

    fn silent(self, destination: &str) -> Self {
        self.told(destination, Observation::Silent)
    }

    fn advice(&mut self, destination: &str) -> Advice {
        self.memory.advise(&self.from, destination.parse().unwrap(), self.zero + self.now)
    }

    /// Returns for how many seconds the destination is dead, and why.
    fn dead(&mut self, destination: &str) -> Option<(u64, DeadBy)> {
        let now = self.zero + self.now;
        self.advice(destination).dead.map(|dead| ((dead.until - now).as_secs(), dead.by))
    }

    /// Returns the attempt delay in milliseconds, if 250 ms are configured.
    fn delay(&mut self, destination: &str) -> (u128, DelayBasis) {
        let delay = delay::of_attempt(self.advice(destination).delay, ms(250));
        let (length, basis) = (delay.length(), delay.basis());
        (length.as_millis(), basis)
    }

    fn knows_nothing_of(&mut self, destination: &str) -> bool {
        self.advice(destination) == Advice::default()
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_new_memory_advises_nothing() {
    assert!(Known::new().knows_nothing_of(A6));
}

#[test]
fn a_round_trip_is_advice_for_its_address_its_prefix_and_its_network() {
    let mut known = Known::new().connected(A6, 40);
    assert_eq!(known.delay(A6), (120, DelayBasis::Address { rtt: ms(40), samples: 1 }));
    assert_eq!(known.delay(B6), (120, DelayBasis::Prefix { rtt: ms(40), samples: 1 }));
    assert_eq!(known.delay("2001:db8:1::a"), (250, DelayBasis::Configured));
    assert_eq!(known.delay(A4), (250, DelayBasis::Configured));
    let mut known = known.connected("2001:db8:2::a", 620).connected(A4, 600);
    // The round trip is 112.5 ms. The delay adds four times the deviation, 160 ms.
    let network = DelayBasis::Network { rtt: Duration::from_micros(112_500), samples: 2 };
    assert_eq!(known.delay("2001:db8:1::a"), (752, network));
    assert_eq!(known.delay("198.51.100.1"), (1000, DelayBasis::Network { rtt: ms(600), samples: 1 }));
    assert_eq!(known.advice(A6).rtt_bucket, 1);
    assert_eq!(known.advice(B6).rtt_bucket, 0, "it is not this address that is known");
}

#[test]
fn a_burst_of_connects_is_one_round_trip() {
    let mut known = Known::new().connected(A6, 40).connected(A6, 400);
    assert_eq!(known.delay(A6), (120, DelayBasis::Address { rtt: ms(40), samples: 1 }));
    assert_eq!((known.advice(A6).is_settled, known.advice(B6).is_settled), (true, false));
    let mut known = known.after(1);
    assert!(!known.advice(A6).is_settled);
    let mut known = known.connected(A6, 40);
    assert_eq!(known.delay(A6).1, DelayBasis::Address { rtt: ms(40), samples: 2 });
    let mut known = known.silent(A6);
    assert!(!known.advice(A6).is_settled, "a success would speak against what was held against it");
}

#[test]
fn the_order_is_forgotten_after_ten_minutes_and_the_delay_after_an_hour() {
    let mut known = Known::new().connected(A6, 180).after(599);
    assert_eq!((known.advice(A6).rtt_bucket, known.advice(A6).used), (3, true));
    let mut known = known.after(1);
    assert_eq!((known.advice(A6).rtt_bucket, known.advice(A6).used), (0, false));
    assert_eq!((known.delay(A6).0, known.delay(B6).0), (540, 540));
    let mut known = known.after(3000);
    assert!(known.knows_nothing_of(A6) && known.knows_nothing_of(B6));
}

#[test]
fn a_transport_that_took_too_long_is_no_round_trip_but_a_success() {
    let mut known = Known::new().silent(A6).connected(A6, 1030);
    assert_eq!(known.advice(A6), Advice { used: true, ..Advice::default() });
    assert!(known.knows_nothing_of(B6));
}

#[test]
fn the_time_of_a_handshake_is_advice_for_its_address_for_an_hour() {
    let mut known = Known::new().connected(A6, 30).shook_hands(A6, 80);
    assert_eq!([A6, B6, A4].map(|host| known.advice(host).handshake), [Some(ms(240)), None, None]);
    assert_eq!(known.delay(A6).1, DelayBasis::Address { rtt: ms(30), samples: 1 }, "it is no round trip");
    let mut known = known.after(3599);
    assert_eq!(known.advice(A6).handshake, Some(ms(240)));
    assert_eq!(known.after(1).advice(A6).handshake, None);
}

#[test]
fn a_handshake_is_learned_though_a_connect_without_one_has_just_settled_the_address() {
    let mut known = Known::new().connected(A6, 30).connected(A6, 30).shook_hands(A6, 80);
    assert!(known.advice(A6).is_settled);
    assert_eq!(known.advice(A6).handshake, Some(ms(240)));
}

#[test]
fn a_handshake_is_told_by_a_winner_that_had_one() {
    let (mut known, zero) = (Known::new(), some_instant());
    let mut winner = Tried::new(A6.parse().unwrap(), zero, ms(250), zero + ms(110), End::Connected);
    known.memory.learn(&known.from, &[winner], Ending::Won, zero + ms(110));
    assert_eq!(known.advice(A6).handshake, None);
    (winner.transport, winner.waited) = (Some(zero + ms(10)), ms(20));
    known.memory.learn(&known.from, &[winner], Ending::Won, zero + ms(110));
    assert_eq!(known.advice(A6).handshake, Some(ms(240)), "20 of 100 ms were those of the gate");
}

#[test]
fn used_counts_for_ipv6_alone_unless_it_is_set() {
    let mut known = Known::new().connected(A6, 5).connected(A4, 5);
    assert_eq!((known.advice(A6).used, known.advice(A4).used), (true, false));
    let mut known = Known::of(Memory::new().prefer_used(Families::Both)).connected(A6, 5).connected(A4, 5);
    assert_eq!((known.advice(A6).used, known.advice(A4).used), (true, true));
    let loser = Observation::Connected { after: ms(5), won: false };
    assert!(!Known::new().told(A6, loser).advice(A6).used);
}

#[test]
fn the_configured_delay_holds_where_no_other_is_wanted() {
    let mut known = Known::new().connected(A6, 620).shook_hands(A6, 80).silent(B6);
    known.from = known.from.with_configured_delay();
    assert_eq!((known.advice(A6).delay, known.advice(B6).delay), (None, None));
    assert_eq!((known.advice(A6).rtt_bucket, known.dead(B6)), (5, Some((30, DeadBy::Address))));
    assert_eq!(known.advice(A6).handshake, None);
    let mut known = known.after(700);
    assert_eq!((known.advice(A6).delay, known.advice(A6).handshake), (None, None));
}

#[test]
fn three_silent_prefixes_condemn_a_family_but_for_addresses_that_have_answered() {
    let known = Known::new().connected("2001:db8:9::a", 20).after(600);
    let mut known = known.silent(A6).silent(B6).silent("2001:db8:1::a").after(5).silent("2001:db8:1::b");
    assert_eq!(known.dead("2001:db8:3::a"), None, "there are four addresses of two prefixes");
    let mut known = known.silent("2001:db8:2::a");
    assert_eq!(known.dead("2001:db8:3::a"), Some((30, DeadBy::Family)));
    assert_eq!(known.dead(A6), Some((25, DeadBy::Address)));
    assert_eq!(known.dead("2001:db8:9::a"), None, "it has answered");
    assert_eq!(known.dead(A4), None);
    let mut alive = known.connected("2001:db8:9::a", 20);
    assert_eq!(alive.dead("2001:db8:3::a"), None);
    assert_eq!(alive.dead(A6), Some((25, DeadBy::Address)), "it may well be dead by itself");
}

#[test]
fn refusals_say_nothing_of_a_family() {
    let refused = ["2001:db8:1::a", "2001:db8:2::a", "2001:db8:3::a"];
    let mut known = refused.iter().fold(Known::new(), |known, host| known.told(host, Observation::Refused));
    assert_eq!((known.dead(refused[0]), known.dead(A6)), (Some((30, DeadBy::Address)), None));
}

#[test]
fn a_race_without_a_connection_takes_back_what_was_held_against_address_and_family() {
    let silent = ["2001:db8:1::a", "2001:db8:2::a", "2001:db8:3::a"];
    let known = silent.iter().fold(Known::new(), |known, host| known.silent(host));
    let mut known = known.told(silent[1], Observation::Unconnected);
    assert_eq!((known.dead(silent[1]), known.dead(A6)), (None, None));
    assert_eq!(known.dead(silent[0]), Some((30, DeadBy::Address)));
    let mut known = Known::new().told(A6, Observation::Unconnected);
    assert!(known.knows_nothing_of(A6));
}

#[test]
fn every_twentieth_race_ignores_round_trips_but_neither_marks_nor_the_network() {
    let mut known = Known::new().connected(A6, 620).shook_hands(A6, 80).silent("2001:db8:1::a");
    for race in 2..=40 {
        known.from = begin(&mut known.memory, Partition::default(), source("2001:db8:ffff::1"), source("192.0.2.1"));
        let network = DelayBasis::Network { rtt: ms(620), samples: 1 };
        assert_eq!(known.dead("2001:db8:1::a"), Some((30, DeadBy::Address)));
        assert_eq!(known.delay("2001:db8:2::a"), (1000, network));
        let advice = known.advice(A6);
        if race % 20 == 0 {
            assert_eq!((advice.rtt_bucket, advice.used, known.delay(A6)), (0, false, (1000, network)), "{race}");
            assert_eq!((known.delay(B6), advice.handshake), ((1000, network), None), "{race}");
        } else {
            assert_eq!((advice.rtt_bucket, advice.used, known.delay(A6).0), (5, true, 1000), "{race}");
            assert_eq!(advice.handshake, Some(ms(240)), "{race}");
        }
    }
}

#[test]
fn nothing_is_learned_of_loopback_or_of_a_family_without_a_route() {
    let mut known = Known::new().connected("127.0.0.1", 1).silent("::1").silent("fe80::1");
    for near in ["127.0.0.1", "::1", "fe80::1"] {
        assert!(known.knows_nothing_of(near));
    }
    known.from = begin(&mut known.memory, Partition::default(), Source::Unreachable, source("192.0.2.1"));
    let mut known = known.silent(A6).silent(A4);
    assert_eq!((known.dead(A6), known.dead(A4)), (None, Some((30, DeadBy::Address))));
    assert_eq!(known.memory.addresses.len(), 1);
}

#[test]
fn a_mapped_address_is_the_ipv4_address_it_stands_for() {
    assert_eq!(Known::new().silent(A4).dead("::ffff:192.0.2.10"), Some((30, DeadBy::Address)));
}

#[test]
fn what_was_learned_from_one_source_is_unknown_from_another() {
    let mut known = Known::new().silent(A6).silent(A4);
    let mut ask = |v6: &str, v4: &str| {
        known.from = begin(&mut known.memory, Partition::default(), source(v6), source(v4));
        (known.dead(A6).is_some(), known.dead(A4).is_some())
    };
    assert_eq!(ask("2001:db8:ffff::2", "192.0.2.2"), (true, false), "another privacy address");
    assert_eq!(ask("2001:db8:fffe::1", "192.0.2.1"), (false, true));
    assert_eq!(ask("2001:db8:ffff::1", "192.0.2.1"), (true, true));
}

#[test]
fn partitions_do_not_see_each_other_and_can_be_cleared() {
    let mut known = Known::new().silent(A6).connected(A4, 20);
    let mine = known.from;
    known.from = begin(&mut known.memory, Partition::new(7), source("2001:db8:ffff::1"), source("192.0.2.1"));
    assert!(known.knows_nothing_of(A6) && known.knows_nothing_of(A4));
    let mut known = known.silent(A6);
    known.memory.clear(Partition::default());
    assert_eq!(known.dead(A6), Some((30, DeadBy::Address)));
    known.from = mine;
    assert!(known.knows_nothing_of(A6) && known.knows_nothing_of(A4));
}

#[test]
fn after_a_change_of_network_nothing_is_known_and_earlier_races_teach_nothing() {
    let mut known = Known::new().silent(A6).connected(A4, 20);
    known.memory.network_changed();
    let before = known.from;
    let mut known = known.silent(A6).connected(A4, 20);
    assert!(known.knows_nothing_of(A6));
    known.from = begin(&mut known.memory, Partition::default(), source("2001:db8:ffff::1"), source("192.0.2.1"));
    assert!(known.knows_nothing_of(A6) && known.knows_nothing_of(A4));
    let mut known = known.silent(A6);
    assert_eq!(known.dead(A6), Some((30, DeadBy::Address)));
    known.from = before;
    assert!(known.knows_nothing_of(A6));
}

#[test]
fn from_the_place_or_the_race_of_another_memory_nothing_is_known_or_learned() {
    let (mut one, mut other) = (Known::new().connected(A4, 20), Known::new().silent(A4));
    let (mine, sources) = (one.from, (source("2001:db8:ffff::1"), source("192.0.2.1")));
    let foreign = other.memory.place(Partition::default(), sources.0, sources.1);
    for from in [other.from, one.memory.begin_race(foreign)] {
        one.from = from;
        one = one.silent(A6);
        assert!(one.knows_nothing_of(A4) && one.knows_nothing_of(A6));
    }
    one.from = mine;
    assert!(one.knows_nothing_of(A6) && one.advice(A4).delay.is_some());
}

#[test]
fn of_1025_addresses_the_least_recently_used_is_gone() {
    let host = |host: u32| Ipv4Addr::from_bits(0xc612_0000 + host).to_string();
    let known = (0..1024).fold(Known::new(), |known, i| known.connected(&host(i), 20));
    let mut known = known.after(1).connected(&host(0), 20).connected(&host(1024), 20);
    let gone: Vec<_> = (0..1025).filter(|i| !matches!(known.delay(&host(*i)).1, DelayBasis::Address { .. })).collect();
    assert_eq!(gone, [1]);
}

#[test]
fn what_is_remembered_has_a_bound_in_every_table() {
    let mut known = Known::new();
    for i in 0..3000_u32 {
        let partition = Partition::new((i % 700).into());
        known.from = begin(&mut known.memory, partition, source("2001:db8:ffff::1"), source("192.0.2.1"));
        let v6 = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(i) << 80).to_string();
        known = known.connected(&v6, 20).connected(&Ipv4Addr::from_bits(0xc612_0000 + (i << 8)).to_string(), 20);
    }
    let Memory { addresses, prefixes, families, turns, .. } = &known.memory;
    assert_eq!([addresses.len(), prefixes.len(), families.len(), turns.len()], [1024, 256, 256, 256]);
}

#[test]
fn debug_reads_like_a_page_of_notes_and_names_no_partition() {
    let mut known = Known::new().connected(A4, 20).shook_hands(A4, 80).silent(A6).after(10).silent(A4);
    known.from = begin(&mut known.memory, Partition::new(4711), Source::Unknown, Source::Unknown);
    let known = known.told(B6, Observation::Refused);
    assert_eq!(
        format!("{:?}", known.memory),
        "Memory { prefer_used: V6Only, addresses: [\
         2001:db8::b from an unknown source: never answered, outlasted 1, dead for 30s, \
         192.0.2.10 from 192.0.2.1: 20ms ± 10ms of 1, handshake 80ms ± 40ms of 1, used, outlasted 1, \
         2001:db8::a from 2001:db8:ffff::/64: never answered, outlasted 1, dead for 20s], prefixes: 1, .. }"
    );
}
