//! DNS answers, through `HickoryResolver` over UDP on the loopback interface.
//!
//! The input is one byte of [`Plan`], then the replies of a server, one to each query: a length, then a message, or records that are assembled into a
//! message, so that lengths and names are often right. After the replies of the input every query gets `SERVFAIL`, so that an invalid reply costs no
//! time-out. The resolver must not panic, must not hang, and must not return more than was asked for.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use hyper_happy_eyeballs::race::{Answer, Families};
use hyper_happy_eyeballs::resolve::hickory_resolver::Hosts;
use hyper_happy_eyeballs::resolve::hickory_resolver::config::{
    NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hyper_happy_eyeballs::resolve::{HickoryResolver, Name, Query, Resolve};
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;
use tower_service::Service;

/// Runs the target.
pub fn dns(data: &[u8]) {
    let Some((plan, rest)) = data.split_first() else { return };
    RIG.with_borrow_mut(|rig| {
        let rig = rig.get_or_insert_with(Rig::new);
        rig.runtime.block_on(look_up(&rig.server, Plan(*plan), replies(rest)));
    });
}

/// No look-up takes longer, since each query is answered at once. The rest of the minute is for a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

async fn look_up(server: &UdpSocket, plan: Plan, replies: VecDeque<Vec<u8>>) {
    let resolver = plan.resolver(server.local_addr().expect("it is bound"));
    let resolve = async {
        // Look-ups of the resolver are tasks, which end when it is gone.
        let answers = resolve(resolver, plan).await;
        assert!(answers <= MAX_ANSWERS, "{answers} answers");
    };
    let serve = serve(server, plan, replies);
    let (resolve, mut serve) = (pin!(tokio::time::timeout(LIMIT, resolve)), pin!(serve));
    tokio::select! {
        biased;
        resolved = resolve => resolved.expect("the look-up ends"),
        () = &mut serve => {}
    }
}

/// Three queries, and what the targets of up to 16 records add to the HTTPS answer, again with each of their addresses.
const MAX_ANSWERS: usize = 3 + 2 * 16 + 16;

async fn resolve(mut resolver: HickoryResolver, plan: Plan) -> usize {
    let Ok(answers) = resolver.call(plan.name()).await else { return 0 };
    let (queries, first, stream) = answers.into_parts();
    let mut count = 0;
    let check = |answer: &Answer| {
        assert!(queries.contains(answer.query()), "nobody asked for {answer:?}");
        for address in answer.addresses() {
            let fits = match answer.query() {
                Query::A => address.is_ipv4(),
                Query::Aaaa => true,
                _ => false,
            };
            assert!(fits, "{address} in {answer:?}");
        }
    };
    first.iter().for_each(check);
    let Some(stream) = stream else { return 1 };
    let mut stream = pin!(stream);
    while let Some(said) = poll_fn(|cx| next::<HickoryResolver>(stream.as_mut(), cx)).await {
        count += 1;
        match said {
            Ok(answer) => check(&answer),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    count
}

fn next<R: Resolve>(
    stream: std::pin::Pin<&mut R::Stream>,
    cx: &mut std::task::Context<'_>,
) -> std::task::Poll<Option<Result<Answer, hyper_happy_eyeballs::QueryError>>> {
    futures_core::Stream::poll_next(stream, cx)
}

#[derive(Clone, Copy)]
struct Plan(u8);

impl Plan {
    fn name(self) -> Name {
        let host = ["www.example.test", "www.example.test.", "short", "a.b.c.d.example"][usize::from(self.0 & 3)];
        let name = Name::from(host);
        match self.0 >> 2 & 3 {
            0 => name,
            1 => name.with_https_port(8443),
            _ => name.with_https_port(443),
        }
    }

    fn has_whole_messages(self) -> bool {
        self.0 & 16 != 0
    }

    fn resolver(self, server: SocketAddr) -> HickoryResolver {
        let mut options = ResolverOpts::default();
        options.timeout = Duration::from_secs(5);
        options.attempts = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.edns0 = self.0 & 32 != 0;
        let mut config = NameServerConfig::udp(server.ip());
        for connection in &mut config.connections {
            connection.port = server.port();
        }
        let config = ResolverConfig::from_parts(None, vec!["example.test.".parse().expect("a name")], vec![config]);
        let resolver = HickoryResolver::with_config(config, options).expect("hickory takes the configuration");
        resolver.hosts(Hosts::default()).families(Families::Both)
    }
}

/// The server and the runtime are shared by all runs of a process. The resolver and its cache are not.
struct Rig {
    runtime: Runtime,
    server: UdpSocket,
}

thread_local! {
    static RIG: RefCell<Option<Rig>> = const { RefCell::new(None) };
}

impl Rig {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let server = runtime.block_on(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))).expect("a socket");
        Self { runtime, server }
    }
}

