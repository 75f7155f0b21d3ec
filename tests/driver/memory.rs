//! What a connector remembers from connect to connect.

use std::thread;

use futures_util::future::join_all;
use hyper_happy_eyeballs::connect::{Builder, HappyEyeballsStream};
use hyper_happy_eyeballs::race::{AttemptDelay, DeadBy, DelayBasis, Partition};
use hyper_happy_eyeballs::resolve::{FixedResolver, Queries};
use hyper_happy_eyeballs::{ConnectError, HappyEyeballsConnector, HappyEyeballsLayer, MemoryHandle};
use tokio::time::{advance, timeout};
use tower::{Layer, ServiceExt};

use crate::fakes::{Attempts, Fate, Link, World, addresses, ms, tried, uri};
use crate::plan::Plan;
use crate::plan::Step::{self, Gate, Hangs, Progress, ShookHands, Takes};

type Dialled = Result<HappyEyeballsStream<Link>, ConnectError>;

/// A world with a dead IPv6 address and an IPv4 one that is 20 ms away.
fn broken_v6() -> World {
    World::new([("A4", Fate::Connects(20))])
}

fn remembering(world: &World) -> HappyEyeballsConnector<FixedResolver, Attempts> {
    remembers(world.dial("A6 A4"), &MemoryHandle::new())
}

fn remembers<R>(builder: Builder<R, Attempts>, memory: &MemoryHandle) -> HappyEyeballsConnector<R, Attempts> {
    builder.memory(memory.clone()).build().unwrap()
}

async fn dial(connector: &HappyEyeballsConnector<FixedResolver, Attempts>) -> Dialled {
    connector.clone().oneshot(uri()).await
}

/// How long a connect took, in milliseconds, and where its attempts went.
async fn course(connector: &HappyEyeballsConnector<FixedResolver, Attempts>) -> String {
    let stream = dial(connector).await.unwrap();
    format!("{} ms: {}", stream.info().elapsed().as_millis(), tried(stream.info().attempts()))
}

async fn courses(connector: &HappyEyeballsConnector<FixedResolver, Attempts>, connects: usize) -> Vec<String> {
    let mut courses = Vec::new();
    for _ in 0..connects {
        courses.push(course(connector).await);
        advance(ms(1000)).await;
    }
    courses
}

const PAID: &str = "270 ms: A6 A4";
const SPARED: &str = "20 ms: A4";

