//! Networks, described by the loss and the delay of the packets that are sent over them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fastrand::Rng;

/// What a kind of network does to connects.
#[derive(Clone, Copy)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// How many of a hundred connects are of this kind, in the mix.
    pub(super) share: u64,
    /// The median of the round trip time in milliseconds; its distribution is log-normal.
    median_rtt: f64,
    /// The standard deviation of its logarithm.
    spread: f64,
    /// How likely a packet is to be lost, each way.
    loss: f64,
    /// How likely no IPv6 packet comes through, though the name has IPv6 addresses.
    broken_ipv6: f64,
    /// How likely an address is dead, or refuses.
    dead: f64,
    refuses: f64,
}

/// The kinds that the mix is made of, and one that is not in it.
pub(crate) const PROFILES: [Profile; 5] = [
    profile("fixed line", 50, 25.0, 0.5, 0.001, 0.01),
    profile("mobile", 25, 70.0, 0.7, 0.01, 0.02),
    profile("far away", 15, 220.0, 0.4, 0.005, 0.02),
    profile("lossy", 10, 120.0, 0.8, 0.05, 0.04),
    profile("IPv6 broken", 0, 25.0, 0.5, 0.001, 1.0),
];

const fn profile(name: &'static str, share: u64, median_rtt: f64, spread: f64, loss: f64, broken_ipv6: f64) -> Profile {
    Profile { name, share, median_rtt, spread, loss, broken_ipv6, dead: 0.005, refuses: 0.002 }
}

/// An address of a name, and what becomes of an attempt to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) address: SocketAddr,
    pub(crate) fate: PathFate,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum PathFate {
    /// The first `lost` SYNs go unanswered, the next is answered after a round trip.
    Answers { lost: u32, rtt: Duration },
    /// A RST comes back after a round trip.
    Refuses { rtt: Duration },
    /// No SYN is ever answered.
    Dead,
}

impl Profile {
    /// A name and the network on the way to it: one to four addresses of each family, IPv6 first.
    ///
    /// All random choices are made here, so that every policy has the same network. At least one IPv4 address answers: if nothing worked there would
    /// be nothing to compare.
    pub(super) fn draw(&self, random: &mut Rng) -> Vec<Path> {
        let host_rtt = self.median_rtt * (self.spread * normal(random)).exp();
        let broken_ipv6 = random.f64() < self.broken_ipv6;
        let (v6, v4) = (random.u16(1..=4), random.u16(1..=4));
        let saved = random.u16(1..=v4);
        let mut paths = Vec::with_capacity(usize::from(v6 + v4));
        for number in 1..=v6 {
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number);
            paths.push(self.path(SocketAddr::from((ip, 443)), host_rtt, broken_ipv6, false, random));
        }
        for number in 1..=v4 {
            let ip = Ipv4Addr::new(192, 0, 2, number as u8);
            paths.push(self.path(SocketAddr::from((ip, 443)), host_rtt, false, number == saved, random));
        }
        paths
    }

    fn path(&self, address: SocketAddr, host_rtt: f64, broken: bool, saved: bool, random: &mut Rng) -> Path {
        // The addresses of a name are about as far away as each other.
        let rtt = Duration::from_secs_f64(1e-3 * host_rtt * (0.1 * normal(random)).exp());
        let fate = random.f64();
        // A round trip is lost if the SYN is, or the answer.
        let lost = losses(1.0 - (1.0 - self.loss).powi(2), random);
        let fate = match fate {
            _ if saved => PathFate::Answers { lost, rtt },
            _ if broken => PathFate::Dead,
            fate if fate < self.dead => PathFate::Dead,
            fate if fate < self.dead + self.refuses => PathFate::Refuses { rtt },
            _ => PathFate::Answers { lost, rtt },
        };
        Path { address, fate }
    }
}

/// How many round trips are lost before the first one that is not.
pub(super) fn losses(lost_trip: f64, random: &mut Rng) -> u32 {
    let mut lost = 0;
    while random.f64() < lost_trip {
        lost += 1;
    }
    lost
}

/// A number of the standard normal distribution, by Box and Muller.
pub(super) fn normal(random: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}