/// A length of two bytes, and as many bytes.
fn replies(mut data: &[u8]) -> VecDeque<Vec<u8>> {
    let mut replies = VecDeque::new();
    while let Some((len, rest)) = data.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
        let (reply, rest) = rest.split_at(len);
        replies.push_back(reply.to_vec());
        data = rest;
    }
    replies
}

/// Answers queries, until nobody waits for an answer.
async fn serve(server: &UdpSocket, plan: Plan, mut replies: VecDeque<Vec<u8>>) {
    let mut query = [0; 4096];
    loop {
        let Ok((len, client)) = server.recv_from(&mut query).await else { return };
        let Some((header, question)) = question(&query[..len]) else { continue };
        if let Some(reply) = replies.pop_front() {
            let reply =
                if plan.has_whole_messages() { whole(header, &reply) } else { put_together(header, question, &reply) };
            // A reply that does not fit into a datagram is not sent. If the client has gone, that is not an error.
            let _ignored = server.send_to(&reply, client).await;
        }
        let _ignored = server.send_to(&message(header, question, 2, [0; 3], &[]), client).await;
    }
}

/// The id of a query, and its question as it stands.
fn question(query: &[u8]) -> Option<([u8; 2], &[u8])> {
    let mut end = 12;
    while *query.get(end)? != 0 {
        end += usize::from(query[end]) + 1;
    }
    Some(([query[0], query[1]], query.get(12..end + 5)?))
}

/// The bytes of the input, with the id of the query.
fn whole(id: [u8; 2], reply: &[u8]) -> Vec<u8> {
    let mut message = reply.to_vec();
    for (byte, id) in message.iter_mut().zip(id) {
        *byte = id;
    }
    message
}

/// Assembles a message: the response code, then for each record its section, its owner, its type, and the length of its data.
fn put_together(id: [u8; 2], question: &[u8], mut reply: &[u8]) -> Vec<u8> {
    let Some((code, rest)) = reply.split_first() else { return Vec::new() };
    reply = rest;
    let (mut counts, mut sections) = ([0_u16; 3], [const { Vec::new() }; 3]);
    while let Some(([section, owner, record_type, len], rest)) = reply.split_first_chunk::<4>() {
        let section = usize::from(section % 4 % 3);
        let len = usize::from(*len).min(rest.len());
        let (data, rest) = rest.split_at(len);
        reply = rest;
        let record = &mut sections[section];
        match owner % 4 {
            // The name of the question, one above it, one below it, and a name of its own.
            0 | 1 => record.extend([0xc0, 0x0c]),
            2 => record.extend([0xc0, 0x0c + 1 + question.first().copied().unwrap_or_default().min(40)]),
            _ => record.extend(*b"\x05other\x04test\x00"),
        }
        let types: [u16; 10] = [1, 28, 65, 5, 6, 64, 39, 41, 16, 46];
        record.extend(types[usize::from(record_type % 10)].to_be_bytes());
        record.extend([0, 1, 0, 0, 0, 60]);
        // Wrong lengths are left to whole messages.
        record.extend(u16::try_from(len).unwrap_or_default().to_be_bytes());
        record.extend(data);
        counts[section] += 1;
    }
    message(id, question, *code & 15, counts, &sections.concat())
}

fn message(id: [u8; 2], question: &[u8], code: u8, counts: [u16; 3], records: &[u8]) -> Vec<u8> {
    let mut message = id.to_vec();
    message.extend([0x84, 0x80 | code, 0, 1]);
    counts.iter().for_each(|count| message.extend(count.to_be_bytes()));
    message.extend(question);
    message.extend(records);
    message
}
