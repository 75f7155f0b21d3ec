//! Compares the resolvers with getaddrinfo on a machine whose files the test has written.
//!
//! Each row of the table runs in namespaces and in a process of its own: glibc reads some files once for each process.
#![cfg(all(feature = "hickory", target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a row says that it holds")]

mod lines;
#[path = "../support/namespace.rs"]
mod namespace;
mod servers;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures_util::StreamExt;
use hyper_happy_eyeballs::race::{Families, Queries};
use hyper_happy_eyeballs::resolve::{GaiResolver, HickoryResolver, Name, Resolve};
use table::{Hickory, ROWS, Row};
use tower::ServiceExt;

const ROW: &str = "ROW";

/// Rows that run at one time: most of them wait.
const AT_ONE_TIME: usize = 6;

#[test]
fn both_resolvers_find_the_host_that_getaddrinfo_finds() {
    if let Ok(row) = std::env::var(ROW) {
        servers::start();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&ROWS[row.parse::<usize>().unwrap()]));
        println!("the row holds");
        return;
    }
    if !namespace::is_possible() {
        return;
    }
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONE_TIME {
            scope.spawn(|| {
                while let Some((number, row)) = ROWS.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = run(number, row) {
                        failures.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} rows fail:\n{}", failures.len(), ROWS.len(), failures.join("\n"));
}

/// Runs a row on a machine of its own.
fn run(number: usize, row: &Row) -> Result<(), String> {
    let etc = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("etc-{}-{number}", std::process::id()));
    fs::create_dir_all(&etc).unwrap();
    for (name, text) in row.files() {
        fs::write(etc.join(name), text).unwrap();
    }
    for name in row.directories {
        fs::create_dir_all(etc.join(name)).unwrap();
    }
    // hickory wants a root certificate wherever it can do TLS.
    let root = rcgen::generate_simple_self_signed(["root.example".to_owned()]).unwrap();
    fs::write(etc.join("root.pem"), root.cert.pem()).unwrap();
    let script = format!(
        "ip -6 addr add fe80::53/64 dev lo nodad\nmount -t tmpfs none /etc\ncp -r {}/. /etc\necho {} > /proc/sys/kernel/hostname",
        etc.display(),
        row.hostname
    );
    let number = number.to_string();
    let variables: Vec<_> =
        row.environment.iter().copied().chain([(ROW, number.as_str()), ("SSL_CERT_FILE", "/etc/root.pem")]).collect();
    let output = namespace::run_inside("both_resolvers_find_the_host_that_getaddrinfo_finds", &script, &variables);
    fs::remove_dir_all(&etc).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.contains("the row holds") {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    let why = error.lines().filter(|line| line.starts_with("row: ")).collect::<Vec<_>>().join("\n  ");
    Err(format!("{}, {:?}: {}", row.what, row.name, if why.is_empty() { error.into_owned() } else { why }))
}

async fn check(row: &Row) {
    let name = row.name;
    let known = tokio::task::spawn_blocking(move || (name, 0).to_socket_addrs()).await.unwrap();
    let known: Vec<IpAddr> =
        known.map(|known| known.map(|address| address.ip().to_canonical()).collect()).unwrap_or_default();
    let (queries, gai) = found(GaiResolver::new(), name).await;
    let hickory = match HickoryResolver::from_system_conf() {
        // getaddrinfo asks for both families, whatever the machine is connected with.
        Ok(resolver) => found(resolver, name).await.1,
        Err(error) => vec![error.to_string()],
    };
    let mut wrong = Vec::new();
    let mut expect = |who: &str, expected: BTreeSet<String>, found: BTreeSet<String>| {
        if expected != found {
            wrong.push(format!("row: {who} finds {found:?}, and not {expected:?}"));
        }
    };
    let known_as_text: BTreeSet<_> = known.iter().map(ToString::to_string).collect();
    expect("getaddrinfo", words(row.found), known_as_text.clone());
    expect("the system's resolver", known_as_text.clone(), gai.iter().cloned().collect());
    let expected = match row.hickory {
        Hickory::Same => known_as_text,
        Hickory::Differs(found) => words(found),
    };
    expect("hickory", expected, hickory.into_iter().collect());
    if row.is_ordered {
        let order: Vec<_> = known.iter().map(ToString::to_string).collect();
        if queries != Queries::LIST || gai != order {
            wrong.push(format!("row: the system's order is {order:?}, and not {gai:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What a resolver asks, and the addresses that it finds, in their order.
async fn found<R: Resolve<Error: Into<Box<dyn std::error::Error + Send + Sync>>>>(
    resolver: R,
    name: &str,
) -> (Queries, Vec<String>) {
    let name = Name::from(name).with_families(Families::Both);
    let Ok(answers) = resolver.oneshot(name).await else { return (Queries::NONE, Vec::new()) };
    let (queries, first, stream) = answers.into_parts();
    let mut all = Vec::from_iter(first);
    if let Some(stream) = stream {
        all.extend(Box::pin(stream).filter_map(async |answer| answer.ok()).collect::<Vec<_>>().await);
    }
    let mut found: Vec<String> = Vec::new();
    for address in
        all.iter().flat_map(|answer| answer.destinations().map(|address| address.ip().to_string()).collect::<Vec<_>>())
    {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    (queries, found)
}
