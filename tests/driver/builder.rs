//! The order of the setters does not matter.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper_happy_eyeballs::connect::{HappyEyeballsLayer, MemoryHandle};
use hyper_happy_eyeballs::race::{Families, Source};
use hyper_happy_eyeballs::resolve::Queries;
use hyper_happy_eyeballs::tcp::TcpOptions;
use hyper_happy_eyeballs::{ConfigError, HappyEyeballsConnector};
use tower::{Layer, ServiceExt};

use super::fakes::{Fate, World, connect, list, ms, name, tried, uri};

/// Evaluates to what `$each` makes of the builder, for every order of the groups of setters. A group in braces keeps its own order.
macro_rules! in_every_order {
    ($each:expr, $builder:expr, $($setters:tt)*) => {{
        let mut all = Vec::new();
        in_every_order!(@choose all, $each, $builder, [], [$($setters)*]);
        all
    }};
    (@choose $all:ident, $each:expr, $builder:expr, [], []) => { $all.push($each($builder).await); };
    (@choose $all:ident, $each:expr, $builder:expr, [$($passed:tt)+], []) => {};
    (@choose $all:ident, $each:expr, $builder:expr, [$($passed:tt)*], [{$($setter:tt)*} $($rest:tt)*]) => {
        in_every_order!(@choose $all, $each, $builder.$($setter)*, [], [$($passed)* $($rest)*]);
        in_every_order!(@choose $all, $each, $builder, [$($passed)* {$($setter)*}], [$($rest)*]);
    };
}

/// By these sources the addresses of a family are tried in the reverse of their order.
fn source(to: SocketAddr) -> Source {
    match &*name(to) {
        "A6" | "A4" => Source::Unreachable,
        "B6" => Source::Address("2001:db8::99".parse().unwrap()),
        _ => Source::Address("192.0.2.99".parse().unwrap()),
    }
}

fn bound_to_v4() -> TcpOptions {
    TcpOptions::new().local_address(Ipv4Addr::LOCALHOST)
}

#[tokio::test(start_paused = true)]
async fn attempts_of_ones_own_race_alike_whatever_the_order_of_the_setters() {
    let world = World::new([("B6", Fate::Refuses(10)), ("A6", Fate::Connects(10))]);
    let resolver = || world.resolver(Queries::ADDRESSES).a(0, "A4 B4").aaaa(0, "A6 B6");
    let races = in_every_order!(
        async |builder| tried(connect(builder).await.unwrap().info().attempts()),
        HappyEyeballsConnector::builder().resolver(resolver()),
        {tcp(bound_to_v4()).attempt(world.attempts())}
        {local_families(Families::V6Only)}
        {source_addresses(source)}
        {memory(MemoryHandle::off())}
    );
    assert_eq!(races, ["B6 A6"; 24]);
}

#[tokio::test(start_paused = true)]
async fn a_layer_races_alike_whatever_the_order_of_the_setters() {
    let world = World::new([("B6", Fate::Refuses(10)), ("A6", Fate::Connects(10))]);
    let resolver = || world.resolver(Queries::ADDRESSES).a(0, "A4 B4").aaaa(0, "A6 B6");
    let races = in_every_order!(
        async |builder: hyper_happy_eyeballs::connect::Builder<_>| {
            let connector = builder.layer().unwrap().layer(world.attempts());
            tried(connector.oneshot(uri()).await.unwrap().info().attempts())
        },
        HappyEyeballsLayer::builder(),
        {resolver(resolver())}
        {local_families(Families::V6Only)}
        {source_addresses(source)}
    );
    assert_eq!(races, ["B6 A6"; 6]);
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
#[tokio::test]
async fn attempts_by_tcp_and_tls_are_set_in_any_order() {
    use hyper_happy_eyeballs::tls::TlsOptions;

    let world = World::new([]);
    let connectors = in_every_order!(
        async |builder: hyper_happy_eyeballs::connect::Builder<_, _, _>| format!("{:?}", builder.build().unwrap()),
        HappyEyeballsConnector::builder().resolver(list("A6 A4")),
        {attempt(world.attempts()).tcp(bound_to_v4())}
        {tls(TlsOptions::new())}
        {local_families(Families::Both)}
        {source_addresses(source)}
        {timeout(ms(5000))}
    );
    assert_eq!(connectors.len(), 120);
    let first = &connectors[0];
    for part in
        ["local_families: Both", "SourceAddresses(given)", "hears_attempts: false", "local_address_v4: Some(127"]
    {
        assert!(first.contains(part), "{part} in {first}");
    }
    for connector in &connectors {
        assert_eq!(connector, first);
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_from_tcp_ends_with_it() {
    let world = World::new([("A6", Fate::Refuses(10)), ("A4", Fate::Connects(10))]);
    let builder = HappyEyeballsConnector::builder().resolver(list("A6 A4")).tcp(bound_to_v4());
    assert!(format!("{:?}", builder.clone().build().unwrap()).contains("local_families: V4Only"));
    let stream = connect(builder.attempt(world.attempts())).await.unwrap();
    assert_eq!(tried(stream.info().attempts()), "A6 A4", "the local address was that of other sockets");
}

#[test]
fn local_families_without_a_local_address_are_an_error() {
    let builder = HappyEyeballsConnector::builder();
    let of = |families, local: IpAddr| {
        let options = TcpOptions::new().local_address(local);
        let [before, after] = [
            builder.clone().local_families(families).tcp(options.clone()).build(),
            builder.clone().tcp(options).local_families(families).build(),
        ];
        let [before, after] = [before, after].map(|built| built.err().map(|error: ConfigError| error.to_string()));
        assert_eq!(before, after);
        before
    };
    let [v4, v6] = [IpAddr::V4(Ipv4Addr::LOCALHOST), "::1".parse().unwrap()];
    let error = Some("the local addresses are not of the local families".to_owned());
    assert_eq!(of(Families::V6Only, v4), error);
    assert_eq!(of(Families::V4Only, v6), error);
    for (families, local) in
        [(Families::Both, v4), (Families::V4Only, v4), (Families::Both, v6), (Families::V6Only, v6)]
    {
        assert_eq!(of(families, local), None, "{families:?} {local}");
    }
}

#[test]
fn a_layer_takes_no_attempt_service_from_its_builder() {
    let builder = HappyEyeballsLayer::builder();
    for error in [
        builder.clone().tcp(TcpOptions::new()).layer().unwrap_err(),
        builder.attempt(World::new([]).attempts()).layer().unwrap_err(),
    ] {
        let text = "a layer is given its attempt service by what it is put around: set none here";
        assert_eq!(error.to_string(), text);
    }
}
