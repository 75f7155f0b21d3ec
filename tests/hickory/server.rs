//! A DNS server that answers by a script, in a thread and a runtime of its own, and records its queries.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::svcb::{Alpn, IpHint, SVCB, SvcParamKey, SvcParamValue};
use hickory_server::proto::rr::rdata::{CNAME, HTTPS, SOA};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

pub(crate) use hickory_server::proto::rr::RecordType::{A, AAAA, CNAME as CNAMES, HTTPS as SERVICES, NS as SERVERS};

/// A server, until it is dropped.
pub(crate) struct Dns {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The queries and the answers, in the order of events.
#[derive(Default)]
struct Log {
    asked: Vec<String>,
    answered: Vec<String>,
}

/// What is answered to one query.
#[derive(Clone)]
pub(crate) struct Reply {
    code: ResponseCode,
    /// `None` is an owner that is the name that was asked for.
    records: Vec<(Option<Name>, RData)>,
    /// Says how long a negative answer is good for.
    has_soa: bool,
    ttl: u32,
    after: Duration,
    is_silent: bool,
    /// How many queries are lost before one is answered.
    lost: usize,
    is_truncated_over_udp: bool,
}

type Script = BTreeMap<(Name, RecordType), Reply>;

impl Dns {
    /// A server for these names. Queries for any other name are answered with NODATA.
    pub(crate) fn start<const N: usize>(script: [(&str, RecordType, Reply); N]) -> Self {
        let script = script.into_iter().map(|(host, kind, reply)| ((name(host), kind), reply)).collect();
        let log = Arc::new(Mutex::new(Log::default()));
        let handler = Handler { script, log: Arc::clone(&log) };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (udp, tcp) = bind().await;
                tell.send(udp.local_addr().unwrap()).unwrap();
                let mut server = Server::new(handler);
                server.register_socket(udp);
                server.register_listener(tcp, Duration::from_secs(60), 1 << 20);
                let _stopped = stopped.await;
            });
        });
        Self { address: told.recv().unwrap(), log, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `race.example AAAA`: the queries so far, in the order of their arrival.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.log.lock().unwrap().asked.clone()
    }

    /// Waits until this query has been answered.
    pub(crate) async fn answers(&self, query: &str) {
        super::until(|| self.log.lock().unwrap().answered.iter().any(|answered| answered == query)).await;
    }

    /// Waits until this query has been asked.
    pub(crate) async fn is_asked(&self, query: &str) {
        super::until(|| self.asked().iter().any(|asked| asked == query)).await;
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// The same port for both.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

impl Reply {
    fn new(code: ResponseCode) -> Self {
        Self {
            code,
            records: Vec::new(),
            has_soa: true,
            ttl: 300,
            after: Duration::ZERO,
            is_silent: false,
            lost: 0,
            is_truncated_over_udp: false,
        }
    }

    /// Delays the reply by this many milliseconds.
    pub(crate) fn after(mut self, milliseconds: u64) -> Self {
        self.after = Duration::from_millis(milliseconds);
        self
    }

    /// This many queries are not answered, as if their packets were lost.
    pub(crate) fn after_losses(mut self, queries: usize) -> Self {
        self.lost = queries;
        self
    }

    pub(crate) fn ttl(mut self, seconds: u32) -> Self {
        self.ttl = seconds;
        self
    }

    /// The reply over UDP is empty and truncated.
    pub(crate) fn truncated_over_udp(mut self) -> Self {
        self.is_truncated_over_udp = true;
        self
    }

    pub(crate) fn without_soa(mut self) -> Self {
        self.has_soa = false;
        self
    }

    pub(crate) fn with(mut self, owner: &str, data: RData) -> Self {
        self.records.push((Some(name(owner)), data));
        self
    }

    fn of(records: impl IntoIterator<Item = RData>) -> Self {
        let records = records.into_iter().map(|data| (None, data)).collect();
        Self { records, ..Self::new(ResponseCode::NoError) }
    }
}

/// `192.0.2.1 192.0.2.2`
pub(crate) fn a(addresses: &str) -> Reply {
    Reply::of(addresses.split_whitespace().map(|address| RData::A(address.parse().unwrap())))
}

pub(crate) fn aaaa(addresses: &str) -> Reply {
    Reply::of(addresses.split_whitespace().map(|address| RData::AAAA(address.parse().unwrap())))
}

pub(crate) fn cname(target: &str) -> Reply {
    Reply::of([cname_data(target)])
}

pub(crate) fn cname_data(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

pub(crate) fn nodata() -> Reply {
    Reply::of([])
}

pub(crate) fn nxdomain() -> Reply {
    Reply::new(ResponseCode::NXDomain)
}

pub(crate) fn servfail() -> Reply {
    Reply::new(ResponseCode::ServFail)
}

pub(crate) fn notimp() -> Reply {
    Reply::new(ResponseCode::NotImp)
}

pub(crate) fn refused() -> Reply {
    Reply::new(ResponseCode::Refused)
}

/// No answer, ever.
pub(crate) fn silence() -> Reply {
    Reply { is_silent: true, ..Reply::of([]) }
}

/// HTTPS records, each with its priority and target, and parameters like those of a zone file: `1 . alpn=h2,h3 port=8443`.
pub(crate) fn https(records: &[&str]) -> Reply {
    Reply::of(records.iter().map(|record| RData::HTTPS(HTTPS(svcb(record)))))
}

fn svcb(text: &str) -> SVCB {
    let mut words = text.split_whitespace();
    let priority = words.next().unwrap().parse().unwrap();
    let target = words.next().unwrap();
    let mut params: Vec<_> = words.map(|word| param(word.split_once('=').unwrap_or((word, "")))).collect();
    params.sort_by_key(|(key, _)| u16::from(*key));
    SVCB::new(priority, if target == "." { Name::root() } else { name(target) }, params)
}

fn param((key, value): (&str, &str)) -> (SvcParamKey, SvcParamValue) {
    let values = || value.split(',');
    match key {
        "alpn" => (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(values().map(Into::into).collect()))),
        "no-default-alpn" => (SvcParamKey::NoDefaultAlpn, SvcParamValue::NoDefaultAlpn),
        "port" => (SvcParamKey::Port, SvcParamValue::Port(value.parse().unwrap())),
        "ipv4hint" => {
            let hints = values().map(|value| value.parse().unwrap()).collect();
            (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(hints)))
        }
        "ipv6hint" => {
            let hints = values().map(|value| value.parse().unwrap()).collect();
            (SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(IpHint(hints)))
        }
        _ => panic!("{key} is not a key of this script"),
    }
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

struct Handler {
    script: Script,
    log: Arc<Mutex<Log>>,
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut respond: R) -> ResponseInfo {
        let query = request.request_info().unwrap().query;
        let (asked, kind) = (Name::from(query.name()), query.query_type());
        let text = format!("{} {kind}", asked.to_string().trim_end_matches('.'));
        let asked_before = {
            let mut log = self.log.lock().unwrap();
            // The resolver checks now and then whether the server is there. Such a query is not part of a test.
            let is_probe = asked.is_root();
            let asked_before = log.asked.iter().filter(|query| **query == text).count();
            log.asked.extend((!is_probe).then(|| text.clone()));
            asked_before
        };
        let reply = self.script.get(&(asked.clone(), kind)).cloned().unwrap_or_else(nodata);
        if reply.is_silent || asked_before < reply.lost {
            // The handler must answer when it returns, so it never returns.
            return std::future::pending().await;
        }
        tokio::time::sleep(reply.after).await;

        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = reply.code;
        metadata.recursion_available = true;
        let is_truncated = reply.is_truncated_over_udp && request.protocol() == Protocol::Udp;
        metadata.truncation = is_truncated;
        let records = reply.records.into_iter().filter(|_| !is_truncated);
        let records: Vec<Record> = records
            .map(|(owner, data)| Record::from_rdata(owner.unwrap_or_else(|| asked.clone()), reply.ttl, data))
            .collect();
        let has_soa = records.is_empty() && reply.has_soa && !is_truncated;
        let soa = RData::SOA(SOA::new(name("ns.example"), name("admin.example"), 1, 60, 60, 60, reply.ttl));
        let soa = has_soa.then(|| Record::from_rdata(asked.base_name(), reply.ttl, soa));
        let builder = MessageResponseBuilder::from_message_request(request);
        let response = builder.build(metadata, &records, [], &soa, []);
        let info = respond.send_response(response).await.unwrap();
        self.log.lock().unwrap().answered.push(text);
        info
    }
}
