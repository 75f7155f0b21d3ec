//! DNS servers that others have written.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;

use hyper_happy_eyeballs::race::Families;
use hyper_happy_eyeballs::resolve::{HickoryResolver, QueryErrorKind};

use crate::programs::{Process, find, find_for_gate, say};
use crate::{config, connect, options, tried, trying_all};

#[tokio::test]
async fn dnsmasq_is_understood() {
    let Some(dnsmasq) = find_for_gate("dnsmasq") else { return };
    let server = Foreign::start("started, version", |port| {
        let mut command = Command::new(&dnsmasq);
        command.args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"]);
        command.args([&format!("--port={port}"), "--listen-address=127.0.0.1", "--pid-file=", "--local=/test/"]);
        command.args(["--host-record=both.test,192.0.2.1,2001:db8::1", "--host-record=v4.test,192.0.2.2"]);
        command.args(["--host-record=v6.test,2001:db8::3", "--cname=alias.test,both.test"]);
        // An HTTPS record: 1 . port=8443
        command.args(["--host-record=svc.test,192.0.2.4", "--dns-rr=svc.test,65,0001000003000220fb"]);
        command
    });
    assert_understood(&server).await;
}

#[tokio::test]
async fn unbound_is_understood() {
    let Some(unbound) = find("unbound") else { return };
    let server = Foreign::start("start of service", |port| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let file = directory.join(format!("unbound-{port}.conf"));
        let text = format!(
            "server:\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \"{}\"\n pidfile: \"\"\n use-syslog: no\n \
             logfile: \"\"\n verbosity: 1\n num-threads: 1\n interface: 127.0.0.1@{port}\n local-zone: \"test.\" static\n \
             local-data: \"both.test. A 192.0.2.1\"\n local-data: \"both.test. AAAA 2001:db8::1\"\n \
             local-data: \"v4.test. A 192.0.2.2\"\n local-data: \"v6.test. AAAA 2001:db8::3\"\n \
             local-data: \"alias.test. CNAME both.test.\"\n local-data: \"svc.test. A 192.0.2.4\"\n \
             local-data: \"svc.test. HTTPS 1 . port=8443\"\nremote-control:\n control-enable: no\n",
            directory.display()
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(&unbound);
        command.arg("-d").arg("-c").arg(file);
        command
    });
    assert_understood(&server).await;
}

/// Every kind of answer, through the connector.
async fn assert_understood(server: &Foreign) {
    let resolver = HickoryResolver::with_config(config(server.address), options()).unwrap().families(Families::Both);
    let error = async |uri| connect(trying_all(resolver.clone()), uri).await.unwrap_err();
    for (uri, expected) in [
        ("http://both.test/", &["[2001:db8::1]:80", "192.0.2.1:80"][..]),
        ("http://BOTH.test./", &["[2001:db8::1]:80", "192.0.2.1:80"]),
        ("http://v4.test/", &["192.0.2.2:80"]),
        ("http://v6.test/", &["[2001:db8::3]:80"]),
        ("http://alias.test/", &["[2001:db8::1]:80", "192.0.2.1:80"]),
        ("https://svc.test/", &["192.0.2.4:8443", "192.0.2.4:443"]),
    ] {
        let error = error(uri).await;
        assert_eq!(tried(error.attempts()), expected, "{uri}: {error}");
        // NODATA is not a failure.
        assert!(error.query_errors().iter().all(|error| error.kind() == QueryErrorKind::NoData), "{error:?}");
    }
    let error = error("http://nothing.test/").await;
    let expected =
        format!("could not resolve nothing.test: the name does not exist (NXDOMAIN from {})", server.address);
    assert_eq!(error.to_string(), expected);
}

/// A server in a process of its own, until it is dropped.
struct Foreign {
    address: SocketAddr,
    _process: Process,
}

impl Foreign {
    /// Starts `command` for some port, and waits for the line that says that it listens.
    fn start(listens: &str, command: impl Fn(u16) -> Command) -> Self {
        for _ in 0..10 {
            // Another process may take the port before the server does.
            let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
            match Process::start(&mut command(free.port()), listens) {
                Ok((process, _)) => return Self { address: free, _process: process },
                Err(said) => say(&format!("a server did not start: {said:?}")),
            }
        }
        panic!("no server starts");
    }
}