#[tokio::test(start_paused = true)]
async fn a_dead_address_costs_one_delay_and_another_when_its_mark_has_ended() {
    let connector = remembering(&broken_v6());
    let courses = courses(&connector, 10).await;
    assert_eq!(courses[0], PAID);
    assert_eq!(courses[1..], [SPARED; 9]);
    // The mark is 30 s from the end of the first connect. The delay of the probe follows the round trips of the network, but is not shorter than 250 ms.
    advance(ms(30_000)).await;
    assert_eq!(course(&connector).await, PAID, "its mark has ended, and it stands in its place again");
    advance(ms(59_000)).await;
    assert_eq!(course(&connector).await, SPARED, "the second mark is twice as long");
    advance(ms(2_000)).await;
    assert_eq!(course(&connector).await, PAID);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_has_answered_before_costs_two_delays() {
    let memory = MemoryHandle::new();
    let before = World::new([("A6", Fate::Connects(30)), ("A4", Fate::Connects(20))]);
    assert_eq!(course(&remembers(before.dial("A6 A4"), &memory)).await, "30 ms: A6");
    let connector = remembers(broken_v6().dial("A6 A4"), &memory);
    // A round trip of 30 ms makes a delay of 100 ms.
    assert_eq!(courses(&connector, 4).await, ["120 ms: A6 A4", "120 ms: A6 A4", SPARED, SPARED]);
}

#[tokio::test(start_paused = true)]
async fn the_record_says_what_was_known() {
    let connector = remembering(&broken_v6());
    let first = dial(&connector).await.unwrap();
    let [v6, v4] = first.info().attempts() else { panic!("{:?}", first.info()) };
    let configured = AttemptDelay::new(ms(250), DelayBasis::Configured);
    assert_eq!((v6.delay(), v4.delay()), (configured, configured));
    assert!(v6.demoted().is_none() && v4.demoted().is_none());
    advance(ms(10_000)).await;
    let second = dial(&connector).await.unwrap();
    let winner = second.info().winner();
    assert!(matches!(winner.delay().basis(), DelayBasis::Address { samples: 1, .. }), "{winner:?}");
    assert_eq!(winner.delay().length(), ms(100));
    assert!(format!("{winner:?}").contains("delay: 100 ms, from a round trip of 20 ms"), "{winner:?}");
    let untried = second.info().untried();
    let demoted = untried[0].demoted().unwrap();
    assert_eq!((demoted.left(), demoted.by()), (ms(20_000 - 20), DeadBy::Address));
    assert_eq!(untried[0].to_string(), "[2001:db8::a]:80 not reached (dead for another 20 s)");
}

#[tokio::test(start_paused = true)]
async fn a_demoted_address_is_tried_last_and_says_why_it_was() {
    let memory = MemoryHandle::new();
    course(&remembers(broken_v6().dial("A6 A4"), &memory)).await;
    let moved = World::new([("A6", Fate::Connects(5)), ("A4", Fate::Refuses(3))]);
    let stream = dial(&remembers(moved.dial("A6 A4"), &memory)).await.unwrap();
    assert_eq!(tried(stream.info().attempts()), "A4 A6", "it is demoted, not removed");
    assert_eq!(stream.info().attempts()[0].demoted(), None);
    assert_eq!(stream.info().winner().demoted().unwrap().to_string(), "dead for another 30 s");
    // It has answered: it is not dead.
    assert_eq!(course(&remembers(moved.dial("A6 A4"), &memory)).await, "5 ms: A6");
}

#[tokio::test(start_paused = true)]
async fn separate_answers_are_sorted_by_what_is_known() {
    let world = broken_v6();
    let memory = MemoryHandle::new();
    let answers = |at| world.resolver(Queries::ADDRESSES).aaaa(at, "A6").a(at, "A4").ends_at(at);
    let connector = remembers(world.dial_by(answers(0)), &memory);
    let first = connector.oneshot(uri()).await.unwrap();
    assert_eq!(tried(first.info().attempts()), "A6 A4");
    let second = remembers(world.dial_by(answers(world.elapsed())), &memory).oneshot(uri()).await.unwrap();
    assert_eq!(tried(second.info().attempts()), "A4");
    assert_eq!(second.info().untried()[0].demoted().unwrap().left(), ms(30_000 - 20));
}

#[tokio::test(start_paused = true)]
async fn clones_share_a_memory_and_connectors_do_not() {
    let world = broken_v6();
    let connector = remembering(&world);
    assert_eq!(course(&connector).await, PAID);
    assert_eq!(course(&connector.clone()).await, SPARED);
    assert_eq!(course(&remembering(&world)).await, PAID);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_learned_in_one_partition_is_known_in_another() {
    let (world, memory) = (broken_v6(), MemoryHandle::new());
    let of = |partition| remembers(world.dial("A6 A4"), &memory.partition(Partition::new(partition)));
    assert_eq!(course(&of(1)).await, PAID);
    assert_eq!(course(&of(2)).await, PAID);
    assert_eq!((course(&of(1)).await, course(&of(2)).await), (SPARED.into(), SPARED.into()));
    memory.partition(Partition::new(1)).clear();
    assert_eq!((course(&of(1)).await, course(&of(2)).await), (PAID.into(), SPARED.into()));
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_the_process_is_one_for_all_that_share_it() {
    let world = broken_v6();
    // Another test of this process would use another number.
    let partition = Partition::new(0x5ea1);
    let connector = || remembers(world.dial("A6 A4"), &MemoryHandle::shared(partition));
    assert_eq!((course(&connector()).await, course(&connector()).await), (PAID.into(), SPARED.into()));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_network_has_everything_forgotten_by_all_that_share_the_memory() {
    let (world, memory) = (broken_v6(), MemoryHandle::new());
    let [one, other] = [0; 2].map(|_| remembers(world.dial("A6 A4"), &memory));
    assert_eq!((course(&one).await, course(&other).await), (PAID.into(), SPARED.into()));
    one.network_changed();
    assert_eq!((course(&other).await, course(&one).await), (PAID.into(), SPARED.into()));
}

#[tokio::test(start_paused = true)]
async fn what_a_connect_shows_of_a_network_that_has_been_left_is_not_learned() {
    let connector = remembering(&broken_v6());
    let changed = async {
        tokio::time::sleep(ms(100)).await;
        connector.network_changed();
    };
    let (course_before, ()) = tokio::join!(course(&connector), changed);
    assert_eq!(course_before, PAID);
    assert_eq!(course(&connector).await, PAID, "nothing of the first is known");
    assert_eq!(course(&connector).await, SPARED);
}

#[tokio::test(start_paused = true)]
async fn attempts_of_ones_own_are_remembered_only_if_that_is_wanted() {
    let world = broken_v6();
    let connector = world.dial("A6 A4").build().unwrap();
    assert_eq!(courses(&connector, 3).await, [PAID; 3]);
    let layer = HappyEyeballsLayer::builder().resolver(FixedResolver::new().with("race.example", addresses("A6 A4")));
    let connector = layer.clone().layer().unwrap().layer(world.attempts());
    assert_eq!(courses(&connector, 3).await, [PAID; 3]);
    let connector = layer.memory(MemoryHandle::new()).layer().unwrap().layer(world.attempts());
    assert_eq!(courses(&connector, 3).await, [PAID, SPARED, SPARED]);
    let connector = remembers(world.dial("A6 A4"), &MemoryHandle::off());
    assert_eq!(courses(&connector, 3).await, [PAID; 3]);
}

#[tokio::test(start_paused = true)]
async fn delays_are_as_configured_if_they_are_not_to_be_learned() {
    let memory = MemoryHandle::new().learned_delay(false);
    let near = World::new([("A6", Fate::Connects(20)), ("A4", Fate::Connects(20))]);
    course(&remembers(near.dial("A6 A4"), &memory)).await;
    let connector = remembers(broken_v6().dial("A6 A4"), &memory);
    assert_eq!(courses(&connector, 3).await, [PAID, PAID, SPARED]);
}

/// How long a connect by `plan` took, and what its attempts did, the last time.
async fn course_of(plan: &Plan, names: &str, memory: &MemoryHandle) -> String {
    let connector = plan.dial(names).memory(memory.clone()).build().unwrap();
    let stream = connector.oneshot(uri()).await.unwrap();
    advance(ms(1000)).await;
    format!("{} ms: {}", stream.info().elapsed().as_millis(), tried(stream.info().attempts()))
}

#[tokio::test(start_paused = true)]
async fn the_time_of_handshakes_takes_the_place_of_what_attempts_say() {
    let slow: (&str, &[Step]) = ("A6", &[Takes(20), Progress(100), Takes(400), ShookHands("TLS 1.3")]);
    let plan = Plan::new([slow, ("A4", &[Takes(20), Progress(100), Takes(20)])]);
    for (memory, expected) in [
        (MemoryHandle::new(), "420 ms: A6"),
        (MemoryHandle::new().learned_delay(false), "290 ms: A6 A4"),
        (MemoryHandle::off(), "290 ms: A6 A4"),
    ] {
        for _ in 0..3 {
            assert_eq!(course_of(&plan, "A6", &memory).await, "420 ms: A6");
        }
        assert_eq!(course_of(&plan, "A6 A4", &memory).await, expected, "{memory:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_over_before_it_was_heard_of_teaches_nothing_of_handshakes() {
    let memory = MemoryHandle::new();
    let told = Plan::new([("A6", &[Takes(20), Progress(100), Takes(80)])]);
    let at_once = Plan::new([("A6", &[Takes(20), Progress(100)])]);
    course_of(&at_once, "A6", &memory).await;
    assert!(!format!("{memory:?}").contains("handshake"), "{memory:?}");
    course_of(&told, "A6", &memory).await;
    assert!(format!("{memory:?}").contains("of 2, handshake 80ms ± 40ms of 1, used"), "{memory:?}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_lost_at_the_gate_is_alive() {
    let memory = MemoryHandle::new();
    let plan = Plan::new([("A6", &[Takes(20), Gate(5000), Hangs]), ("A4", &[Takes(20)])]);
    assert_eq!(course_of(&plan, "A6 A4", &memory).await, "270 ms: A6 A4");
    // Its round trip is known, and its silence at the gate is none.
    for _ in 0..2 {
        assert_eq!(course_of(&plan, "A6 A4", &memory).await, "120 ms: A6 A4");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_connects_at_once_are_one_episode() {
    let memory = MemoryHandle::new();
    let before = World::new([("A6", Fate::Connects(30)), ("A4", Fate::Connects(20))]);
    course(&remembers(before.dial("A6 A4"), &memory)).await;
    let connector = remembers(broken_v6().dial("A6 A4"), &memory);
    for course in join_all((0..1000).map(|_| course(&connector))).await {
        // Every twentieth goes by the configured delay.
        assert!(["120 ms: A6 A4", PAID].contains(&&*course), "{course}");
    }
    advance(ms(1000)).await;
    assert_eq!(course(&connector).await, "120 ms: A6 A4", "it has answered before, and was silent once");
    assert_eq!(course(&connector).await, SPARED);
}

/// Each thread has a runtime and a clock of its own.
#[test]
fn sixty_four_threads_learn_from_each_other() {
    let memory = MemoryHandle::new();
    let on_a_runtime = |connects| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let connector = remembers(broken_v6().dial("A6 A4"), &memory);
            let mut courses = Vec::new();
            for _ in 0..connects {
                courses.push(course(&connector).await);
            }
            courses
        })
    };
    let courses: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(|| on_a_runtime(20))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(courses.len(), 64 * 20);
    // Whoever begins before the first has ended pays as well, and nobody pays twice.
    let paid = courses.iter().filter(|course| *course == PAID).count();
    assert!((1..=64).contains(&paid), "{paid}");
    assert_eq!(courses.iter().filter(|course| *course == SPARED).count(), courses.len() - paid);
    assert_eq!(on_a_runtime(1), [SPARED]);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_was_cancelled_or_lost_teaches_nothing_against_an_address() {
    let connector = remembering(&broken_v6());
    timeout(ms(260), course(&connector)).await.unwrap_err();
    assert_eq!(course(&connector).await, PAID);
    let memory = MemoryHandle::new();
    let dark = World::new([]);
    let lost = remembers(dark.dial("A6 A4").timeout(ms(1000)), &memory);
    dial(&lost).await.unwrap_err();
    assert_eq!(course(&remembers(broken_v6().dial("A6 A4"), &memory)).await, PAID);
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_teaches_nothing() {
    let world = World::new([("A6", Fate::SendsNothing(0)), ("A4", Fate::Connects(20))]);
    let connector = remembering(&world);
    assert_eq!(courses(&connector, 2).await, ["20 ms: A6 A4"; 2]);
    let refused = World::new([("A6", Fate::Refuses(5)), ("A4", Fate::Connects(20))]);
    let connector = remembering(&refused);
    assert_eq!(courses(&connector, 2).await, ["30 ms: A6 A4", SPARED]);
}

#[tokio::test(start_paused = true)]
async fn loopback_addresses_are_never_remembered() {
    let world = World::new([("L6", Fate::Refuses(0)), ("L4", Fate::Connects(1))]);
    let memory = MemoryHandle::new();
    let connector = remembers(world.dial("L6 L4"), &memory);
    assert_eq!(courses(&connector, 3).await, ["1 ms: L6 L4"; 3]);
    assert!(format!("{memory:?}").contains("addresses: []"), "{memory:?}");
}

#[tokio::test(start_paused = true)]
async fn debug_is_readable() {
    let memory = MemoryHandle::new();
    course(&remembers(broken_v6().dial("A6 A4"), &memory)).await;
    let text = format!("{memory:?}");
    assert!(text.contains("192.0.2.10 from an unknown source: 20ms ± 10ms of 1"), "{text}");
    assert!(text.contains("2001:db8::a from an unknown source: never answered, outlasted 1, dead for 30s"), "{text}");
    assert_eq!(format!("{:?}", MemoryHandle::off()), "MemoryHandle(off)");
}

#[tokio::test(start_paused = true)]
async fn a_connector_says_how_much_it_remembers_and_not_what() {
    let memory = MemoryHandle::new().learned_delay(false);
    let builder = broken_v6().dial("A6 A4").memory(memory.clone());
    let connector = builder.clone().build().unwrap();
    course(&connector).await;
    for text in [format!("{connector:?}"), format!("{builder:?}")] {
        assert!(text.contains("MemoryHandle { addresses: 2, learned_delay: false, .. }"), "{text}");
    }
    let off = broken_v6().dial("A6 A4").memory(MemoryHandle::off()).build().unwrap();
    assert!(format!("{off:?}").contains("memory: MemoryHandle(off)"), "{off:?}");
}
