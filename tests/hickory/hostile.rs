//! Hostile and meaningless answers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use hyper_happy_eyeballs::race::{Families, UntriedReason};
use hyper_happy_eyeballs::resolve::{HickoryResolver, QueryErrorKind};

use crate::server::{A, AAAA, Dns, a, aaaa, cname, cname_data, nodata};
use crate::{config, connect, connecting, options, resolver, tried, trying_all};

const URI: &str = "http://race.example/";

#[tokio::test]
async fn a_chain_of_cname_records_is_followed() {
    let dns = Dns::start([
        ("race.example", AAAA, cname("b.example")),
        ("race.example", A, cname("b.example")),
        ("b.example", AAAA, cname("c.example").with("c.example", "2001:db8::1".parse().map(aaaa_data).unwrap())),
        ("b.example", A, cname("c.example")),
        ("c.example", AAAA, aaaa("2001:db8::1")),
        ("c.example", A, a("192.0.2.1")),
    ]);
    let error = connect(trying_all(resolver(&dns)), URI).await.unwrap_err();
    assert_eq!(tried(error.attempts()), ["[2001:db8::1]:80", "192.0.2.1:80"]);
}

fn aaaa_data(address: std::net::Ipv6Addr) -> hickory_server::proto::rr::RData {
    hickory_server::proto::rr::RData::AAAA(address.into())
}

#[tokio::test]
async fn a_chain_of_cname_records_without_end_is_a_failure() {
    let to_itself = || cname("race.example");
    let in_one_answer = || cname("b.example").with("b.example", cname_data("race.example"));
    let one_by_one = || cname("b.example");
    for reply in [to_itself, in_one_answer, one_by_one] {
        let dns = Dns::start([
            ("race.example", AAAA, reply()),
            ("race.example", A, reply()),
            ("race.example", crate::server::CNAMES, reply()),
            ("b.example", AAAA, cname("race.example")),
            ("b.example", A, cname("race.example")),
            ("b.example", crate::server::CNAMES, cname("race.example")),
        ]);
        let error = connect(connecting(resolver(&dns)), URI).await.unwrap_err();
        assert!(error.is_dns() && !error.is_timeout(), "{error}");
        assert!(error.to_string().starts_with("could not resolve race.example: the look-up failed ("), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "the chain of CNAME records does not end");
        assert!(dns.asked().len() < 40, "{:?}", dns.asked());
    }
}

#[tokio::test]
async fn an_alias_without_addresses_is_no_endless_chain() {
    for reply in [nodata(), nodata().without_soa()] {
        let dns = Dns::start([
            ("race.example", AAAA, cname("b.example")),
            ("race.example", A, cname("b.example")),
            ("b.example", AAAA, reply.clone()),
            ("b.example", A, reply.clone()),
            ("b.example", crate::server::CNAMES, reply),
        ]);
        let error = connect(connecting(resolver(&dns)), URI).await.unwrap_err();
        assert_eq!(error.to_string(), "could not resolve race.example: the name has no addresses");
    }
}

#[tokio::test]
async fn of_four_thousand_addresses_a_thousand_are_used() {
    let mut config = config(server_of_many_addresses(4000));
    config.name_servers[0].connections.remove(0);
    let resolver = HickoryResolver::with_config(config, options()).unwrap().families(Families::V4Only);
    let error = connect(trying_all(resolver), URI).await.unwrap_err();
    assert_eq!(error.attempts().len(), 1024, "{error}");
    let untried = error.untried();
    assert_eq!(untried.len(), 2976);
    assert!(untried.iter().all(|untried| untried.reason() == UntriedReason::OverLimit));
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa("2001:db8::1").truncated_over_udp()),
        ("race.example", A, a("192.0.2.1")),
    ]);
    let connection = connect(connecting(resolver(&dns)).resolution_delay(Duration::from_secs(20)), URI).await.unwrap();
    assert_eq!(tried(connection.info().attempts()), ["[2001:db8::1]:80"]);
    let aaaa = dns.asked().iter().filter(|asked| *asked == "race.example AAAA").count();
    assert_eq!(aaaa, 2);
}

