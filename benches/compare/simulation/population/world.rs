//! What a client has before it: hosts, and the network on the way to them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fastrand::Rng;

use super::super::network::{Path, PathFate, losses, normal};
use super::kind::Kind;
use super::outages::{Outages, exponential};
use super::popularity::Popularity;

/// The hosts, as one client sees them from its network.
pub(super) struct World<'a> {
    setting: Setting,
    popularity: &'a Popularity,
    hosts: Vec<Vec<Place>>,
    random: Rng,
}

/// What a world is drawn from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) kind: Kind,
    /// Whether no IPv6 packet comes through.
    pub(super) is_ipv6_broken: bool,
    /// How long an address is out of service in the mean, or `None` if it never is.
    pub(super) mean_outage: Option<Duration>,
    pub(super) seed: u64,
}

/// An address of a host.
struct Place {
    address: SocketAddr,
    /// Seconds, without jitter.
    rtt: f64,
    /// `None` if it always answers.
    outages: Option<Outages>,
}

pub(super) const HOSTS: usize = 1000;

/// In which share of the time an address is out of service.
const SHARE_OF_OUTAGES: f64 = 0.02;

/// Seconds. Of the sites that are not faster over IPv6, 95 % are at most a millisecond slower.
const DETOUR: f64 = 0.001;

impl<'a> World<'a> {
    pub(super) fn new(setting: Setting, popularity: &'a Popularity) -> Self {
        let mut random = Rng::with_seed(setting.seed);
        let hosts = (0..HOSTS).map(|host| setting.draw_host(host as u16, &mut random)).collect();
        Self { setting, popularity, hosts, random }
    }

    /// The connect that begins at this time: the addresses of a host in the order of the resolver, and what becomes of an attempt to each.
    pub(super) fn draw(&mut self, at: Duration) -> Vec<Path> {
        let host = self.popularity.draw(&mut self.random);
        let Setting { kind, is_ipv6_broken, .. } = self.setting;
        let random = &mut self.random;
        let paths = self.hosts[host].iter_mut().map(|place| {
            let rtt = Duration::from_secs_f64(place.rtt * (1.0 + kind.jitter * exponential(random)));
            let lost = losses(kind.loss, random);
            let is_out = place.outages.as_mut().is_some_and(|outages| outages.is_out(at));
            let is_cut_off = is_ipv6_broken && place.address.is_ipv6();
            let fate = if is_out || is_cut_off { PathFate::Dead } else { PathFate::Answers { lost, rtt } };
            Path { address: place.address, fate }
        });
        paths.collect()
    }
}

impl Setting {
    /// One or two addresses of each family, IPv6 first. Each host is in prefixes of its own, so that it has no neighbours to learn from.
    fn draw_host(&self, host: u16, random: &mut Rng) -> Vec<Place> {
        let host_rtt = self.kind.median_rtt * (self.kind.spread * normal(random)).exp();
        let (v6, v4) = (random.u16(1..=2), random.u16(1..=2));
        let [high, low] = host.to_be_bytes();
        let v6 = (1..=v6).map(|number| SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, host, 0, 0, 0, 0, number), 443)));
        let v4 = (1..=v4).map(|number| SocketAddr::from((Ipv4Addr::new(10, high, low, number as u8), 443)));
        let mut places: Vec<Place> = v6.chain(v4).map(|address| self.draw_place(address, host_rtt, random)).collect();
        if let Some(last) = places.last_mut() {
            // Where nothing works there is nothing to compare.
            last.outages = None;
        }
        places
    }

    /// The addresses of a host are as far away as each other, but for a millisecond or so.
    fn draw_place(&self, address: SocketAddr, host_rtt: f64, random: &mut Rng) -> Place {
        let seed = random.u64(..);
        let outages = self.mean_outage.map(|mean| Outages::new(SHARE_OF_OUTAGES, mean, seed));
        Place { address, rtt: host_rtt + DETOUR * normal(random).abs(), outages }
    }
}
