//! Parts of the benchmark that are processes of their own: what is counted, what memory is measured of, and the server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::{burst, cost, scale, server};

const FLAG: &str = "--child";

/// Does what a parent asked for, if this is a child.
pub(crate) fn run(arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().unwrap();
    match words[..] {
        [FLAG, "serve"] => server::serve(),
        [FLAG, "connect", mode, connects] => cost::connects::run(mode, number(connects)),
        [FLAG, "burst", alpn, delay] => burst::server::serve(alpn, delay.parse().unwrap()),
        [FLAG, "shake-hands"] => cost::handshakes::serve(),
        [FLAG, "handshake", mode, sessions, server, handshakes] => {
            cost::handshakes::run(mode, sessions, server, number(handshakes));
        }
        [FLAG, "request", mode, port, requests, concurrency] => {
            cost::requests::run(mode, port.parse().unwrap(), number(requests), number(concurrency));
        }
        [FLAG, "request-http2", mode, port, requests, concurrency] => {
            cost::http2::run(mode, port.parse().unwrap(), number(requests), number(concurrency));
        }
        [FLAG, "memory", mode, count] => scale::memory::run(mode, number(count)),
        [FLAG, "race", addresses, races] => scale::races::run(number(addresses), number(races)),
        _ => return false,
    }
    true
}

/// The arguments that make this program such a child.
pub(crate) fn arguments(words: &[&str]) -> Vec<String> {
    [FLAG].iter().chain(words).map(ToString::to_string).collect()
}

/// A server for keep-alive requests, in a process of its own. It ends when this is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(arguments(&["serve"]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
