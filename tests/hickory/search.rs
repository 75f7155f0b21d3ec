//! Which host a name means if there are search domains.

use std::task::Poll;

use futures_util::StreamExt;
use hyper_happy_eyeballs::race::Families;
use hyper_happy_eyeballs::resolve::hickory_resolver::config::ResolverConfig;
use hyper_happy_eyeballs::resolve::{HickoryResolver, Name};
use tokio_test::task;

use crate::server::{A, AAAA, Dns, SERVICES, a, aaaa, https, nodata, nxdomain, refused, servfail};
use crate::{ask, connect, options, resolve, said, tried, trying_all};

/// A resolver that searches these domains.
fn searching(dns: &Dns, domains: &[&str]) -> HickoryResolver {
    let mut config = crate::config(dns.address());
    for domain in domains {
        config.add_search(domain.parse().unwrap());
    }
    with(config)
}

fn with(config: ResolverConfig) -> HickoryResolver {
    HickoryResolver::with_config(config, options()).unwrap().families(Families::Both)
}

async fn all(resolver: &HickoryResolver, name: impl Into<Name>) -> Vec<String> {
    let mut all = said(&resolve(resolver, name).await);
    all.sort();
    all
}

#[tokio::test]
async fn a_search_goes_on_to_the_next_name_only_if_there_is_no_such_host() {
    let dns = Dns::start([
        ("www.a.example", AAAA, nxdomain()),
        ("www.a.example", A, nxdomain()),
        // This host exists, with addresses of one family only.
        ("www.b.example", A, a("192.0.2.1")),
        // The search must not go on to this host.
        ("www", AAAA, aaaa("2001:db8::2")),
        ("www", A, a("192.0.2.2")),
        ("www.race.example", AAAA, aaaa("2001:db8::3")),
        ("www.race.example.a.example", A, a("192.0.2.3")),
    ]);
    let resolver = searching(&dns, &["a.example", "b.example"]);
    assert_eq!(all(&resolver, "www").await, ["A 192.0.2.1", "AAAA no data"]);
    assert_eq!(all(&resolver, "www.").await, ["A 192.0.2.2", "AAAA 2001:db8::2"]);
    assert_eq!(all(&resolver, "www.race.example").await, ["A no data", "AAAA 2001:db8::3"]);
}

#[tokio::test]
async fn all_addresses_are_those_of_one_host() {
    for reply in [servfail(), nxdomain(), nodata(), refused()] {
        let dns = Dns::start([
            ("db.prod", AAAA, reply),
            ("db.prod", A, a("192.0.2.1").after(200)),
            ("db.prod.corp.example", AAAA, aaaa("2001:db8::2")),
            ("db.prod.corp.example", A, a("192.0.2.2")),
        ]);
        let error = connect(trying_all(searching(&dns, &["corp.example"])), "http://db.prod/").await.unwrap_err();
        assert_eq!(tried(error.attempts()), ["192.0.2.1:80"]);
        assert!(dns.asked().iter().all(|asked| !asked.contains("corp")), "{:?}", dns.asked());
    }
}

#[tokio::test]
async fn https_records_are_those_of_the_host_in_use() {
    let dns = Dns::start([
        ("_8443._https.www.pub.example", SERVICES, nxdomain()),
        ("www.pub.example", A, a("192.0.2.1")),
        ("_8443._https.www.pub.example.corp.example", SERVICES, https(&["1 evil.example port=1"])),
        ("evil.example", A, a("192.0.2.66")),
        ("www.corp.example", AAAA, aaaa("2001:db8::2")),
        ("_8443._https.www.corp.example", SERVICES, https(&["1 svc.example port=8002"])),
        ("svc.example", A, a("192.0.2.3")),
        ("www", AAAA, nxdomain()),
        ("www", A, nxdomain()),
    ]);
    let resolver = searching(&dns, &["corp.example"]);
    let error = connect(trying_all(resolver.clone()), "https://www.pub.example:8443/").await.unwrap_err();
    assert_eq!(tried(error.attempts()), ["192.0.2.1:8443"]);
    assert!(dns.asked().iter().all(|asked| !asked.contains("corp")), "{:?}", dns.asked());
    let error = connect(trying_all(resolver), "https://www:8443/").await.unwrap_err();
    let mut all = tried(error.attempts());
    all.sort();
    assert_eq!(all, ["192.0.2.3:8002", "[2001:db8::2]:8443"]);
}

