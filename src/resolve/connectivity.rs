//! Finds out which address families this machine is connected with, so that no query is sent for the others (v3 §4.1).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use crate::lock::Lock;
use crate::network::{Heard, OUTSIDE_V4, OUTSIDE_V6, Observed};
use crate::race::{Families, Family};

/// Knows which families are connected. Clones share this knowledge.
///
/// That a family is connected is believed for some seconds: if it is wrong, one query is useless. That a family is *not* connected is never
/// remembered, since a wrong belief would lose a name. So each look-up that would leave a family out asks the system again. A new epoch or a doubt
/// ends what is believed.
#[derive(Clone, Debug, Default)]
pub(super) struct Connectivity {
    /// Guards what was seen. Nothing else runs under the lock: the system is asked outside it.
    seen: Arc<Lock<Seen>>,
    #[cfg(test)]
    always: Option<Families>,
}

/// When each family was last seen to be connected.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    v6: Option<Observed>,
    v4: Option<Observed>,
}

/// The system's view of its network.
trait Network {
    /// Whether there is a route out of this machine, from an address that other hosts can answer.
    fn has_route(&self, family: Family) -> bool;

    /// Returns the addresses of all interfaces.
    fn addresses(&self) -> io::Result<Vec<IpAddr>>;
}

struct System;

impl Connectivity {
    /// Always returns these families, for tests.
    #[cfg(test)]
    pub(super) fn always(families: Families) -> Self {
        Self { always: Some(families), ..Self::default() }
    }

    /// Returns the families to look `host` up for. `heard` is what the caller has heard of the network. Makes some system calls, unless both families
    /// are known to be connected.
    pub(super) fn families_for(&self, host: &str, heard: Heard, now: Instant) -> Families {
        #[cfg(test)]
        if let Some(families) = self.always {
            return families;
        }
        // Both loopback addresses always exist.
        if is_localhost(host) { Families::Both } else { self.families(heard, now, &System) }
    }

    fn families(&self, heard: Heard, now: Instant, network: &impl Network) -> Families {
        let seen = *self.seen.lock();
        let is_believed = |seen: Option<Observed>| seen.is_some_and(|seen| seen.is_believed(heard, now));
        let known = Families::of(|family| match family {
            Family::V6 => is_believed(seen.v6),
            Family::V4 => is_believed(seen.v4),
        });
        if known == Some(Families::Both) {
            return Families::Both;
        }
        let families = ask(known, network);
        let is_news = |family| families.contains(family) && !known.is_some_and(|known| known.contains(family));
        let (v6, v4) = (is_news(Family::V6), is_news(Family::V4));
        let observed = Some(Observed::new(now, heard));
        let mut seen = self.seen.lock();
        if v6 {
            seen.v6 = observed;
        }
        if v4 {
            seen.v4 = observed;
        }
        drop(seen);
        families
    }
}

/// Asks the system for the connected families. `known` are those that are known already.
///
/// If neither is connected, the name can only be on this machine, with either family.
fn ask(known: Option<Families>, network: &impl Network) -> Families {
    let [mut v6, mut v4] = [Family::V6, Family::V4]
        .map(|family| known.is_some_and(|known| known.contains(family)) || network.has_route(family));
    if !(v6 && v4) {
        // A network without a default route has its own names.
        match network.addresses() {
            Ok(addresses) => {
                for address in addresses {
                    match address {
                        IpAddr::V6(address) => v6 |= !address.is_loopback() && !address.is_unicast_link_local(),
                        IpAddr::V4(address) => v4 |= !address.is_loopback() && !address.is_link_local(),
                    }
                }
            }
            // A useless query is better than a missing one.
            Err(_) => return Families::Both,
        }
    }
    let is_connected = |family| if family == Family::V6 { v6 } else { v4 };
    Families::of(is_connected).unwrap_or(Families::Both)
}

/// Whether the name is `localhost` or below it: these names are this machine (RFC 6761 §6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let (_, top) = name.rsplit_once('.').unwrap_or(("", name));
    top.eq_ignore_ascii_case("localhost")
}

impl Network for System {
    fn has_route(&self, family: Family) -> bool {
        let (domain, outside) = match family {
            Family::V6 => (Domain::IPV6, OUTSIDE_V6),
            Family::V4 => (Domain::IPV4, OUTSIDE_V4),
        };
        // Connecting a UDP socket asks the system for the route.
        let source = || -> io::Result<Option<SocketAddr>> {
            let socket = Socket::new(domain, Type::DGRAM, None)?;
            socket.connect(&SocketAddr::new(outside, 9).into())?;
            Ok(socket.local_addr()?.as_socket())
        };
        match source() {
            Ok(Some(SocketAddr::V6(source))) => !source.ip().is_unicast_link_local(),
            // If a link-local IPv4 address has a default route, a gateway translates it: some clouds give containers nothing else.
            Ok(_) => true,
            Err(_) => false,
        }
    }

    fn addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;
    use crate::network::Epoch;
    use crate::test_support::some_instant;

    /// A mock machine with these addresses, and with default routes for these families.
    struct Machine {
        addresses: &'static str,
        routes: Option<Families>,
        asked: Cell<usize>,
    }

