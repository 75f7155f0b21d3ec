//! Servers that others have written.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use hyper_happy_eyeballs::race::Families;
use hyper_happy_eyeballs::resolve::{HickoryResolver, QueryErrorKind};

use crate::{LONG, config, connect, options, tried, trying_all};

#[tokio::test]
async fn dnsmasq_is_understood() {
    let Some(dnsmasq) = find("dnsmasq") else {
        // The gate installs it.
        assert!(env::var_os("CI").is_none(), "there is no dnsmasq");
        return;
    };
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
        // No data is no failure.
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
    process: Child,
}

impl Foreign {
    /// Starts `command` for some port, and waits for the line that says that it listens.
    fn start(listens: &'static str, command: impl Fn(u16) -> Command) -> Self {
        for _ in 0..10 {
            // Somebody else may take it before the server does.
            let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
            let mut process =
                command(free.port()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let lines = BufReader::new(process.stderr.take().unwrap()).lines();
            let (tell, told) = mpsc::channel();
            // It reads on for as long as there is something, so that the server never waits to be read.
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    let _unheard = tell.send(line);
                }
            });
            let server = Self { address: free, process };
            let mut said = Vec::new();
            while let Ok(line) = told.recv_timeout(LONG) {
                if line.contains(listens) {
                    return server;
                }
                said.push(line);
            }
            say(&format!("a server did not start: {said:?}"));
        }
        panic!("no server starts");
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// Where a program is. Says so if it is nowhere.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    let found = directories.map(|directory| directory.join(program)).find(|file| file.is_file());
    if found.is_none() {
        say(&format!("there is no {program} on this machine: its test is left out"));
    }
    found
}

#[expect(clippy::explicit_write, reason = "what the macros print is shown only if the test fails")]
fn say(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap();
}
