//! A connect to a closed port of this machine is refused, although the system may choose that same port for the socket that connects.
#![cfg(all(feature = "connect", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::tcp::TcpConnector;
use tower::Service;

/// Of one destination Linux gives every second port of its range to one socket after the other: in two rounds the destination's own
/// port has its turn.
#[tokio::test]
async fn a_closed_port_of_this_machine_is_never_connected_to() {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let mut range = range.split_ascii_whitespace().map(|port| port.parse::<u16>().unwrap());
    let (first, last) = (range.next().unwrap(), range.next().unwrap());
    let address = closed_port((first..last).step_by(2).skip(100));

    let mut connector = TcpConnector::default();
    for _ in first..=last {
        match connector.call(AttemptRequest::new(address, "localhost", false)).await {
            Ok(connection) => {
                let (local, peer) = (connection.get_ref().local_addr(), connection.get_ref().peer_addr());
                // Another process may listen there by now.
                assert_ne!(local.unwrap(), peer.unwrap(), "connected to itself");
            }
            Err(error) => {
                let cause = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
                assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused, "{cause}");
            }
        }
    }
}

fn closed_port(mut ports: impl Iterator<Item = u16>) -> SocketAddr {
    let listener = ports.find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).unwrap();
    listener.local_addr().unwrap()
}
