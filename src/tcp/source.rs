//! Finds the source address that the system would connect from to a destination, without sending anything.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

use super::TcpOptions;
use crate::lock::{Lock, assert_unlocked};
use crate::network::{Heard, OUTSIDE_V4, OUTSIDE_V6, Observed};
use crate::race::Source;

/// The most destinations that are remembered. Only a crawler has so many within 5 s.
const MAX_REMEMBERED: usize = 8192;

/// The port of the UDP socket's destination. Any but 0 will do, since nothing is sent.
const DISCARD_PORT: u16 = 9;

/// Returns the source addresses of destinations (RFC 6724 §6), and caches what the system says. Clones share the cache.
///
/// 1. What the system has said is believed for 5 s.
/// 2. A new epoch or a doubt ends that at once, and the next connect asks again. So a change of the network affects only the connects that notice it.
/// 3. Neither the system nor a user's function is called while the lock is held.
#[derive(Clone)]
pub(crate) struct SourceAddresses(Arc<Knowledge>);

enum Knowledge {
    System {
        options: TcpOptions,
        /// The cache. The lock is held only for a look-up in it.
        remembered: Lock<Remembered>,
    },
    Given(Box<dyn Fn(SocketAddr) -> Source + Send + Sync>),
}

#[derive(Default)]
struct Remembered {
    /// When the first of the cached sources was asked for. `None` before that.
    begun: Option<Observed>,
    /// The sources by destination. The ports of the keys are 0.
    sources: BTreeMap<SocketAddr, Source>,
}

impl SourceAddresses {
    /// The source addresses that the system would choose for sockets with these options.
    pub(crate) fn of_system(options: TcpOptions) -> Self {
        Self(Arc::new(Knowledge::System { options, remembered: Lock::default() }))
    }

    /// The source addresses that `find` returns. It is called each time.
    pub(crate) fn given(find: impl Fn(SocketAddr) -> Source + Send + Sync + 'static) -> Self {
        Self(Arc::new(Knowledge::Given(Box::new(find))))
    }

    /// All source addresses are unknown.
    pub(crate) fn unknown() -> Self {
        Self::given(|_| Source::Unknown)
    }

    /// Returns the source address for `destination`, whose port does not matter. `heard` are the latest change and doubt that the caller knows of.
    pub(crate) fn find(&self, destination: SocketAddr, heard: Heard, now: Instant) -> Source {
        match &*self.0 {
            Knowledge::System { options, remembered } => {
                find_remembered(remembered, destination, heard, now, |destination| options.source_address(destination))
            }
            Knowledge::Given(find) => {
                assert_unlocked();
                find(destination)
            }
        }
    }

    /// Asks the system for the source addresses of the default routes of IPv6 and of IPv4. The source of a family without a default route is
    /// unknown: its destinations are near.
    pub(crate) fn of_default_routes(&self) -> [Source; 2] {
        [OUTSIDE_V6, OUTSIDE_V4].map(|outside| {
            let outside = SocketAddr::new(outside, 0);
            let source = match &*self.0 {
                Knowledge::System { options, .. } => options.source_address(outside),
                Knowledge::Given(find) => {
                    assert_unlocked();
                    find(outside)
                }
            };
            if source == Source::Unreachable { Source::Unknown } else { source }
        })
    }
}

/// Returns the cached source of `destination`, or else what `ask` returns. `ask` is called while the lock is not held.
fn find_remembered(
    remembered: &Lock<Remembered>,
    mut destination: SocketAddr,
    heard: Heard,
    now: Instant,
    ask: impl FnOnce(SocketAddr) -> Source,
) -> Source {
    destination.set_port(0);
    let begun = match remembered.lock().find(destination, heard, now) {
        Ok(source) => return source,
        Err(begun) => begun,
    };
    let source = ask(destination);
    remembered.lock().remember(destination, source, begun);
    source
}

impl Remembered {
    /// Returns the cached source, or else the time to [`remember`](Self::remember) a new one with.
    fn find(&mut self, destination: SocketAddr, heard: Heard, now: Instant) -> Result<Source, Observed> {
        let begun = match self.begun {
            Some(begun) if begun.is_believed(heard, now) => begun,
            _ => {
                self.sources.clear();
                *self.begun.insert(Observed::new(now, heard))
            }
        };
        self.sources.get(&destination).copied().ok_or(begun)
    }

    /// Adds a source to the cache, unless the cache was cleared since `begun`.
    fn remember(&mut self, destination: SocketAddr, source: Source, begun: Observed) {
        if self.begun != Some(begun) {
            return;
        }
        if self.sources.len() >= MAX_REMEMBERED {
            self.sources.clear();
        }
        self.sources.insert(destination, source);
    }
}

