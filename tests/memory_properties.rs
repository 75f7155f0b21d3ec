//! Properties of every memory, and of every race that gets advice from one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::race::{
    Advice, AttemptDelay, AttemptId, Dead, DeadBy, DelayBasis, End, Ending, Memory, Observation, Partition, Policy,
    Source, Tried, Viewpoint,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use support::names::portless;
use support::reading::{Started, starts, untried};
use support::scripts::cases::{case_of, hurried_case, lost_case, undisturbed_answers, undisturbed_list};
use support::scripts::parts::ms;
use support::scripts::{ADDRESSES, Case};
use support::simulation::{Event, Log, simulate_advised};
use support::some_instant;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

/// What a race is told of its destinations, by their addresses.
type Told = BTreeMap<IpAddr, Known>;

/// What is known of one destination.
#[derive(Clone, Copy, Debug)]
struct Known {
    dead: Option<DeadBy>,
    rtt_bucket: u8,
    used: bool,
    delay: Option<AttemptDelay>,
    handshake: Option<Duration>,
}

impl Known {
    fn advice(self, now: Instant) -> Advice {
        let mut advice = Advice::default();
        advice.dead = self.dead.map(|by| Dead::new(now + ms(30_000), by));
        (advice.rtt_bucket, advice.used, advice.delay) = (self.rtt_bucket, self.used, self.delay);
        advice.handshake = self.handshake;
        advice
    }
}

fn begin(memory: &mut Memory, partition: u64, v6: Source, v4: Source) -> Viewpoint {
    let place = memory.place(Partition::new(partition), v6, v4);
    memory.begin_race(place)
}

/// Delays of any length and basis, and handshakes of any length, which the race has to bound.
fn known() -> impl Strategy<Value = Known> {
    let rtt = ms(20);
    let mut learned = learned_bases(rtt);
    learned.push(DelayBasis::Configured);
    let delay = (select(vec![0, 1, 9, 50, 99, 100, 120, 250, 999, 1000, 1001, 5000]), select(learned));
    let delay = delay.prop_map(|(length, basis)| AttemptDelay::new(ms(length), basis));
    let dead = option::of(select(vec![DeadBy::Address, DeadBy::Family]));
    (dead, 0..6_u8, any::<bool>(), option::of(delay), option::of(handshake()))
        .prop_map(|(dead, rtt_bucket, used, delay, handshake)| Known { dead, rtt_bucket, used, delay, handshake })
}

fn handshake() -> impl Strategy<Value = Duration> {
    select(vec![0, 1, 99, 100, 101, 240, 500, 1999, 2000, 9000]).prop_map(ms)
}

/// The bases that a memory has for a delay: they are made by a memory, since nobody else can.
fn learned_bases(rtt: Duration) -> Vec<DelayBasis> {
    let (mut memory, now) = (Memory::new(), some_instant());
    let from = begin(&mut memory, 0, Source::Unknown, Source::Unknown);
    let connected = Observation::Connected { after: rtt, won: true };
    let addresses: [IpAddr; 3] = ["192.0.2.1", "192.0.2.2", "198.51.100.1"].map(|address| address.parse().unwrap());
    memory.observe(&from, addresses[0], connected, now);
    addresses.map(|address| memory.advise(&from, address, now).delay.unwrap().basis()).into()
}

fn told() -> impl Strategy<Value = Told> {
    let each = vec(option::of(known()), ADDRESSES.len());
    let address = |(_, ip): &(&str, &str)| ip.parse::<IpAddr>().unwrap().to_canonical();
    each.prop_map(move |known| {
        ADDRESSES.iter().map(address).zip(known).filter_map(|(ip, known)| Some((ip, known?))).collect()
    })
}

fn advised(case: impl Strategy<Value = Case>) -> impl Strategy<Value = (Case, Told)> {
    (case, told())
}

