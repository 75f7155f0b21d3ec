//! Tests: how many look-ups run at a time, and who waits for whom.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};

use super::*;
use crate::resolve::Epoch;
use crate::test_support::some_instant;

#[tokio::test]
async fn a_thousand_at_one_time_are_one_look_up_for_each_family() {
    let (release, released) = mpsc::channel::<()>();
    let (released, looked_up) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&looked_up);
    let resolver = resolver(move |_, query| {
        counted.fetch_add(1, Ordering::Relaxed);
        // Blocks until all callers have asked.
        released.lock().unwrap().recv().unwrap();
        answer(query)
    });
    let all: Vec<GaiAnswers> = (0..1000).map(|_| ask(&resolver)).collect();
    release.send(()).unwrap();
    release.send(()).unwrap();
    for answers in all {
        let answers: Vec<Said> = answers.collect().await;
        assert!(answers.len() == 2 && answers.iter().all(Result::is_ok), "{answers:?}");
    }
    assert_eq!(looked_up.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_name_that_never_answers_keeps_two_threads_and_no_other_name_waiting() {
    let (release, released) = mpsc::channel::<()>();
    let (released, blocked) = (Arc::new(Mutex::new(released)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&blocked);
    let resolver = resolver(move |host, query| {
        if host == "stuck.example" {
            counted.fetch_add(1, Ordering::Relaxed);
            released.lock().unwrap().recv().unwrap_err();
        }
        answer(query)
    })
    .with_max_threads(3);
    for _ in 0..100 {
        // Each race is dropped, and the next one asks again.
        drop(ask_for(&resolver, "stuck.example"));
    }
    for _ in 0..10 {
        assert_eq!(ask(&resolver).count().await, 2);
    }
    assert!(blocked.load(Ordering::Relaxed) <= 2);
    drop(release);
}

#[test]
fn a_runtime_is_shut_down_though_a_look_up_never_ends() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (begun, begins) = mpsc::channel();
    let resolver = resolver(move |_, query| {
        begun.send(()).unwrap();
        released.lock().unwrap().recv().unwrap_err();
        answer(query)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut answers = ask(&resolver);
        begins.recv().unwrap();
        assert!(answers.next().now_or_never().is_none());
    });
    // If the runtime waited for the thread, this would not end.
    drop(runtime);
    drop(release);
}

/// Resolves `healthy.example`, and lets the look-ups of any other name wait until `release` is dropped.
fn stuck_beside_healthy() -> (GaiResolver, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let (release, released) = mpsc::channel::<()>();
    let (released, stuck) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&stuck);
    let resolver = resolver(move |host, query| {
        if host != "healthy.example" {
            counted.fetch_add(1, Ordering::Relaxed);
            released.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv().unwrap_err();
        }
        answer(query)
    });
    (resolver, release, stuck)
}

#[tokio::test]
async fn hundreds_of_stuck_names_keep_no_healthy_name_waiting() {
    for count in [200, 300] {
        let (mut resolver, release, stuck) = stuck_beside_healthy();
        let names = (0..count).map(|n| resolver.call(format!("{n}.example").as_str().into()));
        let waiting = futures_util::future::join_all(names).await;
        // If it had to wait for a stuck call, it would never answer.
        for _ in 0..10 {
            let answers = call(&mut resolver, "healthy.example").await;
            assert!(answers.into_parts().2.unwrap().all(|said| std::future::ready(said.is_ok())).await);
        }
        assert!(stuck.load(Ordering::Relaxed) <= MAX_THREADS);
        drop((release, waiting));
    }
}

#[tokio::test]
async fn a_name_that_has_answered_does_not_wait_for_any_number_of_stuck_names() {
    let (mut resolver, release, _) = stuck_beside_healthy();
    let answers = call(&mut resolver, "healthy.example").await;
    assert!(answers.into_parts().2.unwrap().count().await > 0);
    let waiting: Vec<_> = (0..2_000).map(|n| resolver.call(format!("{n}.example").as_str().into())).collect();
    let answers = call(&mut resolver, "healthy.example").await;
    assert!(answers.into_parts().2.unwrap().all(|said| std::future::ready(said.is_ok())).await);
    drop(release);
    drop(waiting);
}

