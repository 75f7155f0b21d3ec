//! HTTPS records: where connects go because of them, and when.

use std::time::Duration;

use hyper_happy_eyeballs::race::Query;
use hyper_happy_eyeballs::resolve::Name;

use crate::server::{A, AAAA, Dns, SERVICES, a, aaaa, cname, https, nodata, servfail, silence};
use crate::{connect, connecting, resolve, resolver, said, tried, trying_all};

const URI: &str = "https://race.example/";
const LATER: u64 = 5_000;

/// Where the attempts to the origin go, if none succeeds.
async fn all_tried(dns: &Dns) -> Vec<String> {
    tried(connect(trying_all(resolver(dns)), URI).await.unwrap_err().attempts())
}

#[tokio::test]
async fn services_go_by_their_priority_each_at_its_port() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["2 . port=8002", "1 . port=8001 alpn=h2"])),
        ("race.example", A, a("192.0.2.1")),
    ]);
    assert_eq!(all_tried(&dns).await, ["192.0.2.1:8001", "192.0.2.1:8002", "192.0.2.1:443"]);
}

#[tokio::test]
async fn a_service_at_the_origins_own_name_is_no_other() {
    for target in [".", "race.example", "RACE.example"] {
        let dns = Dns::start([
            ("race.example", SERVICES, https(&[&format!("1 {target} port=8001")])),
            ("race.example", AAAA, aaaa("2001:db8::1").after(100)),
            ("race.example", A, a("192.0.2.1")),
        ]);
        let expected = ["[2001:db8::1]:8001", "192.0.2.1:8001", "[2001:db8::1]:443", "192.0.2.1:443"];
        let error = connect(trying_all(resolver(&dns)), URI).await.unwrap_err();
        assert_eq!(tried(error.attempts()), expected, "{target}");
        // Its addresses are those of the name, and stand for no other.
        assert!(error.attempts().iter().all(|attempt| !attempt.endpoint().is_hint()), "{target}: {error:?}");
        assert_eq!(dns.asked().len(), 3, "{target}");
    }
}

#[tokio::test]
async fn records_of_another_port_have_a_name_of_their_own() {
    let dns = Dns::start([
        ("_8443._https.race.example", SERVICES, https(&["1 race.example port=8001"])),
        ("race.example", SERVICES, https(&["1 . port=1"])),
        ("race.example", A, a("192.0.2.1")),
    ]);
    let error = connect(trying_all(resolver(&dns)), "https://race.example:8443/").await.unwrap_err();
    assert_eq!(tried(error.attempts()), ["192.0.2.1:8001", "192.0.2.1:8443"]);
}

#[tokio::test]
async fn a_service_without_a_target_is_at_the_name_of_its_record() {
    for target in [".", "_8443._https.race.example"] {
        let dns = Dns::start([
            ("_8443._https.race.example", SERVICES, https(&[&format!("1 {target} port=8001")])),
            ("_8443._https.race.example", A, a("192.0.2.2")),
            ("race.example", A, a("192.0.2.1").after(200)),
        ]);
        let error = connect(trying_all(resolver(&dns)), "https://race.example:8443/").await.unwrap_err();
        assert_eq!(tried(error.attempts()), ["192.0.2.2:8001", "192.0.2.1:8443"], "{target}");
        let service = error.attempts()[0].endpoint().service().unwrap();
        assert_eq!(service.target.as_deref(), Some("_8443._https.race.example"));
    }
}

#[tokio::test]
async fn a_service_at_the_canonical_name_of_the_origin_is_no_other() {
    for target in [".", "canonical.example"] {
        let services = || https(&[&format!("1 {target} port=8001")]);
        let dns = Dns::start([
            ("race.example", SERVICES, cname("canonical.example")),
            ("race.example", A, cname("canonical.example")),
            ("race.example", AAAA, cname("canonical.example")),
            ("canonical.example", SERVICES, services()),
            ("canonical.example", A, a("192.0.2.1")),
        ]);
        assert_eq!(all_tried(&dns).await, ["192.0.2.1:8001", "192.0.2.1:443"], "{target}");
    }
}