fn run((case, told): &(Case, Told)) -> Log {
    simulate_advised(&case.script(), some_instant(), |destination, now| {
        told.get(&portless(destination).ip()).map(|known| known.advice(now)).unwrap_or_default()
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn advice_brings_no_two_starts_within_ten_milliseconds(
        case in advised(prop_oneof![case_of(Policy::Staggered), hurried_case()]),
    ) {
        let mut on_wire: Vec<(AttemptId, Duration)> = Vec::new();
        for (now, event) in run(&case).events {
            match event {
                Event::Start { id, address, .. } => {
                    for (earlier, at) in &on_wire {
                        prop_assert!(now >= *at + ms(10), "{address} at {now:?}, {earlier:?} at {at:?}");
                    }
                    if !address.ip().is_loopback() {
                        on_wire.push((id, now));
                    }
                }
                Event::Failed { id, sent: false, .. } => on_wire.retain(|(earlier, _)| *earlier != id),
                _ => {}
            }
        }
    }

    #[test]
    fn a_start_waits_for_the_delay_of_the_destination_before_it(case in advised(case_of(Policy::Staggered))) {
        let mut due: Option<Duration> = None;
        for Started { id, at, address, delay, is_free, .. } in starts(&run(&case)) {
            if let Some(due) = due {
                prop_assert!(is_free || at >= due, "{id:?} at {at:?}, due at {due:?}");
            }
            let (case, told) = &case;
            let known = told.get(&portless(address).ip()).and_then(|known| known.delay);
            prop_assert_eq!(delay.length(), expected_delay(known, case.settings.clamped_attempt_delay()));
            due = Some(at + delay.length());
        }
    }

    #[test]
    fn what_is_known_of_a_handshake_counts_as_if_the_attempt_had_said_it(
        case in prop_oneof![case_of(Policy::Staggered), hurried_case()],
        rest in handshake(),
    ) {
        let advice = || {
            let mut advice = Advice::default();
            advice.handshake = Some(rest);
            advice
        };
        let known = simulate_advised(&case.script(), some_instant(), |_, _| advice());
        let mut said = case;
        said.fates.values_mut().flat_map(|fate| fate.progress.first_mut()).for_each(|(_, estimate)| *estimate = rest);
        prop_assert_eq!(known, said.run());
    }

    #[test]
    fn advice_removes_no_address(case in advised(lost_case())) {
        let (with, without) = (run(&case), case.0.run());
        let tried = |log: &Log| log.started.iter().copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(tried(&with), tried(&without));
        prop_assert_eq!(untried(&with), untried(&without));
    }

    #[test]
    fn what_is_dead_is_tried_after_all_that_is_not(
        case in advised(prop_oneof![undisturbed_list(), undisturbed_answers()]),
    ) {
        let log = run(&case);
        let (case, told) = &case;
        let is_dead = |address: &SocketAddr| told.get(&address.ip()).is_some_and(|known| known.dead.is_some());
        let offered: BTreeSet<SocketAddr> = case.answers.iter().flat_map(|answer| answer.content.addresses()).collect();
        let usable = offered.into_iter().filter(|address| case.settings.allow(*address));
        let (dead, alive): (BTreeSet<_>, BTreeSet<_>) = usable.partition(is_dead);
        let before = log.started.iter().take_while(|address| !is_dead(address)).copied().collect::<BTreeSet<_>>();
        prop_assert!(alive.is_empty() || log.started.len() == before.len() || before == alive, "{log:?}");
        for (_, event) in &log.events {
            if let Event::Start { address, demoted, .. } = event {
                prop_assert_eq!(demoted.is_some(), dead.contains(address) && !alive.is_empty(), "{}", address);
            }
        }
    }

    #[test]
    fn what_is_said_of_an_attempt_teaches_no_more_than_it_showed(case in advised(case_of(Policy::Staggered))) {
        let log = run(&case);
        let (mut memory, zero) = (Memory::new(), some_instant());
        let from = begin(&mut memory, 0, Source::Unknown, Source::Unknown);
        let tried: Vec<Tried> = log.tried.iter().map(|attempt| {
            let mut tried = Tried::new(
                attempt.address.ip(),
                zero + attempt.started,
                attempt.delay,
                zero + attempt.ended,
                attempt.end,
            );
            tried.transport = attempt.transport.map(|at| zero + at);
            tried.waited = attempt.waited;
            tried
        }).collect();
        let now = zero + log.ended();
        memory.learn(&from, &tried, log.ending(), now);
        for attempt in &log.tried {
            let of_address = || log.tried.iter().filter(|other| other.address.ip() == attempt.address.ip());
            let advice = memory.advise(&from, attempt.address.ip(), now);
            let answered =
                of_address().any(|attempt| attempt.transport.is_some() || attempt.end == End::Connected);
            let refused = of_address().any(|attempt| attempt.end == End::Refused);
            let silent = of_address()
                .any(|attempt| attempt.end == End::Silent && attempt.ended - attempt.started >= attempt.delay);
            let by_itself = advice.dead.is_some_and(|dead| dead.by == DeadBy::Address);
            prop_assert!(!(by_itself && answered), "{attempt:?} of {log:?}");
            prop_assert!(!by_itself || refused || silent, "{attempt:?} of {log:?}");
            prop_assert!(!by_itself || log.ending() == Ending::Won, "{attempt:?} of {log:?}");
            let used = of_address().any(|attempt| attempt.end == End::Connected && attempt.address.is_ipv6());
            prop_assert!(!advice.used || used, "{attempt:?} of {log:?}");
        }
    }
}

/// The delay that a race obeys, by what it was told.
fn expected_delay(known: Option<AttemptDelay>, configured: Duration) -> Duration {
    let Some(known) = known else { return configured };
    match known.basis() {
        DelayBasis::Configured => known.length().clamp(ms(10), ms(2000)),
        DelayBasis::Network { .. } => configured.max(known.length().min(ms(1000))),
        _ => known.length().clamp(ms(100), ms(1000)),
    }
}

/// What happens to a memory.
#[derive(Clone, Debug)]
enum Step {
    Begin {
        partition: u64,
        v6: usize,
        v4: usize,
    },
    Observe {
        destination: u32,
        observation: Observation,
    },
    /// The same, of many destinations.
    Flood {
        first: u32,
        observation: Observation,
    },
    Advise {
        destination: u32,
    },
    Wait(Duration),
    Change,
    Clear {
        partition: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let observation = || {
        let connected = (0..1200_u64, any::<bool>());
        prop_oneof![
            connected.prop_map(|(after, won)| Observation::Connected { after: ms(after), won }),
            (0..2500_u64).prop_map(|took| Observation::ShookHands { took: ms(took) }),
            Just(Observation::Refused),
            Just(Observation::Silent),
            Just(Observation::Unconnected),
        ]
    };
    let step = prop_oneof![
        3 => (0..3_u64, 0..4_usize, 0..4_usize).prop_map(|(partition, v6, v4)| Step::Begin { partition, v6, v4 }),
        12 => (0..24_u32, observation()).prop_map(|(destination, observation)| Step::Observe { destination, observation }),
        1 => (0..4000_u32, observation()).prop_map(|(first, observation)| Step::Flood { first, observation }),
        6 => (0..24_u32).prop_map(|destination| Step::Advise { destination }),
        6 => select(vec![0, 1, 999, 1000, 29_999, 30_000, 600_000, 3_600_000]).prop_map(|wait| Step::Wait(ms(wait))),
        1 => Just(Step::Change),
        1 => (0..3_u64).prop_map(|partition| Step::Clear { partition }),
    ];
    vec(step, 0..60)
}

/// Even numbers are IPv6, in prefixes of four addresses; the first few are near, and never remembered.
fn destination(number: u32) -> IpAddr {
    match number {
        0 => Ipv6Addr::LOCALHOST.into(),
        1 => Ipv4Addr::LOCALHOST.into(),
        _ if number % 2 == 0 => {
            let (prefix, host) = (u128::from(number / 8), u128::from(number % 8));
            Ipv6Addr::from_bits(0x2001_0db8 << 96 | prefix << 80 | host).into()
        }
        _ => Ipv4Addr::from_bits(0xc612_0000 + ((number / 8) << 8) + number % 8).into(),
    }
}

fn source(texts: [&str; 2], choice: usize) -> Source {
    match choice {
        0 | 1 => Source::Address(texts[choice].parse().unwrap()),
        2 => Source::Unreachable,
        _ => Source::Unknown,
    }
}

/// A memory that steps are taken with.
struct Stepped {
    memory: Memory,
    from: Viewpoint,
    now: Instant,
    said: Vec<Advice>,
}

impl Stepped {
    fn new(now: Instant) -> Self {
        let mut memory = Memory::new();
        let from = begin(&mut memory, 0, Source::Unknown, Source::Unknown);
        Self { memory, from, now, said: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Begin { partition, v6, v4 } => {
                let v6 = source(["2001:db8:ffff::1", "2001:db8:fffe::1"], v6);
                self.from = begin(&mut self.memory, partition, v6, source(["10.0.0.1", "192.0.2.1"], v4));
            }
            Step::Observe { destination, observation } => self.observe(destination, observation),
            Step::Flood { first, observation } => {
                (first..first + 1500).for_each(|destination| self.observe(destination, observation));
            }
            Step::Advise { destination } => drop(self.advise(destination)),
            Step::Wait(duration) => self.now += duration,
            Step::Change => self.memory.network_changed(),
            Step::Clear { partition } => self.memory.clear(Partition::new(partition)),
        }
    }

    fn observe(&mut self, number: u32, observation: Observation) {
        self.memory.observe(&self.from, destination(number), observation, self.now);
    }

    fn advise(&mut self, number: u32) -> Advice {
        let advice = self.memory.advise(&self.from, destination(number), self.now);
        self.said.push(advice);
        advice
    }

    /// All that is known, from where it is asked.
    fn everything(&mut self) -> Vec<Advice> {
        (0..24).map(|destination| self.advise(destination)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..config() })]

    #[test]
    fn a_memory_has_a_bound_whatever_it_is_told(steps in steps()) {
        let mut stepped = Stepped::new(some_instant());
        for step in &steps {
            stepped.take(step);
            prop_assert!(stepped.memory.len() <= 1024);
        }
    }

    #[test]
    fn two_memories_that_were_told_the_same_say_the_same(steps in steps()) {
        let now = some_instant();
        let [mut one, mut other] = [Stepped::new(now), Stepped::new(now)];
        for step in &steps {
            one.take(step);
            other.take(step);
        }
        prop_assert_eq!(one.everything(), other.everything());
        prop_assert_eq!(one.said, other.said);
        prop_assert_eq!(format!("{:?}", one.memory), format!("{:?}", other.memory));
    }

    #[test]
    fn after_the_network_has_changed_nothing_is_known(steps in steps(), after in steps()) {
        let mut stepped = Stepped::new(some_instant());
        steps.iter().for_each(|step| stepped.take(step));
        stepped.memory.network_changed();
        // A race that began before teaches nothing either.
        let of_races_before = after.iter().take_while(|step| !matches!(step, Step::Begin { .. }));
        of_races_before.for_each(|step| stepped.take(step));
        stepped.take(&Step::Begin { partition: 0, v6: 0, v4: 0 });
        prop_assert!(stepped.memory.is_empty());
        prop_assert!(stepped.everything().into_iter().all(|advice| advice == Advice::default()));
    }

    #[test]
    fn a_partition_that_was_cleared_knows_nothing_and_the_others_what_they_knew(steps in steps()) {
        let mut stepped = Stepped::new(some_instant());
        // Nobody asks for anything before, since that is a use.
        steps.iter().for_each(|step| stepped.take(step));
        let known_from = |stepped: &mut Stepped, partition| {
            stepped.take(&Step::Begin { partition, v6: 0, v4: 1 });
            stepped.everything()
        };
        let before = known_from(&mut stepped, 1);
        stepped.memory.clear(Partition::new(0));
        prop_assert_eq!(stepped.everything(), before);
        let of_nothing = known_from(&mut stepped, 0);
        prop_assert!(of_nothing.into_iter().all(|advice| advice == Advice::default()));
    }

    #[test]
    fn what_is_said_is_within_its_bounds(steps in steps()) {
        let mut stepped = Stepped::new(some_instant());
        for step in &steps {
            stepped.take(step);
            if let Step::Observe { destination, observation: Observation::Connected { .. } } = *step {
                prop_assert_eq!(stepped.advise(destination).dead, None, "it has just answered");
            }
            for destination in 0..24 {
                let advice = stepped.advise(destination);
                prop_assert!(destination > 1 || advice == Advice::default(), "it is near");
                prop_assert!(advice.rtt_bucket <= 5);
                let dead_for = advice.dead.map(|dead| dead.until - stepped.now);
                prop_assert!(dead_for.is_none_or(|rest| rest > Duration::ZERO && rest <= ms(600_000)), "{dead_for:?}");
                if let Some(delay) = advice.delay {
                    let is_of_network = matches!(delay.basis(), DelayBasis::Network { .. });
                    prop_assert!(delay.length() <= ms(1000), "{delay:?}");
                    prop_assert!(is_of_network || delay.length() >= ms(100), "{delay:?}");
                }
                prop_assert!(advice.handshake.is_none_or(|rest| (ms(100)..=ms(2000)).contains(&rest)), "{advice:?}");
            }
        }
    }
}
