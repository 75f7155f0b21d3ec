//! Sockets on a machine of the test's own (a network namespace), with few ports, unusual routes and one family.
#![cfg(all(feature = "connect", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/namespace.rs"]
mod namespace;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tcp::{TcpConnection, TcpOptions};
use hyper_happy_eyeballs::{ConnectError, HappyEyeballsConnector};
use namespace::inside;
use tokio::net::TcpListener;
use tower::ServiceExt;

const TEN_PORTS: &str = "echo '32768 32777' > /proc/sys/net/ipv4/ip_local_port_range";

#[test]
fn ten_local_ports_are_enough_for_ten_connections_to_each_of_three_destinations() {
    inside(
        "ten_local_ports_are_enough_for_ten_connections_to_each_of_three_destinations",
        &format!("{TEN_PORTS}\nip -6 addr add 2001:db8::1/64 dev lo nodad\nip -6 addr add 2001:db8::2/64 dev lo nodad"),
        async || {
            for (local, destinations) in [
                ("127.0.0.9", ["127.0.0.1:80", "127.0.0.2:80", "127.0.0.1:81"]),
                ("2001:db8::1", ["[::1]:80", "[2001:db8::2]:80", "[::1]:81"]),
            ] {
                let local: IpAddr = local.parse().unwrap();
                let options = || TcpOptions::new().local_address(local);
                let mut held = Vec::new();
                for destination in destinations {
                    let listener = TcpListener::bind(destination).await.unwrap();
                    for _ in 0..10 {
                        let connected = connect(options(), destination).await.unwrap();
                        assert_eq!(local_address(&connected).ip(), local);
                        held.push((connected, listener.accept().await.unwrap()));
                    }
                }
                // An eleventh has no port, and the error does not blame the peer.
                let error = connect(options(), destinations[0]).await.unwrap_err();
                let reason = "no local address or port to connect from: Cannot assign requested address (os error 99)";
                let expected = format!("could not connect to {0}: {0} {reason}", destinations[0]);
                assert_eq!(error.to_string(), expected);
            }
        },
    );
}

#[test]
fn a_link_local_address_is_one_of_an_interface() {
    inside(
        "a_link_local_address_is_one_of_an_interface",
        "ip -6 addr add fe80::1/64 dev lo nodad\nip -6 addr add 2001:db8::1/64 dev lo nodad",
        async || {
            let lo =
                std::fs::read_to_string("/sys/class/net/lo/ifindex").map_or(1, |index| index.trim().parse().unwrap());
            let local: Ipv6Addr = "fe80::1".parse().unwrap();
            let options = || TcpOptions::new().local_address(local);
            let _listener = TcpListener::bind("[::]:80").await.unwrap();
            for (options, uri) in [
                (options(), "[fe80::1%25lo]:80"),
                (options().local_scope_id(lo), "[fe80::1%25lo]:80"),
                (options().local_scope_id(lo), "[2001:db8::1]:80"),
                (options().interface("lo"), "[2001:db8::1]:80"),
                // It does not matter to any other address.
                (TcpOptions::new().local_address(Ipv6Addr::LOCALHOST).local_scope_id(77), "[::1]:80"),
            ] {
                connect(options.clone(), uri).await.unwrap_or_else(|error| panic!("{error} {options:?}"));
            }
            let error = connect(options(), "[2001:db8::1]:80").await.unwrap_err();
            assert!(
                error.to_string().ends_with("could not bind to the local address: Invalid argument (os error 22)"),
                "{error}"
            );
        },
    );
}

#[test]
fn a_line_tells_the_step_and_the_reason_of_the_system() {
    inside(
        "a_line_tells_the_step_and_the_reason_of_the_system",
        "ip route add blackhole 192.0.2.0/24\nip route add prohibit 198.51.100.0/24\nip route add unreachable 203.0.113.0/24\n\
         ip -6 route add blackhole 2001:db8::/32\nip link add abcdefghijklmno type veth peer name other",
        async || {
            let plain = TcpOptions::new;
            let fifteen = "abcdefghijklmno";
            let from = |local: &str| plain().local_address(local.parse::<IpAddr>().unwrap());
            for (options, to, expected) in [
                (plain(), "192.0.2.1:80", "could not begin to connect: Invalid argument (os error 22)"),
                (plain(), "[2001:db8::1]:80", "could not begin to connect: Invalid argument (os error 22)"),
                (plain(), "198.51.100.1:80", "could not begin to connect: Permission denied (os error 13)"),
                (plain(), "203.0.113.1:80", "host unreachable"),
                (plain(), "192.88.99.1:80", "network unreachable"),
                (plain(), "127.0.0.1:80", "connection refused"),
                (plain(), "[fe80::1]:80", "a link-local address takes a zone: Invalid argument (os error 22)"),
                (
                    from("192.0.2.9"),
                    "127.0.0.1:80",
                    "could not bind to the local address: Cannot assign requested address (os error 99)",
                ),
                (
                    plain().interface(format!("{fifteen}pqrstuvwxyz")),
                    "127.0.0.1:80",
                    "could not bind to the interface: No such device (os error 19)",
                ),
                (
                    plain().interface("lo\0x"),
                    "127.0.0.1:80",
                    "could not bind to the interface: No such device (os error 19)",
                ),
                (
                    plain().interface(""),
                    "127.0.0.1:80",
                    "could not bind to the interface: No such device (os error 19)",
                ),
            ] {
                let error = connect(options, to).await.unwrap_err();
                assert_eq!(error.attempts()[0].error().unwrap().was_sent(), expected == "connection refused");
                assert_eq!(error.to_string(), format!("could not connect to {to}: {to} {expected}"));
            }
            // The longest name that there is.
            let error = connect(plain().interface(fifteen), "127.0.0.1:80").await.unwrap_err();
            assert!(!error.to_string().contains("could not bind"), "{error}");
        },
    );
}

async fn connect(options: TcpOptions, host: &str) -> Result<HappyEyeballsStream<TcpConnection>, ConnectError> {
    let connector = HappyEyeballsConnector::builder().resolver(FixedResolver::new()).tcp(options).build().unwrap();
    let uri = format!("http://{host}/").parse().unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(20), connector.oneshot(uri))
        .await
        .expect("it should have ended long ago")
}

fn local_address(connected: &HappyEyeballsStream<TcpConnection>) -> SocketAddr {
    connected.get_ref().get_ref().local_addr().unwrap()
}
