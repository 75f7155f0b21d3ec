//! The error of a look-up without an address, and which server it names.

use std::error::Error as _;
use std::time::Duration;

use hyper_happy_eyeballs::race::{Families, Queries, Query};
use hyper_happy_eyeballs::resolve::hickory_resolver::config::ResolverConfig;
use hyper_happy_eyeballs::resolve::hickory_resolver::net::NetError;
use hyper_happy_eyeballs::resolve::{HickoryResolver, Name, QueryErrorKind};
use tower::Service;

use crate::server::{A, AAAA, Dns, Reply, SERVICES, a, https, nodata, nxdomain, refused, servfail, silence};
use crate::{connect, connecting, options, resolve, resolver, resolver_with, said};

const URI: &str = "http://race.example/";

fn both(reply: Reply) -> Dns {
    Dns::start([("race.example", AAAA, reply.clone()), ("race.example", A, reply)])
}

#[tokio::test]
async fn each_failure_has_its_kind_its_server_and_its_cause() {
    for (reply, kind, names_server, text) in [
        (nxdomain(), QueryErrorKind::NxDomain, true, "the name does not exist (NXDOMAIN from {server})"),
        (nodata(), QueryErrorKind::NoData, true, "the name has no addresses"),
        (nodata().without_soa(), QueryErrorKind::NoData, true, "the name has no addresses"),
        (
            servfail(),
            QueryErrorKind::ServFail,
            true,
            "the look-up failed (AAAA: SERVFAIL from {server}, A: SERVFAIL from {server})",
        ),
        (
            refused(),
            QueryErrorKind::Refused,
            true,
            "the look-up failed (AAAA: REFUSED from {server}, A: REFUSED from {server})",
        ),
        (silence(), QueryErrorKind::TimedOut, false, "the look-up failed (AAAA: timed out, A: timed out)"),
    ] {
        let dns = both(reply);
        let mut options = options();
        options.timeout = Duration::from_millis(300);
        options.attempts = 0;
        let error = connect(connecting(resolver_with(&dns, options)), URI).await.unwrap_err();
        assert!(error.is_dns() && !error.is_connect() && !error.is_timeout(), "{error}");
        let text = text.replace("{server}", &dns.address().to_string());
        // The errors are in the order of the answers.
        let other = text.replace("AAAA: ", "B: ").replace("A: ", "AAAA: ").replace("B: ", "A: ");
        let said = error.to_string();
        let said = said.strip_prefix("could not resolve race.example: ").unwrap();
        assert!(said == text || said == other, "{said}");
        assert_eq!(error.query_errors().len(), 2);
        for error in error.query_errors() {
            assert_eq!(error.kind(), kind);
            assert_eq!(error.server(), names_server.then(|| dns.address()));
            assert!(error.source().unwrap().is::<NetError>());
        }
    }
}

#[tokio::test]
async fn of_several_servers_none_is_blamed() {
    let dns = both(servfail());
    let mut config = crate::config(dns.address());
    config.add_name_server(config.name_servers[0].clone());
    let resolver = HickoryResolver::with_config(config, options()).unwrap();
    let error = connect(connecting(resolver), URI).await.unwrap_err();
    assert!(error.query_errors().iter().all(|error| error.server().is_none()));
    assert!(error.to_string().contains("A: SERVFAIL"), "{error}");
}

#[tokio::test]
async fn without_a_server_a_look_up_fails() {
    let resolver = HickoryResolver::with_config(ResolverConfig::from_name_servers(Vec::new()), options()).unwrap();
    let error = connect(connecting(resolver), URI).await.unwrap_err();
    assert!(error.is_dns(), "{error}");
    assert_eq!(error.query_errors()[0].kind(), QueryErrorKind::Other);
}

#[tokio::test]
async fn the_budget_runs_out_while_a_is_still_waited_for() {
    let dns = Dns::start([("race.example", AAAA, nodata()), ("race.example", A, silence())]);
    let builder = connecting(resolver(&dns)).timeout(Duration::from_millis(500));
    let error = connect(builder, URI).await.unwrap_err();
    assert!(error.is_dns() && error.is_timeout(), "{error}");
    assert_eq!(error.waiting_for(), Queries::from(Query::A));
    assert!(error.to_string().ends_with(", still waiting for DNS (A)"), "{error}");
}

#[tokio::test]
async fn a_name_that_is_none_is_the_cause() {
    let dns = Dns::start([]);
    for name in ["a..example".to_string(), "x".repeat(64), "x.".repeat(130)] {
        assert!(resolver(&dns).call(Name::from(name.as_str())).await.is_err(), "{name}");
    }
    assert!(dns.asked().is_empty());
}

#[tokio::test]
async fn a_name_that_is_not_by_the_letter_is_asked_for() {
    for name in ["foo_bar.example", "my_db", "xn--a.example", "Foo_Bar.EXAMPLE.", "_http.example"] {
        let dns = Dns::start([(name, A, a("192.0.2.1"))]);
        let answers = resolve(&resolver(&dns).families(Families::V4Only), name).await;
        assert_eq!(said(&answers), ["A 192.0.2.1"], "{name}");
    }
}

#[tokio::test]
async fn names_that_no_server_knows_are_not_asked_for() {
    let dns = Dns::start([]);
    let resolver = resolver(&dns);
    for name in ["localhost", "localhost.", "db.localhost"] {
        let answers = resolve(&resolver, Name::from(name).with_https_port(443)).await;
        assert_eq!(said(&answers), ["AAAA ::1", "A 127.0.0.1"], "{name}");
    }
    let answers = resolve(&resolver, "race.invalid").await;
    assert_eq!(said(&answers), ["AAAA NXDOMAIN", "A NXDOMAIN"]);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().server().is_none()), "{answers:?}");
    assert!(dns.asked().is_empty(), "{:?}", dns.asked());
}

#[tokio::test]
async fn the_table_of_hosts_goes_before_every_server() {
    use hyper_happy_eyeballs::resolve::hickory_resolver::Hosts;

    let dns = Dns::start([]);
    let mut hosts = Hosts::default();
    hosts.read_hosts_conf("192.0.2.7 printer printer.example\n2001:db8::7 printer.example".as_bytes()).unwrap();
    let mut config = crate::config(dns.address());
    config.add_search("home.example".parse().unwrap());
    let resolver = HickoryResolver::with_config(config, options()).unwrap().hosts(hosts);
    for (name, expected) in [
        ("printer", ["AAAA no data", "A 192.0.2.7"]),
        ("Printer.", ["AAAA no data", "A 192.0.2.7"]),
        ("printer.example", ["AAAA 2001:db8::7", "A 192.0.2.7"]),
    ] {
        let answers = resolve(&resolver, Name::from(name).with_https_port(8443)).await;
        assert_eq!(said(&answers), expected, "{name}");
    }
    assert!(dns.asked().is_empty(), "{:?}", dns.asked());
}

#[tokio::test]
async fn a_family_that_is_not_wanted_is_not_asked_for() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["1 svc.example"])),
        ("race.example", A, a("192.0.2.1")),
        ("svc.example", A, a("192.0.2.2")),
    ]);
    let resolver = resolver(&dns).families(Families::V4Only);
    resolve(&resolver, Name::from("race.example").with_https_port(443)).await;
    assert_eq!(dns.asked(), ["race.example HTTPS", "race.example A", "svc.example A"]);
}
