//! Which address families this machine is connected with, so that no look-up is made for the others (v3 §4.1).

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Name;
use crate::fresh::is_fresh;
use crate::race::Families;

/// Knows which families are connected, and asks the system only now and then. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(super) struct Connectivity {
    known: Arc<Mutex<Option<(Instant, Families)>>>,
}

impl Connectivity {
    /// The families to look `name` up for.
    pub(super) fn families_for(&self, name: &Name, now: Instant) -> Families {
        // Both loopback addresses are always there.
        if is_localhost(name.as_str()) { Families::Both } else { self.families(now, interface_addresses) }
    }

    fn families<I>(&self, now: Instant, addresses: impl FnOnce() -> io::Result<I>) -> Families
    where
        I: IntoIterator<Item = IpAddr>,
    {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((since, families)) if is_fresh(since, now) => families,
            _ => {
                // To ask for too much is better than for nothing.
                let families = addresses().map_or(Families::Both, connected_families);
                *known = Some((now, families));
                families
            }
        }
    }
}

/// `localhost` and the names below it are this machine (RFC 6761 §6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let (_, top) = name.rsplit_once('.').unwrap_or(("", name));
    top.eq_ignore_ascii_case("localhost")
}

/// The families of which there is an address that is neither loopback nor link-local. A machine that has none can only mean
/// itself, by either.
fn connected_families(addresses: impl IntoIterator<Item = IpAddr>) -> Families {
    let (mut v6, mut v4) = (false, false);
    for address in addresses {
        match address {
            IpAddr::V6(address) => v6 |= !address.is_loopback() && !address.is_unicast_link_local(),
            IpAddr::V4(address) => v4 |= !address.is_loopback() && !address.is_link_local(),
        }
    }
    match (v6, v4) {
        (true, false) => Families::V6Only,
        (false, true) => Families::V4Only,
        (true, true) | (false, false) => Families::Both,
    }
}

fn interface_addresses() -> io::Result<impl Iterator<Item = IpAddr>> {
    Ok(if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_support::some_instant;

    fn connected(addresses: &str) -> Families {
        connected_families(addresses.split_whitespace().map(|address| address.parse().unwrap()))
    }

    #[test]
    fn a_family_is_connected_by_an_address_that_others_can_reach() {
        assert_eq!(connected("127.0.0.1 ::1 10.0.0.2"), Families::V4Only);
        assert_eq!(connected("127.0.0.1 ::1 fe80::1 10.0.0.2"), Families::V4Only);
        assert_eq!(connected("127.0.0.1 ::1 169.254.0.2 2001:db8::2"), Families::V6Only);
        assert_eq!(connected("10.0.0.2 fd00::2"), Families::Both);
    }

    #[test]
    fn a_machine_by_itself_is_asked_for_both() {
        assert_eq!(connected("127.0.0.1 ::1"), Families::Both);
        assert_eq!(connected(""), Families::Both);
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
    fn the_system_is_asked_once_and_again_after_a_while() {
        let connectivity = Connectivity::default();
        let began = some_instant();
        let at = |after, address: &str| {
            connectivity.families(began + Duration::from_millis(after), || Ok(address.parse().ok()))
        };
        assert_eq!(at(0, "10.0.0.2"), Families::V4Only);
        assert_eq!(at(4_999, "2001:db8::2"), Families::V4Only);
        assert_eq!(at(5_000, "2001:db8::2"), Families::V6Only);
    }

    #[test]
    fn a_system_that_does_not_say_is_asked_for_both() {
        let unknown = || Err::<[IpAddr; 0], _>(io::ErrorKind::PermissionDenied.into());
        assert_eq!(Connectivity::default().families(some_instant(), unknown), Families::Both);
    }
}