#[tokio::test]
async fn a_hint_is_used_before_the_addresses_are_there() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["1 . ipv6hint=2001:db8::1 ipv4hint=192.0.2.1"])),
        ("race.example", AAAA, aaaa("2001:db8::1").after(LATER)),
        ("race.example", A, a("192.0.2.1").after(LATER)),
    ]);
    let connection = connect(connecting(resolver(&dns)).resolution_delay(Duration::from_secs(20)), URI).await.unwrap();
    assert_eq!(tried(connection.info().attempts()), ["[2001:db8::1]:443"]);
    assert!(connection.info().winner().endpoint().is_hint());
}

#[tokio::test]
async fn a_target_is_looked_up_and_its_addresses_take_the_place_of_hints() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["1 svc.example port=8001 ipv6hint=2001:db8::9 ipv4hint=192.0.2.9"])),
        ("race.example", AAAA, aaaa("2001:db8::1")),
        ("race.example", A, a("192.0.2.1")),
        ("svc.example", AAAA, aaaa("2001:db8::2").after(200)),
        ("svc.example", A, servfail()),
    ]);
    let name = || Name::from("race.example").with_https_port(443);
    let answers = resolve(&resolver(&dns), name()).await;
    let of_services: Vec<String> = said(&answers).into_iter().filter(|said| said.starts_with("HTTPS")).collect();
    // The first answer has the hints at once. The failed query neither confirms nor drops the hint of its family.
    assert_eq!(of_services.first().unwrap(), "HTTPS 2001:db8::9 192.0.2.9");
    assert_eq!(of_services.last().unwrap(), "HTTPS 2001:db8::2 192.0.2.9");
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 0);

    // All of it is tried by a race that lasts, the target's addresses at its port.
    let mut all = all_tried(&dns).await;
    all.sort();
    let expected = ["192.0.2.1:443", "192.0.2.9:8001", "[2001:db8::1]:443", "[2001:db8::2]:8001", "[2001:db8::9]:8001"];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_target_of_which_one_family_is_pending_is_connected_to_by_the_other() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["1 svc.example"])),
        ("race.example", AAAA, nodata()),
        ("race.example", A, nodata()),
        ("svc.example", AAAA, aaaa("2001:db8::2")),
        ("svc.example", A, silence()),
    ]);
    let connection = connect(connecting(resolver(&dns)).resolution_delay(Duration::from_secs(20)), URI).await.unwrap();
    assert_eq!(tried(connection.info().attempts()), ["[2001:db8::2]:443"]);
    let endpoint = connection.info().winner().endpoint();
    assert_eq!(endpoint.service().unwrap().target.as_deref(), Some("svc.example"));
}

#[tokio::test]
async fn an_alias_leads_to_its_services() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["0 alias.example", "1 . port=1"])),
        ("race.example", AAAA, nodata()),
        ("race.example", A, nodata()),
        ("alias.example", SERVICES, https(&["0 svc.example"])),
        ("svc.example", SERVICES, https(&["1 . port=8001", "2 race.example port=8002"])),
        ("svc.example", AAAA, aaaa("2001:db8::2")),
        ("svc.example", A, a("192.0.2.2").after(100)),
    ]);
    assert_eq!(all_tried(&dns).await, ["[2001:db8::2]:8001", "192.0.2.2:8001"]);
}

#[tokio::test]
async fn an_alias_without_services_stands_for_its_addresses() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["0 alias.example"])),
        ("race.example", A, a("192.0.2.1")),
        ("alias.example", AAAA, aaaa("2001:db8::2")),
        ("alias.example", A, a("192.0.2.2").after(100)),
    ]);
    let error = connect(trying_all(resolver(&dns)), URI).await.unwrap_err();
    let mut all = tried(error.attempts());
    assert_eq!(all[0], "[2001:db8::2]:443", "{all:?}");
    all.sort();
    assert_eq!(all, ["192.0.2.1:443", "192.0.2.2:443", "[2001:db8::2]:443"]);
}

