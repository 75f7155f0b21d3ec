//! Checks whether a DNS server is alive.
//!
//! hickory does not connect its UDP sockets. So the system cannot report an ICMP refusal to them, and hickory waits for its whole time-out. A
//! connected socket gets the error at once.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use super::service_record::random;

/// The address of a server that is asked over UDP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) server: SocketAddr,
    /// The address that queries are sent from, if one is configured.
    pub(super) local: Option<SocketAddr>,
}

impl Address {
    /// Sends a query for the name servers of the root, and waits for any response, also a refusal. Without a response it stays pending.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or refuses packets. Any other failure (there may be no free descriptor) says nothing about the server, and stays
    /// pending.
    pub(super) async fn answers(self) -> io::Result<()> {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};

        match self.ask().await {
            Err(error) if !matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) => {
                pending().await
            }
            result => result,
        }
    }

    /// Returns the system's error if no query can be sent at all. hickory does not pass that error on.
    pub(super) fn why_unreached(self) -> Option<io::Error> {
        std::net::UdpSocket::bind(self.local()).and_then(|socket| socket.connect(self.server)).err()
    }

    fn local(self) -> SocketAddr {
        let any = match self.server {
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let mut local = self.local.unwrap_or_else(|| SocketAddr::new(any, 0));
        local.set_port(0);
        local
    }

    async fn ask(self) -> io::Result<()> {
        let socket = UdpSocket::bind(self.local()).await?;
        socket.connect(self.server).await?;
        let query = query();
        socket.send(&query).await?;
        let mut header = [0; 12];
        loop {
            // The rest of the message is cut off.
            let length = socket.recv(&mut header).await?;
            if is_response(&header[..length], &query) {
                return Ok(());
            }
        }
    }
}

/// Returns a query for the NS records of the root (RFC 1035 §4.1), with recursion desired.
fn query() -> [u8; 17] {
    let [high, low, ..] = random().to_be_bytes();
    [high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]
}

/// Whether a message begins like a response to this query.
fn is_response(message: &[u8], query: &[u8; 17]) -> bool {
    matches!(message, [high, low, flags, ..] if [*high, *low] == query[..2] && flags & 0x80 != 0)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as StdUdpSocket;

    use super::*;

    fn at(server: SocketAddr) -> Address {
        Address { server, local: None }
    }

    #[tokio::test]
    async fn a_server_that_says_anything_answers() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let answers = at(server.local_addr().unwrap()).answers();
        let says_something = async {
            let mut query = [0; 100];
            let (length, peer) = server.recv_from(&mut query).await.unwrap();
            assert_eq!(length, 17);
            // Neither an echo of the query nor the answer to another query counts as a response.
            server.send_to(&query[..length], peer).await.unwrap();
            let other = [!query[0], query[1], 0x81, 5, 0, 0, 0, 0, 0, 0, 0, 0];
            server.send_to(&other, peer).await.unwrap();
            server.send_to(&[], peer).await.unwrap();
            let refused = [query[0], query[1], 0x81, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            server.send_to(&refused, peer).await.unwrap();
        };
        let (answered, ()) = tokio::join!(answers, says_something);
        answered.unwrap();
    }

    #[tokio::test]
    async fn what_fails_on_this_side_says_nothing_of_the_server() {
        let server = StdUdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // An address that this machine does not have (RFC 5737).
        let address =
            Address { local: Some(SocketAddr::new([203, 0, 113, 77].into(), 0)), ..at(server.local_addr().unwrap()) };
        assert!(address.ask().await.is_err());
        tokio_test::assert_pending!(tokio_test::task::spawn(address.answers()).poll());
    }

    #[tokio::test]
    async fn where_nobody_listens_that_is_known_at_once() {
        let closed = StdUdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        // The error differs between systems.
        assert!(at(closed).answers().await.is_err());
    }
}
