//! Which of several servers is asked, and when a query is sent again.

use std::time::Duration;

use hyper_happy_eyeballs::race::Families;
use hyper_happy_eyeballs::resolve::HickoryResolver;
use hyper_happy_eyeballs::resolve::hickory_resolver::config::{ResolverConfig, ResolverOpts, ServerOrderingStrategy};

use crate::server::{A, AAAA, Dns, Reply, SERVERS, a, aaaa, notimp, nxdomain, refused, servfail, silence};
use crate::{config, options, resolve, resolver_with, said};

/// A resolver with these servers, that asks for IPv4 alone.
fn of_servers(servers: &[&Dns], options: ResolverOpts) -> HickoryResolver {
    let servers = servers.iter().map(|server| config(server.address()).name_servers.remove(0)).collect();
    let config = ResolverConfig::from_name_servers(servers);
    HickoryResolver::with_config(config, options).unwrap().families(Families::V4Only)
}

fn short(milliseconds: u64) -> ResolverOpts {
    let mut options = options();
    options.timeout = Duration::from_millis(milliseconds);
    options.attempts = 0;
    options
}

fn knowing(first: Reply) -> [Dns; 2] {
    [
        Dns::start([("race.example", A, first), ("other.example", A, a("192.0.2.3").ttl(0))]),
        Dns::start([("race.example", A, a("192.0.2.2").ttl(0)), ("other.example", A, a("192.0.2.4").ttl(0))]),
    ]
}

#[tokio::test]
async fn the_first_server_is_believed_while_it_answers() {
    for reply in [a("192.0.2.1").ttl(0), nxdomain()] {
        let [first, second] = knowing(reply.clone());
        let resolver = of_servers(&[&first, &second], options());
        let expected = said(&resolve(&resolver, "race.example").await);
        assert!(["A 192.0.2.1", "A NXDOMAIN"].contains(&expected[0].as_str()), "{expected:?}");
        for _ in 0..200 {
            assert_eq!(said(&resolve(&resolver, "race.example").await), expected);
        }
        assert!(second.asked().is_empty(), "{:?}", second.asked());
    }
}

#[tokio::test]
async fn a_slow_first_server_is_believed() {
    let [first, second] = knowing(a("192.0.2.1").after(1_000));
    let resolver = of_servers(&[&first, &second], options());
    assert_eq!(said(&resolve(&resolver, "race.example").await), ["A 192.0.2.1"]);
    assert!(second.asked().is_empty(), "{:?}", second.asked());
}

#[tokio::test]
async fn a_server_that_cannot_answer_leaves_it_to_the_next() {
    for reply in [servfail(), refused(), notimp()] {
        let [first, second] = knowing(reply);
        let resolver = of_servers(&[&first, &second], options());
        assert_eq!(said(&resolve(&resolver, "race.example").await), ["A 192.0.2.2"]);
        // The first server can answer for another name.
        assert_eq!(said(&resolve(&resolver, "other.example").await), ["A 192.0.2.3"]);
    }
}

#[tokio::test]
async fn a_server_that_is_silent_is_left_and_not_waited_for_again() {
    let first = Dns::start([("race.example", A, silence()), ("other.example", A, silence()), ("", SERVERS, silence())]);
    let [_, second] = knowing(silence());
    // The first look-up waits for the first server, and nothing else could end the test in time if the next one did.
    let resolver = of_servers(&[&first, &second], short(2_000));
    assert_eq!(said(&resolve(&resolver, "race.example").await), ["A 192.0.2.2"]);
    let asked = first.asked();
    for _ in 0..50 {
        assert_eq!(said(&resolve(&resolver, "other.example").await), ["A 192.0.2.4"]);
    }
    assert_eq!(first.asked(), asked, "it was not waited for");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_server_that_is_not_there_is_left_at_once() {
    let [_, second] = knowing(silence());
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = [closed, second.address()].map(|address| config(address).name_servers.remove(0));
    // A time-out longer than the test.
    let config = ResolverConfig::from_name_servers(servers.into());
    let resolver = HickoryResolver::with_config(config, short(3_600_000)).unwrap().families(Families::V4Only);
    assert_eq!(said(&resolve(&resolver, "race.example").await), ["A 192.0.2.2"]);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_single_server_that_is_not_there_is_an_error_before_its_time_is_over() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let resolver = HickoryResolver::with_config(config(closed), short(3_600_000)).unwrap();
    let answers = resolve(&resolver, "race.example").await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| !error.is_negative())), "{answers:?}");
}

#[tokio::test]
async fn a_server_that_is_silent_for_one_name_stays_the_first_for_others() {
    let [first, second] = knowing(silence());
    let resolver = of_servers(&[&first, &second], short(1_000));
    assert_eq!(said(&resolve(&resolver, "race.example").await), ["A 192.0.2.2"]);
    assert_eq!(said(&resolve(&resolver, "other.example").await), ["A 192.0.2.3"]);
    assert!(!second.asked().contains(&"other.example A".to_owned()));
}

#[tokio::test]
async fn of_servers_that_all_fail_the_one_that_said_so_is_told() {
    let [first, second] = [refused(), silence()].map(|reply| Dns::start([("race.example", A, reply)]));
    let resolver = of_servers(&[&first, &second], short(300));
    assert_eq!(said(&resolve(&resolver, "race.example").await), ["A REFUSED"]);
}

#[tokio::test]
async fn servers_take_turns_if_they_are_to() {
    let [first, second] = knowing(a("192.0.2.1").ttl(0));
    let mut options = options();
    options.server_ordering_strategy = ServerOrderingStrategy::RoundRobin;
    let resolver = of_servers(&[&first, &second], options);
    for expected in ["A 192.0.2.1", "A 192.0.2.2", "A 192.0.2.1", "A 192.0.2.2"] {
        assert_eq!(said(&resolve(&resolver, "race.example").await), [expected]);
    }
}

#[tokio::test]
async fn a_query_whose_packets_are_lost_is_sent_again_while_its_server_is_there() {
    let dns = Dns::start([
        ("other.example", A, a("192.0.2.2")),
        ("race.example", AAAA, aaaa("2001:db8::1")),
        // hickory itself sends three.
        ("race.example", A, a("192.0.2.1").after_losses(4)),
    ]);
    // Longer than the test.
    let resolver = resolver_with(&dns, short(3_600_000));
    resolve(&resolver, "other.example").await;
    let mut answers = said(&resolve(&resolver, "race.example").await);
    answers.sort();
    assert_eq!(answers, ["A 192.0.2.1", "AAAA 2001:db8::1"]);
}
