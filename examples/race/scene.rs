//! The addresses of the race on loopback.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::loopback::{BlackHole, ClosedPort};
use crate::origin::Origin;

/// A name with four addresses, of which the last one works. IPv6 is dead, as in many networks.
pub(crate) struct Scene {
    dead_v6: BlackHole,
    closed: ClosedPort,
    dead_v4: BlackHole,
    good: Origin,
}

impl Scene {
    pub(crate) async fn set() -> io::Result<Self> {
        let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
        let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
        // Where there is no IPv6, all of them are IPv4.
        let has_v6 = std::net::TcpListener::bind((v6, 0)).is_ok();
        Ok(Self {
            dead_v6: BlackHole::new(if has_v6 { v6 } else { v4 })?,
            closed: ClosedPort::new(v4)?,
            dead_v4: BlackHole::new(v4)?,
            good: Origin::start(v4).await?,
        })
    }

    /// In the order in which the resolver gives them.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.cast().map(|(address, _)| address).to_vec()
    }

    fn cast(&self) -> [(SocketAddr, &'static str); 4] {
        [
            (self.dead_v6.address(), "never answers"),
            (self.closed.address(), "refuses connections"),
            (self.dead_v4.address(), "never answers"),
            (self.good.address(), "works"),
        ]
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (address, role) in self.cast() {
            // Formats into a string first, since `Display` of an address ignores the width.
            writeln!(f, "  {:<17}{role}", address.to_string())?;
        }
        Ok(())
    }
}
