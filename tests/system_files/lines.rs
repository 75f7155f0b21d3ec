//! The line of an error after a look-up, and what is found when descriptors are scarce.

use std::fs::{self, File};
use std::net::Ipv6Addr;

use hyper_happy_eyeballs::resolve::hickory_resolver::TokioResolver;
use hyper_happy_eyeballs::resolve::hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hyper_happy_eyeballs::resolve::{GaiResolver, HickoryResolver, Resolve};
use hyper_happy_eyeballs::tcp::TcpOptions;
use hyper_happy_eyeballs::{ConnectError, HappyEyeballsConnector};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::namespace::inside;
use crate::{found, servers};

/// Files for a machine: those in `/etc`, by their text.
fn script(files: &[(&str, &str)]) -> String {
    let mut script = "mount -t tmpfs none /etc\nprintf 'hosts: files dns\\n' > /etc/nsswitch.conf\nip -6 addr add fe80::53/64 dev lo nodad\n".to_owned();
    let root = rcgen::generate_simple_self_signed(["root.example".to_owned()]).unwrap().cert.pem();
    for (name, text) in files.iter().copied().chain([("root.pem", root.as_str())]) {
        script = script + "cat > /etc/" + name + " <<'END'\n" + text + "\nEND\n";
    }
    script + "export SSL_CERT_FILE=/etc/root.pem\n"
}

#[test]
fn the_line_of_a_look_up_that_failed_says_why() {
    inside("lines::the_line_of_a_look_up_that_failed_says_why", &script(&[]), async || {
        servers::start();
        for (server, of_system, of_hickory) in [
            ("127.0.0.58", "temporary failure", "io error: Connection refused (os error 111)"),
            ("127.0.0.59", "temporary failure", "DNS error: error response: Not Implemented"),
            (
                "127.0.0.62",
                "temporary failure",
                "response was truncated; TCP already tried or no other transport available",
            ),
            ("192.0.2.1", "temporary failure", "io error: Network is unreachable (os error 101)"),
            ("127.0.0.60", "", "DNS error: error response: Form Error"),
        ] {
            let conf = format!("nameserver {server}\noptions timeout:1 attempts:1\n");
            fs::write("/etc/resolv.conf", conf).unwrap();
            let resolver = HickoryResolver::from_system_conf().unwrap();
            assert_line(connect(resolver, "http://www.example/").await, of_hickory);
            if !of_system.is_empty() {
                assert_line(connect(GaiResolver::new(), "http://www.example/").await, of_system);
            }
        }
    });
}

#[test]
fn the_line_of_a_look_up_without_a_descriptor_or_a_name_says_so() {
    let test = "lines::the_line_of_a_look_up_without_a_descriptor_or_a_name_says_so";
    inside(test, &script(&[("resolv.conf", "nameserver 127.0.0.53")]), async || {
        servers::start();
        let resolver = HickoryResolver::from_system_conf().unwrap();
        let error = connect(resolver.clone(), "http://a!b/").await.unwrap_err();
        assert_eq!(error.to_string(), "could not resolve a!b: protocol error: Malformed label: a!b");
        let held = hold_all_descriptors();
        assert_line(connect(resolver, "http://www.example/").await, "io error: Too many open files (os error 24)");
        let error = connect(GaiResolver::new(), "http://www.example/").await.unwrap_err();
        let reason = "the look-up failed (A, AAAA: Too many open files (os error 24))";
        assert_eq!(error.to_string(), format!("could not resolve www.example: {reason}"));
        drop(held);
    });
}

/// Whether each family has this reason, in whatever order they came.
#[track_caller]
fn assert_line(connected: Result<(), ConnectError>, reason: &str) {
    let line = connected.unwrap_err().to_string();
    let expected = [("A", "AAAA"), ("AAAA", "A")].map(|(one, other)| {
        format!("could not resolve www.example: the look-up failed ({one}: {reason}, {other}: {reason})")
    });
    assert!(expected.contains(&line), "{line}");
}

/// With few free descriptors one file or another cannot be read. What it says is not asked of a server instead.
#[test]
fn a_name_in_the_table_is_never_asked_of_a_server_for_want_of_a_descriptor() {
    let test = "lines::a_name_in_the_table_is_never_asked_of_a_server_for_want_of_a_descriptor";
    let files = script(&[("resolv.conf", "nameserver 127.0.0.53"), ("hosts", "192.0.2.7 hosted.example")]);
    inside(test, &files, async || {
        servers::start();
        let of_hickory = TokioResolver::builder_tokio().unwrap().build().unwrap();
        let mut held = hold_all_descriptors();
        let around = HickoryResolver::new(of_hickory);
        assert!(found(around.clone(), "hosted.example").await.1.is_empty(), "the table could not be read");
        assert!(HickoryResolver::from_system_conf().is_err());
        let config = || ResolverConfig::from_name_servers(vec![NameServerConfig::udp([127, 0, 0, 53].into())]);
        assert!(HickoryResolver::with_config(config(), ResolverOpts::default()).is_err());
        for free in 0..8 {
            let (_, of_system) = found(GaiResolver::new(), "hosted.example").await;
            assert!(of_system.is_empty() || of_system == ["192.0.2.7"], "{of_system:?} with {free} descriptors");
            let of_hickory = match HickoryResolver::from_system_conf() {
                Ok(resolver) => found(resolver, "hosted.example").await.1,
                Err(_) => Vec::new(),
            };
            assert!(of_hickory.is_empty() || of_hickory == ["192.0.2.7"], "{of_hickory:?} with {free} descriptors");
            held.pop();
        }
        assert_eq!(found(GaiResolver::new(), "hosted.example").await.1, ["192.0.2.7"]);
        assert_eq!(found(around, "hosted.example").await.1, ["192.0.2.7"]);
    });
}

/// The machine is connected by IPv4 alone.
#[test]
fn a_name_that_is_this_machine_by_ipv6_alone_is_reached() {
    let route = "ip addr add 198.51.100.1/24 dev lo\nip route add default via 198.51.100.2 dev lo\n";
    let files = script(&[("resolv.conf", "nameserver 127.0.0.53")]);
    inside("lines::a_name_that_is_this_machine_by_ipv6_alone_is_reached", &(files + route), async || {
        servers::start();
        let _listener = TcpListener::bind("[::1]:80").await.unwrap();
        let from_here = || TcpOptions::new().local_address(Ipv6Addr::LOCALHOST);
        for (options, uri) in [
            (TcpOptions::new(), "http://home.example/"),
            (from_here(), "http://home.example/"),
            (from_here(), "http://home-too.example/"),
        ] {
            let resolver = HickoryResolver::from_system_conf().unwrap();
            connect_with(resolver, options.clone(), uri).await.unwrap();
            connect_with(GaiResolver::new(), options, uri).await.unwrap();
        }
    });
}

/// Until there is none.
fn hold_all_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

async fn connect<R: Resolve + Clone>(resolver: R, uri: &str) -> Result<(), ConnectError> {
    connect_with(resolver, TcpOptions::new(), uri).await
}

async fn connect_with<R: Resolve + Clone>(resolver: R, options: TcpOptions, uri: &str) -> Result<(), ConnectError> {
    let connector = HappyEyeballsConnector::builder().resolver(resolver).tcp(options).build().unwrap();
    connector.oneshot(uri.parse().unwrap()).await.map(drop)
}