impl TcpOptions {
    /// Asks the system which address a socket with these options would connect from to `destination`. The port does not matter.
    ///
    /// A UDP socket is connected for that, which sends nothing.
    pub fn source_address(&self, mut destination: SocketAddr) -> Source {
        let Ok(socket) = Socket::new(Domain::for_address(destination), Type::DGRAM, Some(Protocol::UDP)) else {
            // There may be no free descriptor, which says nothing about the route.
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
            // No local port is free, which says nothing about the route.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Source::Unknown,
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
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::network::Epoch;
    use crate::test_support::some_instant;

    #[test]
    fn the_source_of_loopback_is_loopback() {
        let sources = SourceAddresses::of_system(TcpOptions::new());
        let home: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!(sources.find(home, Heard::default(), some_instant()), Source::Address(home.ip()));
    }

    #[test]
    fn the_source_is_the_local_address_that_sockets_are_bound_to() {
        let local: IpAddr = "127.0.0.2".parse().unwrap();
        let sources = SourceAddresses::of_system(TcpOptions::new().local_address(local));
        assert_eq!(
            sources.find("127.0.0.1:80".parse().unwrap(), Heard::default(), some_instant()),
            Source::Address(local)
        );
    }

    /// A destination that has one source after another.
    #[derive(Default)]
    struct Asked {
        remembered: Lock<Remembered>,
        times: u32,
    }

    impl Asked {
        fn source(&mut self, port: u16, after: u64) -> u32 {
            self.source_in(Epoch::default(), port, after)
        }

        fn source_in(&mut self, epoch: Epoch, port: u16, after: u64) -> u32 {
            let to = SocketAddr::new([192, 0, 2, 1].into(), port);
            let source = find_remembered(
                &self.remembered,
                to,
                epoch.into(),
                some_instant() + Duration::from_millis(after),
                |_| {
                    self.times += 1;
                    Source::Address(Ipv4Addr::from_bits(self.times).into())
                },
            );
            let Source::Address(IpAddr::V4(source)) = source else { panic!("{source:?}") };
            source.to_bits()
        }
    }

    #[test]
    fn the_system_is_asked_once_and_again_after_a_while() {
        let mut asked = Asked::default();
        let sources =
            [(80, 0), (443, 1), (80, 4_999), (80, 5_000), (80, 5_001)].map(|(port, after)| asked.source(port, after));
        assert_eq!(sources, [1, 1, 1, 2, 2]);
    }

    #[test]
    fn a_new_epoch_has_the_system_asked_again_once() {
        let (mut asked, [first, second]) = (Asked::default(), [Epoch::begin(), Epoch::begin()]);
        assert_eq!((asked.source_in(first, 80, 0), asked.source_in(first, 80, 1)), (1, 1));
        assert_eq!((asked.source_in(second, 80, 2), asked.source_in(second, 80, 3)), (2, 2));
        // A connect that has not heard of the change uses the source that was found after it.
        assert_eq!(asked.source_in(first, 80, 4), 2);
    }

    #[test]
    fn what_was_asked_before_an_epoch_is_not_believed_in_it() {
        let (remembered, [first, second]) = (Lock::default(), [Epoch::begin(), Epoch::begin()]);
        let to = "192.0.2.1:80".parse().unwrap();
        let local = Source::Address([192, 0, 2, 9].into());
        let doubtful = find_remembered(&remembered, to, first.into(), some_instant(), |_| {
            // Another connect hears of the change while the system is asked.
            assert_eq!(find_remembered(&remembered, to, second.into(), some_instant(), |_| local), local);
            Source::Unreachable
        });
        assert_eq!(doubtful, Source::Unreachable);
        assert_eq!(find_remembered(&remembered, to, second.into(), some_instant(), |_| Source::Unreachable), local);
    }

    #[test]
    fn a_family_without_a_default_route_has_an_unknown_source() {
        assert!(!SourceAddresses::of_system(TcpOptions::new()).of_default_routes().contains(&Source::Unreachable));
        let local = Source::Address([192, 0, 2, 9].into());
        let given = SourceAddresses::given(move |outside| if outside.is_ipv4() { local } else { Source::Unreachable });
        assert_eq!(given.of_default_routes(), [Source::Unknown, local]);
    }

    #[test]
    fn the_system_is_asked_without_the_lock() {
        let remembered = Lock::default();
        let to = "192.0.2.1:80".parse().unwrap();
        find_remembered(&remembered, to, Heard::default(), some_instant(), |_| {
            assert_unlocked();
            Source::Unreachable
        });
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let remembered = Lock::default();
        for i in 0..3 * MAX_REMEMBERED {
            let ip = Ipv4Addr::from_bits(u32::try_from(i).unwrap());
            find_remembered(&remembered, SocketAddr::new(ip.into(), 80), Heard::default(), some_instant(), |_| {
                Source::Unreachable
            });
            assert!(remembered.lock().sources.len() <= MAX_REMEMBERED);
        }
    }
}