#[tokio::test]
async fn addresses_that_nothing_can_be_reached_at_are_skipped() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa(":: ff02::1 fe80::1 2001:db8::1")),
        ("race.example", A, a("0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.1")),
    ]);
    let error = connect(trying_all(resolver(&dns)), URI).await.unwrap_err();
    assert_eq!(tried(error.attempts()), ["[2001:db8::1]:80", "192.0.2.1:80"]);
    let mut skipped: Vec<_> = error
        .untried()
        .iter()
        .map(|untried| format!("{} {:?}", untried.endpoint().address().ip(), untried.reason()))
        .collect();
    skipped.sort();
    assert_eq!(
        skipped,
        [
            "0.0.0.0 Unspecified",
            "224.0.0.1 Multicast",
            "255.255.255.255 Multicast",
            ":: Unspecified",
            "fe80::1 NoScope",
            "ff02::1 Multicast",
        ]
    );
}

#[tokio::test]
async fn an_address_that_comes_twice_is_tried_once() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa("2001:db8::1 ::ffff:192.0.2.1 2001:db8::1")),
        ("race.example", A, a("192.0.2.1 192.0.2.1")),
    ]);
    let error = connect(trying_all(resolver(&dns)), URI).await.unwrap_err();
    assert_eq!(tried(error.attempts()), ["[2001:db8::1]:80", "192.0.2.1:80"]);
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for (garbage, kind) in [
        // Anybody may have sent this answer, so it is ignored.
        (&[0xff; 40][..], QueryErrorKind::TimedOut),
        (&[], QueryErrorKind::TimedOut),
    ] {
        assert_eq!(kind_of_garbage(move |_| garbage.to_vec()).await, kind);
    }
    // The answer has the number of the query. The rest cannot be parsed.
    let numbered = |query: &[u8]| [&query[..2], &[0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    assert_eq!(kind_of_garbage(numbered).await, QueryErrorKind::Other);
    // The answer to another question.
    let other = |query: &[u8]| {
        let mut answer = query.to_vec();
        answer[2] |= 0x80;
        answer[13] ^= 1;
        answer
    };
    assert_eq!(kind_of_garbage(other).await, QueryErrorKind::TimedOut);
}

async fn kind_of_garbage(reply: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> QueryErrorKind {
    let server = garbage_server(reply);
    let mut options = options();
    options.timeout = Duration::from_millis(300);
    options.attempts = 0;
    let resolver = HickoryResolver::with_config(config(server), options).unwrap().families(Families::V6Only);
    let error = connect(connecting(resolver), URI).await.unwrap_err();
    assert!(error.is_dns(), "{error}");
    error.query_errors()[0].kind()
}

/// Replies to every query with what `reply` returns for it. The server ends with the process.
fn garbage_server(reply: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            socket.send_to(&reply(&query[..length]), client).unwrap();
        }
    });
    address
}

/// Answers one query over TCP, with so many addresses. The message is written by hand: that many have only room in it if every
/// name but the first is a pointer.
fn server_of_many_addresses(count: u16) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut length = [0; 2];
        client.read_exact(&mut length).unwrap();
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        client.read_exact(&mut query).unwrap();
        let question_ends = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;

        let mut message = query[..2].to_vec();
        message.extend([0x81, 0x80, 0, 1]);
        message.extend(count.to_be_bytes());
        message.extend([0; 4]);
        message.extend(&query[12..question_ends]);
        for n in 0..count {
            let [high, low] = n.to_be_bytes();
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 198, 18, high, low]);
        }
        client.write_all(&u16::try_from(message.len()).unwrap().to_be_bytes()).unwrap();
        client.write_all(&message).unwrap();
        // Until it has been read.
        let _end = client.read(&mut length);
    });
    address
}
