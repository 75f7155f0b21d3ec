//! URIs and authorities, through the connector and the client.
//!
//! The input is one byte of [`Plan`], then the text of a URI, or of its parts. A URI that is refused is refused before anything is dialled. A request
//! that is sent has a target and a Host that parse back to the URI, and contains nothing of its userinfo.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri};
use http_body_util::Empty;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::client::Builder;
use hyper_happy_eyeballs::resolve::{Answers, Name};
use tower_service::Service;

use crate::clock;
use crate::memory::{Dialer, Memory, Next, Peer};
use crate::message::{Message, Parsed, parse};

/// Runs the target.
pub fn uri(data: &[u8]) {
    let Some((plan, text)) = data.split_first() else { return };
    let plan = Plan::new(*plan);
    if let Some(uri) = plan.uri(text) {
        clock::run(exchange(&plan, &uri));
    }
}

struct Plan {
    method: Method,
    is_proxied: bool,
    enforces_http: bool,
    /// The text is scheme, authority and path, with a zero byte between them.
    is_in_parts: bool,
}

impl Plan {
    fn new(byte: u8) -> Self {
        let methods = [Method::GET, Method::CONNECT, Method::OPTIONS, Method::GET];
        Self {
            method: methods[usize::from(byte & 3)].clone(),
            is_proxied: byte & 4 != 0,
            enforces_http: byte & 8 != 0,
            is_in_parts: byte & 16 != 0,
        }
    }

    fn uri(&self, text: &[u8]) -> Option<Uri> {
        if !self.is_in_parts {
            return Uri::from_maybe_shared(Bytes::copy_from_slice(text)).ok();
        }
        let mut texts = text.splitn(3, |byte| *byte == 0);
        let mut next = || texts.next().filter(|text| !text.is_empty());
        let mut parts = http::uri::Parts::default();
        parts.scheme = next().map(Scheme::try_from).transpose().ok()?;
        parts.authority = next().map(Authority::try_from).transpose().ok()?;
        parts.path_and_query = next().map(PathAndQuery::try_from).transpose().ok()?;
        Uri::from_parts(parts).ok()
    }
}

async fn exchange(plan: &Plan, uri: &Uri) {
    let log = Log::default();
    let (server_log, is_proxied) = (log.clone(), plan.is_proxied);
    let dialer = Dialer::new(move || {
        server_log.attempts.fetch_add(1, Ordering::Relaxed);
        Memory::new(Server { log: server_log.clone(), is_proxied, answers: 0 })
    });
    let connector = HappyEyeballsConnector::builder()
        .resolver(Everywhere { log: log.clone() })
        .attempt(dialer)
        .enforce_http(plan.enforces_http)
        .build()
        .expect("valid settings");
    let client = Builder::new().build(connector).expect("the defaults are valid");
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = plan.method.clone();
    *request.uri_mut() = uri.clone();
    let sent = clock::ends(client.request(request)).await;
    let sent = sent.unwrap_or_else(|| panic!("{} {uri} never ends", plan.method));
    match sent {
        Ok(_) => {
            let requests = log.with(|requests| requests.clone());
            let [message] = &requests[..] else { panic!("{} {uri} was sent as {requests:?}", plan.method) };
            check(plan, uri, message);
        }
        Err(error) => {
            let text = format!("{error} {error:?}");
            let is_refused = error.is_invalid_request() && error.is_permanent() && !error.may_retry();
            assert!(is_refused, "{} {uri} is no fault of the network: {text}", plan.method);
            // `*` has no absolute-form (RFC 9112 §3.2.4), and only a connection says that it is proxied.
            let is_known_late = plan.is_proxied && plan.method == Method::OPTIONS && uri.path() == "*";
            let most = usize::from(is_known_late);
            assert!(log.names.load(Ordering::Relaxed) <= most, "{uri} was looked up, and refused: {text}");
            assert!(log.attempts.load(Ordering::Relaxed) <= 2 * most, "{uri} was dialled, and refused: {text}");
            let parts = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
            // It is a secret only where it does not stand elsewhere too.
            let secret = parts.filter(|(userinfo, _)| {
                let elsewhere = uri.to_string().replacen(&format!("{userinfo}@"), "", 1);
                userinfo.len() > 8 && !elsewhere.contains(userinfo)
            });
            assert!(secret.is_none_or(|(secret, _)| !text.contains(secret)), "userinfo in {text}");
        }
    }
}

