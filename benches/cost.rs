//! What a connect costs beyond the socket itself, as counts: instructions by callgrind, so that they are the same on every run.
//!
//! Each mode is run at two lengths under valgrind, and the difference divided by the difference of the lengths, so that
//! start-up cancels out. A connect is counted with its accept in the same process; that of the bare socket is subtracted.
//! Fails if ours costs more than the limits; skipped with a word where there is no valgrind.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the listener has a task of its own")]

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use http::Uri;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

/// The modes, and how many instructions beyond those of the bare socket each may cost.
const MODES: [(&str, Option<u64>); 4] = [
    ("bare socket", None),
    ("hyper-util", None),
    ("ours, one address", Some(2_500)),
    ("ours, two families", Some(4_000)),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, mode, connects] = &arguments[..] {
        if flag == "--connect" {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            return runtime.block_on(connect(mode, connects.parse().unwrap()));
        }
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    let mut bare = None;
    for (mode, limit) in MODES {
        let instructions = (count(mode, 1_500) - count(mode, 500)) / 1_000;
        let beyond = instructions.saturating_sub(*bare.get_or_insert(instructions));
        println!("{mode:20} {instructions:6} instructions a connect, {beyond:5} beyond the bare socket");
        assert!(limit.is_none_or(|limit| beyond <= limit), "the limit is {limit:?}");
    }
}

/// The instructions of a run of this program that makes so many connects.
fn count(mode: &str, connects: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--connect", mode, &connects.to_string()])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = report.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected.unwrap_or_else(|| panic!("{report}")).trim().parse().unwrap()
}

async fn connect(mode: &str, connects: usize) {
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let port = v6.local_addr().unwrap().port();
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    for listener in [v6, v4] {
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    }
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let uri: Uri = format!("http://test.example:{port}/").parse().unwrap();
    let ours = |addresses: &[SocketAddr]| {
        let resolver = FixedResolver::new().with("test.example", addresses.iter().copied());
        HappyEyeballsConnector::builder().resolver(resolver).build().unwrap()
    };
    match mode {
        "bare socket" => {
            for _ in 0..connects {
                let stream = TcpStream::connect(v6).await.unwrap();
                stream.set_nodelay(true).unwrap();
                close_by_reset(&stream);
            }
        }
        "hyper-util" => {
            let resolver =
                tower::service_fn(move |_: Name| std::future::ready(Ok::<_, Infallible>([v6, v4].into_iter())));
            let mut connector = HttpConnector::new_with_resolver(resolver);
            connector.set_nodelay(true);
            for _ in 0..connects {
                close_by_reset(call(&mut connector, &uri).await.inner());
            }
        }
        _ => {
            let mut connector = if mode == "ours, one address" { ours(&[v6]) } else { ours(&[v6, v4]) };
            for _ in 0..connects {
                close_by_reset(call(&mut connector, &uri).await.get_ref().get_ref());
            }
        }
    }
}

async fn call<S: Service<Uri, Error: std::fmt::Debug>>(service: &mut S, uri: &Uri) -> S::Response {
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    service.call(uri.clone()).await.unwrap()
}

/// No port stays in TIME_WAIT.
fn close_by_reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}
