//! Tests: which families are queried on a machine with one family. The connected families are set by the tests.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use futures_util::StreamExt;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record};

use super::*;
use crate::resolve::Query;

/// A mock DNS server, which runs until `stop` is asked for. `answer` returns the records or the code for a query in text: `www.example. A`.
struct Dns {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<thread::JoinHandle<()>>,
}

type Reply = Result<&'static str, ResponseCode>;

impl Dns {
    fn start(answer: impl Fn(&str) -> Reply + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).unwrap();
                if length == 0 {
                    break;
                }
                let request = Message::from_vec(&buffer[..length]).unwrap();
                let query = request.queries[0].clone();
                let text = format!("{} {}", query.name(), query.query_type());
                let reply = answer(&text);
                log.lock().unwrap().push(text);
                let mut response = request.into_response();
                match reply {
                    Ok(address) => {
                        let data = match address.parse() {
                            Ok(IpAddr::V6(address)) => Some(RData::AAAA(address.into())),
                            Ok(IpAddr::V4(address)) => Some(RData::A(address.into())),
                            Err(_) => None,
                        };
                        response.answers.extend(data.map(|data| Record::from_rdata(query.name().clone(), 60, data)));
                    }
                    Err(code) => response.metadata.response_code = code,
                }
                socket.send_to(&response.to_vec().unwrap(), peer).unwrap();
            }
        });
        Self { address, asked, thread: Some(thread) }
    }

    /// Returns a resolver for a machine that is connected with these families only.
    fn resolver(&self, connected: Families, domains: &[&str]) -> HickoryResolver {
        let (config, options) = self.configuration(domains);
        let resolver = HickoryResolver::with_config(config, options).unwrap();
        HickoryResolver { connectivity: Connectivity::always(connected), ..resolver }
    }

    fn configuration(&self, domains: &[&str]) -> (ResolverConfig, ResolverOpts) {
        let mut connection = ConnectionConfig::udp();
        connection.port = self.address.port();
        let server = NameServerConfig::new(self.address.ip(), true, vec![connection]);
        let mut config = ResolverConfig::from_name_servers(vec![server]);
        for domain in domains {
            config.add_search(domain.parse().unwrap());
        }
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        (config, options)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().send_to(&[], self.address).unwrap();
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(ended.is_some_and(|ended| ended.is_ok()) || thread::panicking());
    }
}

async fn resolve(resolver: &HickoryResolver, name: &str) -> (Queries, Vec<String>) {
    let answers = resolver.clone().call(name.into()).await.unwrap();
    let queries = answers.queries();
    let text = |answer: Result<Answer, super::super::QueryError>| match answer {
        Ok(answer) => answer.addresses().map(|address| address.ip().to_string()).collect(),
        Err(error) => format!("{} {}", error.query(), error.kind()),
    };
    (queries, answers.into_parts().2.unwrap().map(text).collect().await)
}

/// Answers only this query.
fn only(query: &'static str, address: &'static str) -> impl Fn(&str) -> Reply + Send + 'static {
    move |asked| Ok(if asked == query { address } else { "" })
}

#[tokio::test]
async fn what_was_not_asked_is_asked_before_the_name_is_lost() {
    let dns = Dns::start(only("www.example. AAAA", "::1"));
    let resolver = dns.resolver(Families::V4Only, &[]);
    let said = resolve(&resolver, "www.example").await;
    assert_eq!(said, (Query::A.into(), vec!["::1".to_owned(), "A no data".to_owned()]));
    assert_eq!(dns.asked(), ["www.example. A", "www.example. AAAA"]);

    let dns = Dns::start(only("www.example. A", "127.0.0.1"));
    let resolver = dns.resolver(Families::V6Only, &[]);
    let said = resolve(&resolver, "www.example").await;
    assert_eq!(said, (Query::Aaaa.into(), vec!["127.0.0.1".to_owned(), "AAAA no data".to_owned()]));
}