    impl Machine {
        fn new(addresses: &'static str, routes: Option<Families>) -> Self {
            Self { addresses, routes, asked: Cell::new(0) }
        }
    }

    impl Network for Machine {
        fn has_route(&self, family: Family) -> bool {
            self.asked.set(self.asked.get() + 1);
            self.routes.is_some_and(|routes| routes.contains(family))
        }

        fn addresses(&self) -> io::Result<Vec<IpAddr>> {
            self.asked.set(self.asked.get() + 1);
            Ok(self.addresses.split_whitespace().map(|address| address.parse().unwrap()).collect())
        }
    }

    fn connected(addresses: &'static str, routes: Option<Families>) -> Families {
        Connectivity::default().families(Heard::default(), some_instant(), &Machine::new(addresses, routes))
    }

    #[test]
    fn a_family_is_connected_by_an_address_that_others_can_reach() {
        assert_eq!(connected("127.0.0.1 ::1 10.0.0.2", None), Families::V4Only);
        assert_eq!(connected("127.0.0.1 ::1 fe80::1 10.0.0.2", None), Families::V4Only);
        assert_eq!(connected("127.0.0.1 ::1 169.254.0.2 2001:db8::2", None), Families::V6Only);
        assert_eq!(connected("10.0.0.2 fd00::2", None), Families::Both);
    }

    #[test]
    fn a_family_is_connected_by_a_route_whatever_its_addresses_are() {
        let addresses = "127.0.0.1 ::1 169.254.172.2 2001:db8::2";
        assert_eq!(connected(addresses, Some(Families::Both)), Families::Both);
        assert_eq!(connected(addresses, Some(Families::V4Only)), Families::Both);
        assert_eq!(connected("127.0.0.1 ::1 169.254.172.2", Some(Families::V4Only)), Families::V4Only);
        assert_eq!(connected("", Some(Families::V6Only)), Families::V6Only);
    }

    #[test]
    fn a_machine_by_itself_is_asked_for_both() {
        assert_eq!(connected("127.0.0.1 ::1", None), Families::Both);
        assert_eq!(connected("", None), Families::Both);
    }

    #[test]
    fn localhost_is_looked_up_in_both_families_wherever_it_is() {
        for name in ["localhost", "LOCALHOST.", "db.localhost"] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost", "local", ""] {
            assert!(!is_localhost(name), "{name}");
        }
    }

    #[test]
    fn a_family_that_is_not_connected_is_asked_about_by_every_look_up() {
        let connectivity = Connectivity::default();
        let now = some_instant();
        let (v4, both) = (Machine::new("10.0.0.2", None), Machine::new("10.0.0.2 2001:db8::2", None));
        assert_eq!(connectivity.families(Heard::default(), now, &v4), Families::V4Only);
        assert_eq!(connectivity.families(Heard::default(), now, &both), Families::Both, "IPv6 has come");
        // One family is no longer connected, and the other now is.
        let connectivity = Connectivity::default();
        assert_eq!(connectivity.families(Heard::default(), now, &v4), Families::V4Only);
        assert_eq!(connectivity.families(Heard::default(), now, &Machine::new("2001:db8::2", None)), Families::Both);
    }

    #[test]
    fn connected_families_are_believed_for_a_while() {
        let connectivity = Connectivity::default();
        let (both, v4) = (Machine::new("", Some(Families::Both)), Machine::new("", Some(Families::V4Only)));
        let began = some_instant();
        let at =
            |after, machine| connectivity.families(Heard::default(), began + Duration::from_millis(after), machine);
        assert_eq!(at(0, &both), Families::Both);
        assert_eq!((at(4_999, &v4), v4.asked.get()), (Families::Both, 0));
        assert_eq!(at(5_000, &v4), Families::V4Only);
        assert_eq!(at(5_001, &v4), Families::V4Only);
    }

    #[test]
    fn a_new_epoch_ends_what_is_believed() {
        let connectivity = Connectivity::default();
        let (both, v4) = (Machine::new("", Some(Families::Both)), Machine::new("10.0.0.2", None));
        let (now, [first, second]) = (some_instant(), [Epoch::begin(), Epoch::begin()]);
        assert_eq!(connectivity.families(first.into(), now, &both), Families::Both);
        assert_eq!(connectivity.families(first.into(), now, &v4), Families::Both, "it is believed");
        assert_eq!(connectivity.families(second.into(), now, &v4), Families::V4Only);
        assert_eq!(connectivity.families(second.into(), now, &both), Families::Both);
        assert_eq!(
            connectivity.families(first.into(), now, &v4),
            Families::Both,
            "whoever has not heard of the change believes it too"
        );
    }

    #[test]
    fn a_system_that_does_not_say_is_asked_for_both() {
        struct Silent;
        impl Network for Silent {
            fn has_route(&self, _: Family) -> bool {
                false
            }
            fn addresses(&self) -> io::Result<Vec<IpAddr>> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        assert_eq!(Connectivity::default().families(Heard::default(), some_instant(), &Silent), Families::Both);
    }

    #[test]
    fn this_machine_can_be_asked() {
        // The result depends on this machine, but there is always a family: none is left out without a reason.
        let families = Connectivity::default().families_for("www.example", Heard::default(), some_instant());
        assert!(families.contains(Family::V6) || families.contains(Family::V4));
    }
}
