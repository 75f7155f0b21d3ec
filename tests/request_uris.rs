//! The client and the connector handle every URI or authority that the crate `http` accepts: they do not panic, and send no invalid request.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the server is a task")]

use std::future::ready;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Uri};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::resolve::{Answers, Name};
use hyper_happy_eyeballs::{BoxError, Client, HappyEyeballsConnector};
use tokio::io::DuplexStream;
use tower::{Service, service_fn};

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "support/strict.rs"]
mod strict;

use memory::Memory;
use strict::{Seen, serve};

const ALPHABET: &str = "[]@:%.1a";

/// Every authority of up to four characters, longer ones at random, and some of a kind that is rare at random.
fn authorities() -> Vec<Authority> {
    let mut texts = vec![String::new()];
    let mut last = texts.clone();
    for _ in 0..4 {
        last = last.iter().flat_map(|text| ALPHABET.chars().map(move |next| format!("{text}{next}"))).collect();
        texts.extend_from_slice(&last);
    }
    let mut random = fastrand::Rng::with_seed(7);
    let alphabet: Vec<char> = "[]@:%.1a0-_!~fe".chars().collect();
    for _ in 0..20_000 {
        let length = random.usize(5..16);
        texts.push((0..length).map(|_| alphabet[random.usize(..alphabet.len())]).collect());
    }
    let parts =
        ["[", "]", "@", ":", "::1", "fe80::1", "%251", "%1", "a.example", "127.0.0.1", "80", "65536", "u:p", ""];
    for _ in 0..20_000 {
        let length = random.usize(1..7);
        texts.push((0..length).map(|_| parts[random.usize(..parts.len())]).collect());
    }
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// The URIs of requests for an authority, as far as there are any.
fn uris(authority: &Authority) -> impl Iterator<Item = Uri> {
    let absolute = ["http", "https"].map(|scheme| format!("{scheme}://{authority}/path?query").parse());
    absolute.into_iter().flatten().chain([Uri::from(authority.clone())])
}

type Log = Arc<Mutex<Vec<Result<Seen, String>>>>;

/// A connector to a server that has nothing, and what the server saw.
fn server(is_proxied: bool) -> (Memory<impl Fn(DuplexStream)>, Log) {
    let log = Log::default();
    let writer = Arc::clone(&log);
    let connector = Memory::new(move |stream| {
        let log = Arc::clone(&writer);
        tokio::spawn(async move {
            let answer = |seen| {
                log.lock().unwrap().push(Ok(seen));
                "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()
            };
            if let Err(fault) = serve(stream, answer).await {
                log.lock().unwrap().push(Err(fault));
            }
        });
    })
    .proxied(is_proxied);
    (connector, log)
}

/// What is wrong with a request that was sent, if anything is.
fn fault(seen: &Seen, uri: &Uri, is_absolute: bool) -> Option<String> {
    let host = seen.one("host").unwrap();
    let target = match seen.target.split_once("://") {
        Some((_, rest)) => rest.strip_suffix("/path?query").unwrap(),
        None => seen.target.strip_suffix("/path?query").unwrap_or(&seen.target),
    };
    let is_connect = seen.method == "CONNECT";
    let bare = without_zone(uri.authority().unwrap().as_str().rsplit('@').next().unwrap());
    let has_right_form = match (is_connect, is_absolute) {
        // That of a port such as `080` is written as any number is.
        (true, _) => is_host_and_port(target, true) && target == host,
        (false, true) => target == host,
        (false, false) => target.is_empty(),
    };
    let (named, _) = bare.split_at(host_length(&bare));
    let holds = has_right_form && &host[..host_length(host)] == named && is_host_and_port(host, false);
    if holds { None } else { Some(format!("{uri}: {seen:?}")) }
}

/// A zone means something to this machine alone.
fn without_zone(authority: &str) -> String {
    match (authority.split_once('%'), authority.split_once(']')) {
        (Some((address, _)), Some((_, port))) => format!("{address}]{port}"),
        _ => authority.to_owned(),
    }
}

fn host_length(text: &str) -> usize {
    text.find(']').map_or_else(|| text.find(':').unwrap_or(text.len()), |bracket| bracket + 1)
}

fn is_host_and_port(text: &str, needs_port: bool) -> bool {
    let (host, port) = text.split_at(host_length(text));
    let is_host = match host.strip_prefix('[') {
        Some(rest) => !rest.contains(['[', '%']) && rest.len() > 1,
        None => !host.is_empty() && !host.contains(['[', ']', '%', '@']),
    };
    let is_port = port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    is_host && (is_port || (port.is_empty() && !needs_port))
}

#[tokio::test]
async fn the_client_sends_a_request_for_any_authority_or_says_that_it_is_invalid() {
    let authorities = authorities();
    let (mut sent, mut refused, mut faults) = (0, 0, Vec::new());
    for is_proxied in [false, true] {
        let (connector, log) = server(is_proxied);
        let client = Client::new(connector.clone());
        for authority in &authorities {
            for uri in uris(authority) {
                for method in [Method::GET, Method::CONNECT] {
                    let mut request = Request::new(Empty::<Bytes>::new());
                    (*request.method_mut(), *request.uri_mut()) = (method, uri.clone());
                    let connects = connector.connects();
                    match client.request(request).await {
                        Ok(response) => {
                            sent += 1;
                            response.into_body().collect().await.unwrap();
                            let is_absolute = is_proxied;
                            match log.lock().unwrap().pop() {
                                Some(Ok(seen)) => faults.extend(fault(&seen, &uri, is_absolute)),
                                other => faults.push(format!("{uri}: {other:?}")),
                            }
                        }
                        Err(error) => {
                            refused += 1;
                            if !error.is_invalid_request() || connector.connects() != connects {
                                faults.push(format!("{uri}: {error:?}"));
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
    assert!(sent > 1_000 && refused > 1_000, "{sent} sent, {refused} refused");
}

#[tokio::test]
async fn the_connector_looks_up_a_name_or_an_address_or_says_that_the_uri_is_invalid() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let resolver = {
        let names = Arc::clone(&names);
        service_fn(move |name: Name| {
            names.lock().unwrap().push(name.to_string());
            ready(Err::<Answers, BoxError>("no name has an address".into()))
        })
    };
    let attempt = service_fn(|_: AttemptRequest| ready(Err::<DuplexStream, BoxError>("nobody is there".into())));
    let mut connector = HappyEyeballsConnector::builder().resolver(resolver).attempt(attempt).build().unwrap();
    let mut tried = 0;
    for authority in authorities() {
        for uri in uris(&authority) {
            let Err(error) = connector.call(uri.clone()).await else { panic!("somebody is there") };
            match names.lock().unwrap().pop() {
                Some(name) => assert!(!name.is_empty() && !name.contains(['[', ']', '@', ':', '%']), "{uri}: {name}"),
                None if error.is_invalid_uri() => {}
                None => tried += 1,
            }
        }
    }
    assert!(tried > 100, "addresses were tried: {tried}");
}