#[tokio::test]
async fn the_other_family_is_asked_for_too_where_the_first_one_fails() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NXDomain] {
        let dns = Dns::start(move |asked| if asked.ends_with("AAAA") { Ok("2001:db8::1") } else { Err(code) });
        let (_, said) = resolve(&dns.resolver(Families::V4Only, &[]), "www.example").await;
        assert_eq!(said[0], "2001:db8::1", "{said:?}");
        let dns = Dns::start(move |_| Err(code));
        let (_, said) = resolve(&dns.resolver(Families::V4Only, &[]), "www.example").await;
        let families: Vec<&str> = said.iter().filter_map(|said| said.split(' ').next()).collect();
        assert_eq!(families, ["AAAA", "A"], "an error tells of both");
    }
}

#[tokio::test]
async fn a_family_that_is_not_connected_is_not_asked_for_where_the_other_one_answers() {
    let dns = Dns::start(|asked| Ok(if asked.ends_with("AAAA") { "2001:db8::1" } else { "192.0.2.1" }));
    let (_, said) = resolve(&dns.resolver(Families::V4Only, &[]), "www.example").await;
    assert_eq!(said, ["192.0.2.1"]);
    assert_eq!(dns.asked(), ["www.example. A"]);
    // Nor if the caller has set the families.
    let dns = Dns::start(only("www.example. AAAA", "2001:db8::1"));
    let (_, said) = resolve(&dns.resolver(Families::Both, &[]).families(Families::V4Only), "www.example").await;
    assert_eq!(said, ["A no data"]);
}

#[tokio::test]
async fn a_host_in_a_search_domain_is_found_by_the_family_that_was_not_asked_for() {
    let dns = Dns::start(|asked| match asked {
        "www.b.example. AAAA" => Ok("2001:db8::1"),
        "www.b.example. A" => Ok(""),
        "www.c.example. A" => Ok("192.0.2.1"),
        _ => Err(ResponseCode::NXDomain),
    });
    let resolver = dns.resolver(Families::V4Only, &["a.example", "b.example", "c.example"]);
    let (_, said) = resolve(&resolver, "www").await;
    assert_eq!(said, ["A no data", "2001:db8::1"], "it is the first host of this name");
    assert_eq!(dns.asked(), ["www.a.example. A", "www.b.example. A", "www.b.example. AAAA"]);
}

#[tokio::test]
async fn the_last_name_of_a_search_is_asked_for_in_both_families() {
    let dns = Dns::start(|asked| if asked == "www. AAAA" { Ok("::1") } else { Err(ResponseCode::NXDomain) });
    let (_, said) = resolve(&dns.resolver(Families::V4Only, &["a.example"]), "www").await;
    assert_eq!(said, ["A NXDOMAIN", "::1"]);
}

#[tokio::test]
async fn a_family_that_the_caller_can_use_is_asked_for_though_the_machine_is_not_connected_with_it() {
    let dns = Dns::start(|asked| Ok(if asked.ends_with("AAAA") { "::1" } else { "192.0.2.1" }));
    let resolver = dns.resolver(Families::V4Only, &[]);
    let name = Name::from("www.example").with_families(Families::V6Only);
    let answers = resolver.clone().call(name).await.unwrap();
    assert_eq!(answers.queries(), Query::Aaaa.into());
    assert_eq!(answers.into_parts().2.unwrap().count().await, 1);
    assert_eq!(dns.asked(), ["www.example. AAAA"]);
}

#[tokio::test]
async fn after_a_change_of_the_network_what_is_cached_is_asked_for_again_once() {
    let dns = Dns::start(only("www.example. A", "192.0.2.1"));
    let of_hickory = {
        let (config, options) = dns.configuration(&[]);
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        HickoryResolver::new(resolver.with_options(options).build().unwrap()).families(Families::V4Only)
    };
    for resolver in [dns.resolver(Families::V4Only, &[]), of_hickory] {
        let asked_before = dns.asked().len();
        let [first, second] = [Epoch::begin(), Epoch::begin()];
        let clone = resolver.clone();
        for (epoch, resolver, asked) in
            [(first, &resolver, 1), (first, &clone, 1), (second, &resolver, 2), (second, &clone, 2), (first, &clone, 2)]
        {
            let answers = resolver.clone().call(Name::from("www.example").with_epoch(epoch)).await.unwrap();
            assert!(answers.into_parts().2.unwrap().all(|answer| ready(answer.is_ok())).await);
            assert_eq!(dns.asked().len() - asked_before, asked);
        }
    }
}
