//! How a client paces its attempts: like this crate, with its memory and without, or like other clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::race::{
    Advice, AttemptDelay, Config, DelayBasis, Families, Memory, Partition, Policy, Source,
};

use super::super::connect::{Connect, connect, connect_advised};
use super::super::network::{Path, PathFate};

/// The strategies that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// This crate, as it is by default.
    Memory,
    /// This crate without its memory.
    Fixed,
    TwoFamilies,
    /// Firefox: 50 ms after the first attempt, and after each further one twice as long as before it.
    Doubling,
    /// This crate without its memory, which is not given the IPv6 addresses: what a client would do that knew IPv6 to be broken.
    V4Only,
    /// Tries the first address that answers, and loses no packet: what is left is the round trip.
    Oracle,
}

/// A client that goes by a strategy.
pub(super) struct Client {
    strategy: Strategy,
    config: Config,
    memory: Memory,
}

impl Strategy {
    /// Those that are compared where both families work.
    pub(super) const ALL: [Self; 5] = [Self::Memory, Self::Fixed, Self::TwoFamilies, Self::Doubling, Self::Oracle];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "this crate",
            Self::Fixed => "250 ms, no memory",
            Self::TwoFamilies => "TwoFamilies (RFC 6555, Go)",
            Self::Doubling => "Firefox's 50 ms, doubled",
            Self::V4Only => "250 ms, IPv4 alone",
            Self::Oracle => "the round trip alone",
        }
    }

    pub(super) fn client(self) -> Client {
        let builder = match self {
            Self::TwoFamilies => Config::builder().policy(Policy::TwoFamilies),
            Self::V4Only => Config::builder().families(Families::V4Only),
            Self::Memory | Self::Fixed | Self::Doubling | Self::Oracle => Config::builder(),
        };
        Client { strategy: self, config: builder.build().unwrap(), memory: Memory::new() }
    }
}

impl Client {
    /// Connects to a host with these addresses.
    pub(super) fn connect(&mut self, paths: &[Path], now: Instant) -> Connect {
        let config = self.config.clone();
        match self.strategy {
            Strategy::Memory => {
                let place = self.memory.place(Partition::default(), SOURCES.0, SOURCES.1);
                let view = self.memory.begin_race(place);
                let advise = |address: SocketAddr| self.memory.advise(&view, address.ip(), now);
                let connect = connect_advised(config, paths, None, now, advise);
                let (tried, ending) = connect.lessons();
                self.memory.learn(&view, &tried, ending, now + connect.took.unwrap_or_default());
                connect
            }
            Strategy::Doubling => connect_advised(config, paths, None, now, |address| doubling(address, paths)),
            Strategy::Oracle => {
                let answering = paths.iter().find_map(|path| match path.fate {
                    PathFate::Answers { rtt, .. } => Some(Path { fate: PathFate::Answers { lost: 0, rtt }, ..*path }),
                    PathFate::Refuses { .. } | PathFate::Dead => None,
                });
                connect(config, answering.as_slice(), None, now)
            }
            Strategy::Fixed | Strategy::TwoFamilies | Strategy::V4Only => connect(config, paths, None, now),
        }
    }
}

/// The delay by the place of an address among the attempts, as the families alternate. A race obeys whatever it is told to be a configured
/// delay, so that the race itself is the same.
fn doubling(address: SocketAddr, paths: &[Path]) -> Advice {
    let (same, other): (Vec<&Path>, Vec<&Path>) =
        paths.iter().partition(|path| path.address.is_ipv6() == address.is_ipv6());
    let before = same.iter().take_while(|path| path.address != address).count();
    let others_before = if address.is_ipv6() { before } else { before + 1 };
    let place = before + others_before.min(other.len());
    let mut advice = Advice::default();
    advice.delay = Some(AttemptDelay::new(FIRST_DOUBLING_DELAY * (1 << place), DelayBasis::Configured));
    advice
}

const FIRST_DOUBLING_DELAY: Duration = Duration::from_millis(50);

/// Public addresses.
const SOURCES: (Source, Source) = (
    Source::Address(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1))),
    Source::Address(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1))),
);