#[tokio::test]
async fn the_queries_for_a_name_go_out_together_and_those_for_the_next_after_it() {
    let dns = Dns::start([
        ("www.a.example", SERVICES, nxdomain().after(50)),
        ("www.a.example", AAAA, nxdomain().after(50)),
        ("www.a.example", A, servfail().after(50)),
        ("www.b.example", SERVICES, https(&["1 ."]).after(50)),
        ("www.b.example", AAAA, aaaa("2001:db8::1").after(50)),
        ("www.b.example", A, a("192.0.2.1").after(50)),
    ]);
    let resolver = searching(&dns, &["a.example", "b.example"]);
    let answers = all(&resolver, Name::from("www").with_https_port(443)).await;
    assert_eq!(answers, ["A 192.0.2.1", "AAAA 2001:db8::1", "HTTPS "]);
    let mut asked = dns.asked();
    // A query whose answer takes its time may be sent again.
    asked.dedup();
    let expected =
        ["a.example HTTPS", "a.example AAAA", "a.example A", "b.example HTTPS", "b.example AAAA", "b.example A"];
    let mut first = Vec::new();
    for asked in asked {
        if !first.contains(&asked) {
            first.push(asked);
        }
    }
    assert_eq!(first, expected.map(|expected| format!("www.{expected}")));
}

#[tokio::test]
async fn a_host_whose_only_records_are_https_is_found() {
    let dns = Dns::start([
        ("www.race.example", SERVICES, https(&["1 svc.example"]).after(200)),
        ("www.race.example.corp.example", A, a("192.0.2.66")),
        ("svc.example", A, a("192.0.2.1")),
    ]);
    let error = connect(trying_all(searching(&dns, &["corp.example"])), "https://www.race.example/").await.unwrap_err();
    assert_eq!(tried(error.attempts()), ["192.0.2.1:443"]);
}

#[tokio::test]
async fn a_server_that_fails_for_a_search_domain_leaves_the_others() {
    let dns = Dns::start([
        ("www.a.example", AAAA, servfail()),
        ("www.a.example", A, servfail()),
        ("www.b.example", AAAA, nxdomain()),
        ("www.b.example", A, a("192.0.2.1")),
    ]);
    let resolver = searching(&dns, &["a.example", "b.example"]);
    assert_eq!(all(&resolver, "www").await, ["A 192.0.2.1", "AAAA NXDOMAIN"]);
}

#[tokio::test]
async fn a_domain_that_is_refused_ends_the_search_and_not_the_name_as_it_stands() {
    let dns = Dns::start([
        ("api.example.a.corp", AAAA, nxdomain()),
        ("api.example.a.corp", A, nxdomain()),
        ("api.example.b.corp", AAAA, refused()),
        ("api.example.b.corp", A, nodata()),
        ("api.example.c.corp", A, a("192.0.2.66")),
        ("api.example", AAAA, aaaa("2001:db8::1")),
        ("api.example", A, a("192.0.2.1")),
    ]);
    let mut options = options();
    options.ndots = 5;
    let mut config = crate::config(dns.address());
    for domain in ["a.corp", "b.corp", "c.corp"] {
        config.add_search(domain.parse().unwrap());
    }
    let resolver = HickoryResolver::with_config(config, options).unwrap().families(Families::Both);
    assert_eq!(all(&resolver, "api.example").await, ["A 192.0.2.1", "AAAA 2001:db8::1"]);
    assert!(dns.asked().iter().all(|asked| !asked.contains("c.corp")), "{:?}", dns.asked());
}

#[tokio::test]
async fn the_domains_are_searched_whatever_becomes_of_the_name_as_it_stands() {
    let dns = Dns::start([
        ("db.prod", AAAA, refused()),
        ("db.prod", A, refused()),
        ("db.prod.a.corp", AAAA, nxdomain()),
        ("db.prod.a.corp", A, a("192.0.2.1")),
    ]);
    assert_eq!(all(&searching(&dns, &["a.corp"]), "db.prod").await, ["A 192.0.2.1", "AAAA NXDOMAIN"]);
    let error = connect(trying_all(searching(&dns, &["b.corp"])), "http://db.prod/").await.unwrap_err();
    assert!(error.to_string().contains("REFUSED"), "{error}");
}

