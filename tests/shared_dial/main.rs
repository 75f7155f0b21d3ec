//! One dial for all requests that wait for a connection to an origin whose protocol is negotiated, and for its streams, in virtual time.
#![cfg(feature = "http2")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "requests are tasks of their own")]

#[path = "../support/exchange_runs.rs"]
mod exchange_runs;
#[path = "../support/memory.rs"]
#[allow(dead_code, reason = "the connector is that of an origin")]
mod memory;
mod origin;
mod over_tls;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls/mod.rs"]
mod tls;

use std::time::Duration;

use futures_util::future::join_all;
use hyper_happy_eyeballs::client::Builder;
use tokio::time::{Instant, sleep, timeout};

use self::exchange_runs::times;
use self::origin::{Alpn, Answer, Dial, Origin, client, get, get_from, post};

const H2: Dial = Dial::Connects(Alpn::H2);
const HTTP1: Dial = Dial::Connects(Alpn::Http1);

/// How often each burst is tried; the environment variable `EXCHANGE_REPEAT` multiplies it.
const TIMES: usize = 20;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn answers(requests: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    join_all(requests).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(start_paused = true)]
async fn a_burst_to_a_server_of_http2_makes_one_connection() {
    for takes in [0, 30] {
        let origin = Origin::new(ms(takes), [H2]);
        let client = client(&origin);
        let requests = (0..100).map(|_| get(&client)).collect();
        let begun = Instant::now();
        for answer in answers(requests).await {
            assert_eq!(answer.unwrap(), "1");
        }
        assert!(begun.elapsed() <= ms(takes + 5), "{:?}", begun.elapsed());
        assert_eq!(origin.dials(), 1);
        let total = client.pool_statistics().total;
        assert_eq!((total.idle, total.in_use, total.dialing, total.slots), (1, 0, 0, 100), "{total:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_to_a_server_of_http1_dials_as_soon_as_that_is_known() {
    for takes in [0, 30] {
        for _ in 0..times(TIMES) {
            let origin = Origin::new(ms(takes), [HTTP1]).answers_after(ms(1000));
            let client = client(&origin);
            let requests = (0..100).map(|_| get(&client)).collect();
            let begun = Instant::now();
            if takes > 0 {
                sleep(ms(1)).await;
                let total = client.pool_statistics().total;
                assert_eq!((total.dialing, total.probing, total.waiting), (1, 1, 100), "{total:?}");
            }
            assert!(answers(requests).await.iter().all(Result::is_ok));
            let direct = takes + 1000;
            let elapsed = begun.elapsed();
            assert!((ms(direct)..ms(direct + takes + 5)).contains(&elapsed), "one dial more than direct: {elapsed:?}");
            assert_eq!(origin.dials(), 100);
            // All others dial before a request is written on the connection that showed it.
            let events = origin.events();
            let write = events.iter().position(|event| event == "write on 1").unwrap();
            assert_eq!(events[..write].iter().filter(|event| event.starts_with("dial")).count(), 100);
            // It is known from then on.
            let more = (0..200).map(|_| get(&client)).collect();
            tokio::task::yield_now().await;
            sleep(ms(1)).await;
            let total = client.pool_statistics().total;
            let dialing = if takes > 0 { 100 } else { 0 };
            assert_eq!((total.dialing, total.probing, total.waiting), (dialing, 0, 0), "{total:?}");
            assert!(answers(more).await.iter().all(Result::is_ok));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_late_binding_those_that_dial_after_all_take_a_connection_that_is_free_before() {
    let origin = Origin::new(ms(30), [HTTP1]);
    let client = Builder::new().late_binding(true).build(origin.clone()).unwrap();
    let requests = (0..10).map(|_| get(&client)).collect();
    let begun = Instant::now();
    for answer in answers(requests).await {
        assert_eq!(answer.unwrap(), "1");
    }
    // Their own connections come after 60 ms.
    assert!(begun.elapsed() < ms(60), "{:?}", begun.elapsed());
    assert_eq!(origin.dials(), 10);
}

#[tokio::test(start_paused = true)]
async fn whoever_began_a_dial_may_go_and_it_goes_on() {
    let origin = Origin::new(ms(50), [H2]);
    let client = client(&origin);
    let first = get(&client);
    sleep(ms(10)).await;
    let others = (0..4).map(|_| get(&client)).collect();
    sleep(ms(10)).await;
    first.abort();
    let begun = Instant::now();
    assert!(answers(others).await.iter().all(Result::is_ok));
    assert!(begun.elapsed() <= ms(40), "{:?}", begun.elapsed());
    assert_eq!((origin.dials(), origin.dropped()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_nobody_waits_for_is_given_up() {
    let origin = Origin::new(ms(50), [H2]);
    let client = client(&origin);
    let requests: Vec<_> = (0..5).map(|_| get(&client)).collect();
    sleep(ms(10)).await;
    for request in &requests {
        request.abort();
    }
    sleep(ms(5)).await;
    assert_eq!((origin.dials(), origin.dropped()), (1, 1));
    assert_eq!(client.pool_statistics().total, Default::default());
    assert_eq!(get(&client).await.unwrap().unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_is_given_up_in_the_middle_of_its_first_words_leaves_nothing() {
    let origin = Origin::new(ms(10), [Dial::ReadsNothing, H2]);
    let client = client(&origin);
    let request = get(&client);
    sleep(ms(50)).await;
    assert_eq!(client.pool_statistics().total.waiting, 1);
    request.abort();
    sleep(ms(5)).await;
    assert_eq!(client.pool_statistics(), Default::default());
    assert_eq!(get(&client).await.unwrap().unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn all_that_wait_for_a_dial_have_its_error() {
    let origin = Origin::new(ms(100), [Dial::Fails, H2]);
    let client = client(&origin);
    let requests = (0..20).map(|_| get(&client)).collect();
    let begun = Instant::now();
    let answers = answers(requests).await;
    assert!(begun.elapsed() <= ms(105), "{:?}", begun.elapsed());
    for answer in &answers {
        let error = answer.as_ref().unwrap_err();
        assert!(error.is_connect() && error.may_retry(), "{error}");
        assert_eq!(error.to_string(), answers[0].as_ref().unwrap_err().to_string());
        assert!(format!("{error:?}").contains("refused"), "{error:?}");
    }
    assert_eq!(origin.dials(), 1);
    assert_eq!(client.pool_statistics().total, Default::default());
    // Who comes later dials anew.
    assert_eq!(get(&client).await.unwrap().unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn beside_a_dial_that_hangs_there_is_a_second_one_and_no_third() {
    let origin = Origin::new(ms(20), [H2, Dial::Hangs, H2, Dial::Hangs]);
    let client = client(&origin);
    assert_eq!(get_from(&client, "https://other.example/").await.unwrap().unwrap(), "1");
    // It is known that a dial can take 20 ms.
    let begun = Instant::now();
    let first = get(&client);
    sleep(ms(250)).await;
    let second = get(&client);
    assert_eq!(answers(vec![first, second]).await.into_iter().map(Result::unwrap).collect::<Vec<_>>(), ["3", "3"]);
    assert_eq!(begun.elapsed().as_millis() / 10, 34);
    tokio::task::yield_now().await;
    assert_eq!((origin.dials(), origin.dropped()), (3, 1), "the first is given up");
    // Where both hang, there is no third.
    let hang = Origin::new(ms(20), [Dial::Hangs]);
    let client = origin::client(&hang);
    let request = get(&client);
    assert!(timeout(ms(60_000), request).await.is_err());
    assert_eq!(hang.dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_dial_may_fail_and_the_first_is_still_waited_for() {
    for (dials, expected) in [([H2, Dial::Fails], Some("1")), ([Dial::Fails, H2], Some("2")), ([Dial::Fails; 2], None)]
    {
        let origin = Origin::new(ms(1500), dials);
        let client = client(&origin);
        let answers = answers((0..3).map(|_| get(&client)).collect()).await;
        for answer in answers {
            assert_eq!(answer.as_deref().ok(), expected, "{:?}", origin.log());
        }
        assert_eq!(origin.dials(), 2, "{:?}", origin.log());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_speaks_is_corrected_by_each_connection() {
    let origin = Origin::new(ms(20), [H2, HTTP1, H2]);
    let client = Builder::new().idle_timeout(ms(1000)).build(origin.clone()).unwrap();
    for expected in [1, 2, 3] {
        for answer in answers((0..3).map(|_| get(&client)).collect()).await {
            assert!(answer.unwrap().parse::<usize>().unwrap() >= expected);
        }
        sleep(ms(2000)).await;
        if expected == 2 {
            break;
        }
    }
    // HTTP/2, then HTTP/1.1: one request each on the first of its connections, and two more of that.
    assert_eq!(origin.dials(), 4, "{:?}", origin.log());
    // A server that was known for HTTP/1.1, and speaks HTTP/2 now, is known for that after one connection.
    assert!(answers((0..3).map(|_| get(&client)).collect()).await.iter().all(Result::is_ok));
    sleep(ms(2000)).await;
    let before = origin.dials();
    assert!(answers((0..3).map(|_| get(&client)).collect()).await.iter().all(Result::is_ok));
    assert_eq!(origin.dials(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn where_streams_are_used_up_there_is_a_second_connection_unless_that_is_switched_off() {
    for (most, connections, half_seconds) in [(4, 2, 4), (1, 1, 6)] {
        let origin = Origin::new(ms(20), [H2]).max_streams(1).answers_after(ms(2000));
        let client = Builder::new().http2_max_connections_per_host(most).build(origin.clone()).unwrap();
        let first = get(&client);
        sleep(ms(1000)).await;
        let begun = Instant::now();
        assert!(get(&client).await.unwrap().is_ok() && first.await.unwrap().is_ok());
        assert_eq!(begun.elapsed().as_millis() / 500, half_seconds);
        assert_eq!((origin.dials(), origin.most_open()), (connections, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn where_requests_are_given_up_no_connection_ever_has_more_streams_than_its_server_allows() {
    let origin = Origin::new(ms(20), [H2]).max_streams(5).answers_after(ms(10));
    let client = client(&origin);
    let requests: Vec<_> = (0..200).map(|_| get(&client)).collect();
    let (given_up, waited_for): (Vec<_>, Vec<_>) = requests.into_iter().enumerate().partition(|(at, _)| at % 4 == 3);
    assert_eq!(given_up.len(), 50);
    let give_up = async {
        for (at, request) in given_up {
            sleep(ms(at as u64 % 7)).await;
            request.abort();
        }
    };
    let answered = answers(waited_for.into_iter().map(|(_, request)| request).collect());
    let ((), answers) = tokio::join!(give_up, answered);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 150, "{answers:?}");
    assert!(origin.most_open() <= 5 && origin.dials() <= 4, "{} {}", origin.most_open(), origin.dials());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_http1_has_it_at_once_the_next_time() {
    let origin = Origin::new(ms(20), [Dial::AsksForHttp1, HTTP1]);
    let client = client(&origin);
    assert_eq!(post(&client).await.unwrap().unwrap(), "2");
    assert_eq!(post(&client).await.unwrap().unwrap(), "2");
    assert_eq!(origin.dials(), 2);
    // Not where the client was told that it speaks HTTP/2.
    let origin = Origin::new(ms(20), [Dial::AsksForHttp1, HTTP1]);
    let client = Builder::new().http2_prior_knowledge(true).build(origin.clone()).unwrap();
    let error = post(&client).await.unwrap().unwrap_err();
    assert_eq!((error.http2_reason(), origin.dials()), (Some(0xd), 1));
}

#[tokio::test(start_paused = true)]
async fn on_a_path_that_is_dead_nothing_new_is_begun_and_what_was_begun_is_sent_again() {
    let origin = Origin::new(ms(20), [H2]);
    let client = client(&origin);
    assert_eq!(get(&client).await.unwrap().unwrap(), "1");
    origin.falls_silent();
    let begun = Instant::now();
    let (first, lost) = (get(&client), post(&client));
    // It is asked when a second has gone by in which nothing came, and two seconds later it is not trusted.
    sleep(ms(4100)).await;
    let second = get(&client);
    assert_eq!(second.await.unwrap().unwrap(), "2");
    assert!(begun.elapsed() < ms(4200), "{:?}", begun.elapsed());
    assert_eq!(first.await.unwrap().unwrap(), "2");
    assert_eq!(begun.elapsed().as_millis() / 100, 170);
    let error = lost.await.unwrap().unwrap_err();
    assert!(error.is_timeout() && error.is_closed_before_response() && !error.may_retry(), "{error:?}");
    assert_eq!(origin.dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_its_time_is_waited_for() {
    let origin = Origin::new(ms(20), [H2]).answers_after(ms(600_000));
    let client = client(&origin);
    assert_eq!(get(&client).await.unwrap().unwrap(), "1");
    // It is asked again for each further request.
    assert_eq!(get(&client).await.unwrap().unwrap(), "1");
    // The client sends no PING, so a silent server is never noticed.
    let origin = Origin::new(ms(20), [H2]).answers_after(ms(60_000));
    let client = Builder::new().http2_ping_timeout(None).build(origin.clone()).unwrap();
    let request = get(&client);
    sleep(ms(100)).await;
    origin.falls_silent();
    assert!(timeout(ms(900_000), request).await.is_err());
}

#[test]
fn a_dial_of_a_runtime_that_is_not_driven_is_waited_for_by_nobody_else() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let origin = first.block_on(async { Origin::new(ms(50), [H2]) });
    let client = client(&origin);
    let held = {
        let _in_the_first = first.enter();
        get(&client)
    };
    first.block_on(async { sleep(ms(5)).await });
    // The first one is not driven.
    let answer = second.block_on(async { timeout(ms(10_000), get(&client)).await });
    assert_eq!(answer.unwrap().unwrap().unwrap(), "2");
    assert_eq!(first.block_on(held).unwrap().unwrap(), "1");
    assert_eq!(origin.dials(), 2);
}