#[tokio::test]
async fn a_stuck_call_of_a_name_that_has_answered_is_made_again_and_its_answer_is_for_all() {
    let now = Arc::new(Mutex::new(some_instant()));
    let (release, released) = mpsc::channel::<()>();
    let (released, looked_up) = (Arc::new(Mutex::new(released)), Arc::new(AtomicUsize::new(0)));
    let system = StuckOnce { now: Arc::clone(&now), released, looked_up: Arc::clone(&looked_up) };
    let resolver = GaiResolver::over(system);
    let families = Families::V4Only;
    assert!(ask_in(&resolver, "www.example", families).next().await.unwrap().is_ok());
    // The second call is stuck.
    let mut stuck = ask_in(&resolver, "www.example", families);
    while looked_up.load(Ordering::Relaxed) < 2 {
        std::thread::yield_now();
    }
    *now.lock().unwrap() += Duration::from_millis(99);
    let mut joined = ask_in(&resolver, "www.example", families);
    assert_eq!(looked_up.load(Ordering::Relaxed), 2);
    assert!(joined.next().now_or_never().is_none());
    *now.lock().unwrap() += Duration::from_millis(1);
    let mut fresh = ask_in(&resolver, "www.example", families);
    for answers in [&mut stuck, &mut joined, &mut fresh] {
        assert!(answers.next().await.unwrap().is_ok());
    }
    assert_eq!(looked_up.load(Ordering::Relaxed), 3);
    drop(release);
}

/// A mock system whose second look-up blocks until `released` is closed. The test sets its clock.
struct StuckOnce {
    now: Arc<Mutex<Instant>>,
    released: Arc<Mutex<mpsc::Receiver<()>>>,
    looked_up: Arc<AtomicUsize>,
}

impl System for StuckOnce {
    fn plan(&self, host: &str) -> Plan {
        plan::plan(host, plan::Files::default())
    }

    fn look_up(&self, _: &str, query: Query) -> Said {
        if self.looked_up.fetch_add(1, Ordering::Relaxed) == 1 {
            self.released.lock().unwrap().recv().unwrap_err();
        }
        answer(query)
    }

    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }
}

#[tokio::test]
async fn a_look_up_whose_race_is_gone_is_not_made() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let resolver = resolver(move |host, query| {
        assert_ne!(host, "gone.example");
        if host == "first.example" {
            released.lock().unwrap().recv().unwrap();
        }
        answer(query)
    })
    .with_max_threads(1);
    let first = ask_for(&resolver, "first.example");
    drop(ask_for(&resolver, "gone.example"));
    let last = ask_for(&resolver, "last.example");
    release.send(()).unwrap();
    release.send(()).unwrap();
    assert_eq!(first.count().await, 2);
    assert_eq!(last.filter(|said| std::future::ready(said.is_ok())).count().await, 2);
    // The call that nobody waits for was skipped: otherwise the only thread would have made it before this one.
    assert!(!resolver.look_ups.is_under_way(&"gone.example".into(), Query::A));
}

#[tokio::test]
async fn a_look_up_from_before_a_change_of_the_network_is_joined_by_nobody_who_has_heard_of_it() {
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let released = Mutex::new(Some(released));
    let resolver = resolver(move |_, query| {
        begin.send(()).unwrap();
        let stuck = released.lock().unwrap().take();
        if let Some(released) = stuck {
            released.recv().unwrap();
        }
        answer(query)
    });
    let landing = |epoch| resolver.look_ups.start(&Name::from("db").with_epoch(epoch), Query::List);
    let [first, second] = [Epoch::begin(), Epoch::begin()];
    let stuck = landing(first);
    begun.recv().unwrap();
    let joined = landing(first);
    // It does not wait for the stuck call.
    assert!(landing(second).await.is_some_and(|said| said.is_ok()));
    release.send(()).unwrap();
    assert!(stuck.await.is_some_and(|said| said.is_ok()) && joined.await.is_some_and(|said| said.is_ok()));
    assert_eq!(begun.try_iter().count(), 1, "one call more than the first");
}
