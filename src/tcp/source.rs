//! Which address the system would connect from, asked without sending anything.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

use super::TcpOptions;
use crate::fresh::is_fresh;
use crate::race::Source;

/// How many destinations are remembered. It takes a crawler to fill it in that time.
const MAX_REMEMBERED: usize = 8192;

/// Any destination will do for a datagram that is never sent, but for port 0.
const DISCARD_PORT: u16 = 9;

/// Knows the source address of destinations (RFC 6724 §6), and asks the system only now and then. Clones share what they know.
#[derive(Clone)]
pub(crate) struct SourceAddresses(Arc<Knowledge>);

enum Knowledge {
    System { options: TcpOptions, remembered: Mutex<Remembered> },
    Given(Box<dyn Fn(SocketAddr) -> Source + Send + Sync>),
}

#[derive(Default)]
struct Remembered {
    since: Option<Instant>,
    sources: BTreeMap<SocketAddr, Source>,
}

impl SourceAddresses {
    /// What the system says of sockets with these options.
    pub(crate) fn of_system(options: TcpOptions) -> Self {
        Self(Arc::new(Knowledge::System { options, remembered: Mutex::default() }))
    }

    /// What `find` says, whenever it is asked.
    pub(crate) fn given(find: impl Fn(SocketAddr) -> Source + Send + Sync + 'static) -> Self {
        Self(Arc::new(Knowledge::Given(Box::new(find))))
    }

    /// Nobody knows.
    pub(crate) fn unknown() -> Self {
        Self::given(|_| Source::Unknown)
    }

    /// The same, but what the system says of our own sockets is not known of others.
    pub(crate) fn unless_of_system(self) -> Self {
        match *self.0 {
            Knowledge::System { .. } => Self::unknown(),
            Knowledge::Given(_) => self,
        }
    }

    pub(crate) fn find(&self, destination: SocketAddr, now: Instant) -> Source {
        let (options, remembered) = match &*self.0 {
            Knowledge::System { options, remembered } => (options, remembered),
            Knowledge::Given(find) => return find(destination),
        };
        let mut remembered = remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.source(destination, now, |destination| options.source_address(destination))
    }
}

impl Remembered {
    fn source(&mut self, mut to: SocketAddr, now: Instant, ask: impl FnOnce(SocketAddr) -> Source) -> Source {
        to.set_port(0);
        if !self.since.is_some_and(|since| is_fresh(since, now)) || self.sources.len() >= MAX_REMEMBERED {
            self.sources.clear();
            self.since = Some(now);
        }
        *self.sources.entry(to).or_insert_with(|| ask(to))
    }
}

impl TcpOptions {
    /// The address that a socket with these options would connect from to `destination`, whose port does not matter.
    ///
    /// It takes a UDP socket, which is connected, and sends nothing.
    pub fn source_address(&self, mut destination: SocketAddr) -> Source {
        let Ok(socket) = Socket::new(Domain::for_address(destination), Type::DGRAM, Some(Protocol::UDP)) else {
            // No file descriptor, perhaps. That says nothing of the route.
            return Source::Unknown;
        };
        destination.set_port(DISCARD_PORT);
        let connected = || -> io::Result<Option<IpAddr>> {
            self.place(&socket, destination).map_err(io::Error::other)?;
            socket.connect(&destination.into())?;
            Ok(socket.local_addr()?.as_socket().map(|source| source.ip()))
        };
        match connected() {
            Ok(Some(source)) => Source::Address(source),
            Ok(None) | Err(_) => Source::Unreachable,
        }
    }
}

impl fmt::Debug for SourceAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.0 {
            Knowledge::System { .. } => "SourceAddresses(of the system)",
            Knowledge::Given(_) => "SourceAddresses(given)",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn the_source_of_loopback_is_loopback() {
        let sources = SourceAddresses::of_system(TcpOptions::new());
        let home: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!(sources.find(home, some_instant()), Source::Address(home.ip()));
    }

    #[test]
    fn the_source_is_the_local_address_that_sockets_are_bound_to() {
        let local: IpAddr = "127.0.0.2".parse().unwrap();
        let sources = SourceAddresses::of_system(TcpOptions::new().local_address(local));
        assert_eq!(sources.find("127.0.0.1:80".parse().unwrap(), some_instant()), Source::Address(local));
    }

    #[test]
    fn the_system_is_asked_once_and_again_after_a_while() {
        let mut remembered = Remembered::default();
        let began = some_instant();
        let mut asked = 0;
        for (port, after) in [(80, 0), (443, 1), (80, 4_999), (80, 5_000), (80, 5_001)] {
            let to = SocketAddr::new([192, 0, 2, 1].into(), port);
            remembered.source(to, began + Duration::from_millis(after), |_| {
                asked += 1;
                Source::Unreachable
            });
        }
        assert_eq!(asked, 2);
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut remembered = Remembered::default();
        for i in 0..3 * MAX_REMEMBERED {
            let ip = std::net::Ipv4Addr::from_bits(u32::try_from(i).unwrap());
            remembered.source(SocketAddr::new(ip.into(), 80), some_instant(), |_| Source::Unreachable);
            assert!(remembered.sources.len() <= MAX_REMEMBERED);
        }
    }
}