#[tokio::test]
async fn a_search_in_vain_says_what_leaves_most_open() {
    let dns = Dns::start([
        ("www.a.example", AAAA, servfail()),
        ("www.a.example", A, nodata()),
        ("www.b.example", AAAA, nxdomain()),
        ("www.b.example", A, nxdomain()),
        ("www", AAAA, nxdomain()),
        ("www", A, nxdomain()),
    ]);
    let resolver = searching(&dns, &["a.example", "b.example"]);
    assert_eq!(all(&resolver, "www").await, ["A no data", "AAAA SERVFAIL"]);
}

#[tokio::test]
async fn a_search_that_is_cached_is_over_at_the_first_poll() {
    let dns = Dns::start([
        ("www.a.example", AAAA, nxdomain()),
        ("www.a.example", A, nxdomain()),
        ("www.b.example", AAAA, aaaa("2001:db8::1")),
        ("www.b.example", A, a("192.0.2.1")),
    ]);
    let resolver = searching(&dns, &["a.example", "b.example"]);
    resolve(&resolver, "www").await;
    let before = dns.asked();
    let mut answers = task::spawn(ask(&resolver, "www").await);
    let mut all = Vec::new();
    while let Poll::Ready(Some(answer)) = answers.poll_next() {
        all.push(answer);
    }
    assert_eq!(said(&all), ["AAAA 2001:db8::1", "A 192.0.2.1"]);
    assert_eq!(dns.asked(), before);
}

#[tokio::test]
async fn an_address_is_delivered_while_the_other_family_is_waited_for() {
    let dns =
        Dns::start([("www.a.example", AAAA, aaaa("2001:db8::1").after(300)), ("www.a.example", A, a("192.0.2.1"))]);
    let resolver = searching(&dns, &["a.example"]);
    let answers: Vec<_> = ask(&resolver, "www").await.collect().await;
    assert_eq!(said(&answers), ["A 192.0.2.1", "AAAA 2001:db8::1"]);
}

#[tokio::test]
async fn the_domain_is_searched_only_if_there_is_no_search_list() {
    let dns = Dns::start([
        ("www.domain.example", A, a("192.0.2.1")),
        ("www.list.example", A, a("192.0.2.2")),
        ("www", AAAA, nxdomain()),
        ("www", A, nxdomain()),
    ]);
    let servers = crate::config(dns.address()).name_servers;
    let config = |list| ResolverConfig::from_parts("domain.example".parse().ok(), list, servers.clone());
    assert_eq!(all(&with(config(Vec::new())), "www").await, ["A 192.0.2.1", "AAAA no data"]);
    let list = vec!["list.example".parse().unwrap()];
    assert_eq!(all(&with(config(list)), "www").await, ["A 192.0.2.2", "AAAA no data"]);
}

#[tokio::test]
async fn a_name_that_is_too_long_for_https_records_has_none() {
    // With a prefix it is too long, and has addresses all the same.
    let host = format!("{}xxxxx", "x.".repeat(120));
    let dns = Dns::start([(host.as_str(), A, a("192.0.2.1"))]);
    let resolver = searching(&dns, &["a.example"]);
    let answers = all(&resolver, Name::from(host.as_str()).with_https_port(8443)).await;
    assert_eq!(answers, ["A 192.0.2.1", "AAAA no data", "HTTPS no data"]);
}

#[tokio::test]
async fn a_resolver_made_elsewhere_searches_in_its_own_way() {
    use hyper_happy_eyeballs::resolve::hickory_resolver::TokioResolver;
    use hyper_happy_eyeballs::resolve::hickory_resolver::net::runtime::TokioRuntimeProvider;

    let dns = Dns::start([("www.a.example", AAAA, aaaa("2001:db8::1")), ("www.a.example", A, a("192.0.2.1"))]);
    let mut config = crate::config(dns.address());
    config.add_search("a.example".parse().unwrap());
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options());
    let resolver = HickoryResolver::from(builder.build().unwrap()).families(Families::Both);
    let mut all = said(&resolve(&resolver, "www").await);
    all.sort();
    assert_eq!(all, ["A 192.0.2.1", "AAAA 2001:db8::1"]);
}
