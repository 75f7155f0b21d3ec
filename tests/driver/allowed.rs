//! Addresses that are not allowed are never dialled, whichever resolver, hint or URI they come from.

use std::net::IpAddr;

use hyper_happy_eyeballs::race::{Policy, ServiceRecord, UntriedReason};
use hyper_happy_eyeballs::resolve::{Answer, FixedResolver, Queries, Query};
use hyper_happy_eyeballs::{HappyEyeballsConnector, HappyEyeballsLayer, public_addresses_only};
use tower::{Layer, ServiceExt};

use crate::fakes::{Fate, World, address, connect, ms, tried, untried};
use crate::services::Untouchable;

/// All but those whose names begin with A.
fn not_a(ip: IpAddr) -> bool {
    ip != address("A6").ip() && ip != address("A4").ip()
}

#[tokio::test(start_paused = true)]
async fn the_race_is_among_those_that_are_allowed() {
    for policy in [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential] {
        let world = World::new([("B4", Fate::Connects(0)), ("B6", Fate::Refuses(20))]);
        let stream = connect(world.dial("A6 A4 B6 B4").policy(policy).allow(not_a)).await.unwrap();
        assert_eq!(world.log(), ["0 start B6", "20 fail B6", "20 start B4", "20 connect B4"], "{policy:?}");
        let not_tried = "A6 not allowed, A4 not allowed";
        assert_eq!(untried(&stream.info().untried()), not_tried, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_none_is_allowed_nothing_is_dialled() {
    let world = World::new([]);
    let error = connect(world.dial("A6 A4").allow(not_a)).await.unwrap_err();
    assert!(world.log().is_empty() && error.attempts().is_empty());
    assert!(error.is_not_allowed() && error.is_connect() && error.is_permanent() && !error.is_dns(), "{error:?}");
    let refused = error.untried();
    assert!(refused.iter().all(|untried| untried.reason() == UntriedReason::NotAllowed));
    assert_eq!(
        refused.iter().map(|untried| untried.endpoint().address()).collect::<Vec<_>>(),
        [address("A6"), address("A4")]
    );
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: no candidate is an address that is allowed \
         (2 addresses not tried: [2001:db8::a]:80 not allowed, 192.0.2.10:80 not allowed)"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_of_those_that_are_allowed_is_no_refusal() {
    let world = World::new([("B4", Fate::Refuses(0))]);
    let error = connect(world.dial("A6 B4").allow(not_a)).await.unwrap_err();
    assert!(error.is_connect() && !error.is_not_allowed(), "{error:?}");
    assert_eq!((tried(error.attempts()), error.untried().len()), ("B4".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn an_address_in_the_uri_is_no_exception() {
    for (host, is_allowed) in [
        ("127.0.0.1", false),
        ("169.254.169.254", false),
        ("0.0.0.0", false),
        ("[::1]", false),
        ("[::ffff:10.0.0.1]", false),
        ("[64:ff9b::7f00:1]", false),
        ("[fe80::1]", false),
        ("8.8.8.8", true),
        ("[2606:4700::1111]", true),
        ("[::ffff:8.8.8.8]", true),
    ] {
        let world = World::new([]);
        let builder = HappyEyeballsConnector::builder().resolver(Untouchable).attempt(world.attempts());
        let connector = builder.allow(public_addresses_only).timeout(ms(10)).build().unwrap();
        let error = connector.oneshot(format!("http://{host}/").parse().unwrap()).await.unwrap_err();
        assert_eq!(error.is_not_allowed(), !is_allowed, "{host}: {error:?}");
        assert_eq!(error.attempts().len(), usize::from(is_allowed), "{host}");
        assert_eq!(error.is_permanent(), !is_allowed, "{host}");
    }
}

/// An address in another notation is still an address, or a name that the resolver is asked for.
#[tokio::test(start_paused = true)]
async fn whatever_the_resolver_makes_of_a_name_is_looked_at() {
    for host in ["localhost", "0x7f000001", "2130706433", "127.1", "0177.0.0.1"] {
        let world = World::new([]);
        let resolver = FixedResolver::new().with(host, ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()]);
        let builder = HappyEyeballsConnector::builder().resolver(resolver).attempt(world.attempts());
        let connector = builder.allow(public_addresses_only).build().unwrap();
        let error = connector.oneshot(format!("http://{host}/").parse().unwrap()).await.unwrap_err();
        assert!(error.is_not_allowed() || error.is_invalid_uri() || error.is_dns(), "{host}: {error:?}");
        assert!(world.log().is_empty(), "{host}");
    }
}

/// An address of a later answer, that of the second family for example, is checked too.
#[tokio::test(start_paused = true)]
async fn late_answers_are_looked_at_as_well() {
    let world = World::new([("B6", Fate::Refuses(500))]);
    let resolver = world.resolver(Queries::ADDRESSES).aaaa(0, "B6").a(100, "A4");
    let error = connect(world.dial_by(resolver).allow(not_a)).await.unwrap_err();
    assert_eq!(tried(error.attempts()), "B6");
    assert_eq!(untried(&error.untried()), "A4 not allowed");
}

/// An address of a hint in a service record is checked too, although no address record has it.
#[tokio::test(start_paused = true)]
async fn hints_are_looked_at_as_well() {
    let world = World::new([("B4", Fate::Connects(0))]);
    let mut record = ServiceRecord::new(1);
    (record.target, record.ipv4_hints) = (Some("other.example".to_owned()), vec!["192.0.2.10".parse().unwrap()]);
    let resolver = world.resolver(Queries::from_iter([Query::A, Query::Https]));
    let resolver = resolver.says(0, Ok(Answer::https([record], 0))).a(0, "B4");
    let stream = connect(world.dial_by(resolver).allow(not_a)).await.unwrap();
    assert_eq!(tried(stream.info().attempts()), "B4");
    assert_eq!(untried(&stream.info().untried()), "A4 not allowed");
}

#[tokio::test(start_paused = true)]
async fn a_layer_has_the_rule_too_and_the_last_rule_counts() {
    let world = World::new([]);
    let layer = HappyEyeballsLayer::builder().allow(not_a).allow(public_addresses_only).layer().unwrap();
    let connector = layer.layer(world.attempts());
    let error = connector.oneshot("http://10.0.0.1/".parse().unwrap()).await.unwrap_err();
    assert!(error.is_not_allowed() && world.log().is_empty());
    assert_eq!(
        error.to_string(),
        "could not connect to 10.0.0.1:80: no candidate is an address that is allowed (10.0.0.1:80 not tried: not allowed)"
    );
}