#[tokio::test]
async fn the_addresses_of_an_alias_are_asked_for_once_though_they_cannot_be_cached() {
    for services in [nodata(), https(&["1 . port=443"]), https(&["1 other.example", "2 ."])] {
        let dns = Dns::start([
            ("race.example", SERVICES, https(&["0 alias.example"])),
            // Later than the addresses.
            ("alias.example", SERVICES, services.after(200)),
            ("alias.example", AAAA, aaaa("2001:db8::2").ttl(0)),
            ("alias.example", A, a("192.0.2.2").ttl(0)),
            ("other.example", A, a("192.0.2.3")),
        ]);
        let all = all_tried(&dns).await;
        assert!(["[2001:db8::2]:443", "192.0.2.2:443"].iter().all(|address| all.iter().any(|tried| tried == address)));
        for query in ["alias.example AAAA", "alias.example A"] {
            assert_eq!(dns.asked().iter().filter(|asked| *asked == query).count(), 1, "{query}");
        }
    }
}

#[tokio::test]
async fn an_alias_to_nowhere_leaves_the_origin() {
    let dns = Dns::start([("race.example", SERVICES, https(&["0 ."])), ("race.example", A, a("192.0.2.1"))]);
    assert_eq!(all_tried(&dns).await, ["192.0.2.1:443"]);
}

#[tokio::test]
async fn aliases_without_end_leave_the_origin() {
    let to = |target: &str| https(&[&format!("0 {target}")]);
    let in_a_circle = Dns::start([
        ("race.example", SERVICES, to("a1.example")),
        ("race.example", A, a("192.0.2.1")),
        ("a1.example", SERVICES, to("a2.example")),
        ("a2.example", SERVICES, to("race.example")),
    ]);
    let on_and_on = Dns::start([
        ("race.example", SERVICES, to("a1.example")),
        ("race.example", A, a("192.0.2.1")),
        ("a1.example", SERVICES, to("a2.example")),
        ("a2.example", SERVICES, to("a3.example")),
        ("a3.example", SERVICES, to("a4.example")),
        ("a4.example", SERVICES, to("a5.example")),
        ("a5.example", SERVICES, to("a6.example")),
        ("a6.example", SERVICES, to("a7.example")),
        ("a7.example", SERVICES, to("a8.example")),
        ("a8.example", SERVICES, to("a9.example")),
        ("a9.example", SERVICES, https(&["1 . port=1"])),
    ]);
    for (dns, aliases) in [(in_a_circle, 2), (on_and_on, 8)] {
        let error = connect(trying_all(resolver(&dns)), URI).await.unwrap_err();
        assert_eq!(tried(error.attempts()), ["192.0.2.1:443"]);
        let failed: Vec<_> = error.query_errors().iter().filter(|error| !error.is_negative()).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert_eq!(failed[0].query(), Query::Https);
        assert_eq!(std::error::Error::source(failed[0]).unwrap().to_string(), "the chain of aliases does not end");
        assert_eq!(dns.asked().iter().filter(|asked| asked.ends_with("HTTPS")).count(), aliases + 1);
    }
}

#[tokio::test]
async fn a_service_that_speaks_nothing_we_do_is_left_out() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["1 . port=8001 alpn=h3 no-default-alpn", "2 . port=8002 alpn=h3"])),
        ("race.example", A, a("192.0.2.1")),
    ]);
    assert_eq!(all_tried(&dns).await, ["192.0.2.1:8002", "192.0.2.1:443"]);
}

#[tokio::test]
async fn https_records_that_fail_leave_the_addresses() {
    let dns = Dns::start([("race.example", SERVICES, servfail()), ("race.example", AAAA, aaaa("2001:db8::1"))]);
    let connection = connect(connecting(resolver(&dns)).resolution_delay(Duration::from_secs(20)), URI).await.unwrap();
    assert_eq!(tried(connection.info().attempts()), ["[2001:db8::1]:443"]);
}