fn check(plan: &Plan, uri: &Uri, message: &Message) {
    let authority = uri.authority().expect("what is sent has somewhere to go");
    let (host, port) = split(authority.as_str());
    let host = without_zone(host).to_ascii_lowercase();
    let default = uri.scheme_str().and_then(|scheme| match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    });
    let about = || format!("{} {uri}: {message:?}", plan.method);
    assert_eq!(message.method, plan.method.as_str(), "{}", about());

    let value = message.values("host").next().expect("a request has a Host");
    let value = std::str::from_utf8(value).expect("a host is ASCII");
    value.parse::<Authority>().unwrap_or_else(|error| panic!("Host is no authority, {error}: {}", about()));
    let (told_host, told_port) = split(value);
    assert!(!value.contains(['@', '%']), "userinfo or a zone in Host: {}", about());
    assert_eq!(told_host.to_ascii_lowercase(), host, "Host is another one: {}", about());
    if plan.method != Method::CONNECT {
        // What a scheme implies may be left out. The Host of a tunnel is looked at with its target.
        let implied = default.or(port.filter(|port| matches!(port, 80 | 443)));
        assert_eq!(told_port.or(implied), port.or(implied), "the port in Host is another one: {}", about());
    }

    let target = std::str::from_utf8(&message.target).expect("a target is text");
    if plan.method == Method::CONNECT {
        // RFC 9110 §9.3.6: host and port, whatever the scheme implies.
        let (target_host, target_port) = split(target);
        assert!(!target.contains(['@', '/', '%']), "no authority-form: {}", about());
        assert_eq!(target_host.to_ascii_lowercase(), host, "{}", about());
        assert_eq!(target, value, "the Host of a tunnel is its target: {}", about());
        // Where neither port nor scheme is given, the client chooses.
        assert!(target_port.is_some(), "no port in the target: {}", about());
        assert_eq!(target_port, port.or(default).or(target_port), "{}", about());
        return;
    }
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let expected = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
    if plan.is_proxied {
        let told: Uri = target.parse().unwrap_or_else(|error| panic!("the target is no URI, {error}: {}", about()));
        // WebSocket has no scheme of its own there (RFC 6455 §4.1).
        let scheme = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("ws") => "http".to_owned(),
            Some("wss") => "https".to_owned(),
            other => other.unwrap_or_default().to_owned(),
        };
        assert!(told.scheme_str().is_some_and(|told| told.eq_ignore_ascii_case(&scheme)), "{}", about());
        let told_authority = told.authority().unwrap_or_else(|| panic!("no absolute-form: {}", about()));
        let (told_host, told_port) = split(told_authority.as_str());
        assert!(!told_authority.as_str().contains(['@', '%']), "userinfo or a zone in the target: {}", about());
        assert_eq!(told_host.to_ascii_lowercase(), host, "{}", about());
        assert_eq!(told_port.or(default), port.or(default), "{}", about());
        let told_path = told.path_and_query().map_or("/", PathAndQuery::as_str);
        assert_eq!(told_path.trim_start_matches('/'), expected.trim_start_matches('/'), "{}", about());
    } else if plan.method == Method::OPTIONS && expected == "*" {
        assert_eq!(target, "*", "{}", about());
    } else {
        assert_eq!(target, expected, "{}", about());
        assert!(target.starts_with('/'), "no origin-form: {}", about());
    }
}

/// Host and port of an authority. A port of no digits is none (RFC 3986 §3.2.3).
fn split(authority: &str) -> (&str, Option<u16>) {
    let rest = authority.rsplit('@').next().unwrap_or_default();
    match rest.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => (host, port.parse().ok()),
        None => (rest, None),
    }
}

/// A zone has a meaning only on this machine, and is not compared.
fn without_zone(host: &str) -> String {
    match host.split_once('%').filter(|_| host.starts_with('[')) {
        Some((address, _)) => format!("{address}]"),
        None => host.to_owned(),
    }
}

#[derive(Clone, Debug, Default)]
struct Log {
    names: Arc<AtomicUsize>,
    attempts: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Message>>>,
}

impl Log {
    fn with<T>(&self, look: impl FnOnce(&mut Vec<Message>) -> T) -> T {
        look(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A resolver that knows every name.
#[derive(Clone, Debug)]
struct Everywhere {
    log: Log,
}

impl Service<Name> for Everywhere {
    type Response = Answers;
    type Error = Infallible;
    type Future = Ready<Result<Answers, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        self.log.names.fetch_add(1, Ordering::Relaxed);
        let addresses: [SocketAddr; 2] = [(Ipv6Addr::LOCALHOST, 0).into(), (Ipv4Addr::LOCALHOST, 0).into()];
        ready(Ok(Answers::list(addresses)))
    }
}

struct Server {
    log: Log,
    is_proxied: bool,
    answers: usize,
}

impl Peer for Server {
    fn on_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match parse(bytes) {
            Parsed::Whole(message, len) if len == bytes.len() => self.log.with(|requests| requests.push(message)),
            other => panic!("a head in one piece was sent as {:?}: {other:?}", bytes.escape_ascii().to_string()),
        }
        self.answers += 1;
        Ok(())
    }

    fn on_read(&mut self) -> Next {
        if self.answers == 0 {
            return Next::Wait;
        }
        self.answers -= 1;
        Next::Bytes(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec())
    }

    fn is_proxied(&self) -> bool {
        self.is_proxied
    }
}
