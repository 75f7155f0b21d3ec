//! DNS servers at fixed addresses of a machine of the test's own.
#![allow(clippy::disallowed_methods, reason = "a server has its tasks")]

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use hyper_happy_eyeballs::resolve::hickory_resolver::proto::op::{Message, ResponseCode};
use hyper_happy_eyeballs::resolve::hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What a server is like, and where it is. At `127.0.0.58` there is none.
const SERVERS: [(&str, Manner); 13] = [
    ("127.0.0.1", Manner::Knows(1)),
    ("127.0.0.53", Manner::Knows(53)),
    ("127.0.0.54", Manner::Knows(54)),
    ("127.0.0.43", Manner::Knows(43)),
    ("::1", Manner::Knows(6)),
    ("fe80::53%1", Manner::Knows(80)),
    ("127.0.0.55", Manner::Says(ResponseCode::Refused)),
    ("127.0.0.56", Manner::Says(ResponseCode::ServFail)),
    ("127.0.0.57", Manner::Silent),
    ("127.0.0.59", Manner::Says(ResponseCode::NotImp)),
    ("127.0.0.60", Manner::Says(ResponseCode::FormErr)),
    ("127.0.0.61", Manner::OverTcp(61)),
    ("127.0.0.62", Manner::Truncates),
];

#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// It knows the zone below, and has a number: `which.example` is `192.0.2.` and that.
    Knows(u8),
    /// The same, over TCP alone.
    OverTcp(u8),
    Says(ResponseCode),
    /// Over UDP it says that the answer is longer, and over TCP nobody listens.
    Truncates,
    Silent,
}

const ZONE: [(&str, &[&str]); 24] = [
    ("www.example", &["192.0.2.1", "2001:db8::1"]),
    ("v4.example", &["192.0.2.2"]),
    ("v6.example", &["2001:db8::2"]),
    ("big.example", &["192.0.2.3"]),
    ("hosted.example", &["192.0.2.66", "2001:db8::66"]),
    ("my_host.example", &["192.0.2.67"]),
    ("home.example", &["::1"]),
    ("home-too.example", &["::1", "192.0.2.1"]),
    ("db", &["192.0.2.99"]),
    ("db.a.corp", &["192.0.2.10"]),
    ("db.b.corp", &["192.0.2.11", "2001:db8::11"]),
    ("www.example.a.corp", &["192.0.2.12"]),
    ("only.b.corp", &["192.0.2.13"]),
    ("only.x.b.corp", &["192.0.2.14"]),
    ("app.dev", &["192.0.2.20"]),
    ("app.dev.refused.corp", &["refused"]),
    ("app.dev.notimp.corp", &["notimp"]),
    ("app.dev.formerr.corp", &["formerr"]),
    ("app.dev.silent.corp", &["silent"]),
    ("app.dev.servfail.corp", &["servfail"]),
    ("app.dev.a.corp", &["nodata"]),
    ("app.dev.b.corp", &["192.0.2.21"]),
    ("box.refused.corp", &["refused"]),
    ("box.b.corp", &["192.0.2.22"]),
];

/// Starts the servers, and returns when they listen. They run until the process ends.
pub(crate) fn start() {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for (address, manner) in SERVERS {
                let address = with_port(address);
                tokio::task::spawn(over_udp(UdpSocket::bind(address).await.unwrap(), manner));
                if manner != Manner::Truncates {
                    tokio::task::spawn(over_tcp(TcpListener::bind(address).await.unwrap(), manner));
                }
            }
            tell.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap();
}

fn with_port(address: &str) -> SocketAddr {
    if address.contains(':') { format!("[{address}]:53") } else { format!("{address}:53") }.parse().unwrap()
}

async fn over_udp(socket: UdpSocket, manner: Manner) {
    let mut buffer = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        if let Some(reply) = reply(&buffer[..length], manner, false) {
            socket.send_to(&reply, peer).await.unwrap();
        }
    }
}

async fn over_tcp(listener: TcpListener, manner: Manner) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::task::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut query = vec![0; usize::from(length)];
                stream.read_exact(&mut query).await.unwrap();
                let Some(reply) = reply(&query, manner, true) else { continue };
                stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
                stream.write_all(&reply).await.unwrap();
            }
        });
    }
}

fn reply(query: &[u8], manner: Manner, is_tcp: bool) -> Option<Vec<u8>> {
    let request = Message::from_vec(query).unwrap();
    let query = request.queries[0].clone();
    let mut response = request.into_response();
    // Without it, glibc takes an empty answer for that of a server which knows nothing.
    response.metadata.recursion_available = true;
    let number = match manner {
        Manner::Knows(number) => number,
        Manner::OverTcp(number) if is_tcp => number,
        Manner::OverTcp(_) | Manner::Silent => return None,
        Manner::Truncates => {
            response.metadata.truncation = true;
            return response.to_vec().ok();
        }
        Manner::Says(code) => {
            response.metadata.response_code = code;
            return response.to_vec().ok();
        }
    };
    let name = query.name().to_ascii().to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    let which = format!("192.0.2.{number}");
    let of_server = [which.as_str()];
    let records = match ZONE.iter().find(|(known, _)| *known == name) {
        Some((_, records)) => *records,
        None if name == "which.example" => &of_server,
        None => &["nxdomain"],
    };
    response.metadata.response_code = match records[0] {
        "refused" => ResponseCode::Refused,
        "notimp" => ResponseCode::NotImp,
        "formerr" => ResponseCode::FormErr,
        "servfail" => ResponseCode::ServFail,
        "nxdomain" => ResponseCode::NXDomain,
        "silent" => return None,
        _ => ResponseCode::NoError,
    };
    if name == "big.example" && !is_tcp {
        response.metadata.truncation = true;
        return response.to_vec().ok();
    }
    for record in records {
        let data = match (record.parse(), query.query_type()) {
            (Ok(IpAddr::V4(address)), RecordType::A) => RData::A(address.into()),
            (Ok(IpAddr::V6(address)), RecordType::AAAA) => RData::AAAA(address.into()),
            _ => continue,
        };
        response.answers.push(Record::from_rdata(query.name().clone(), 60, data));
    }
    response.to_vec().ok()
}
