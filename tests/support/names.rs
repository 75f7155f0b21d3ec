//! The names of addresses in the scenarios of the race.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};

/// The port of the URI in every scenario.
pub(crate) const PORT: u16 = 443;

/// Maps names to addresses. `A6` is 2001:db8::a, `B4` is 192.0.2.11, at port 443; `A6:8443` is the same at another port. Other names are declared.
#[derive(Clone, Default)]
pub(crate) struct Names {
    declared: BTreeMap<String, SocketAddr>,
}

impl Names {
    pub(crate) fn declare(&mut self, name: &str, address: SocketAddr) {
        self.declared.insert(name.into(), address);
    }

    pub(crate) fn address(&self, name: &str) -> Result<SocketAddr, Box<dyn Error>> {
        if let Some(address) = self.declared.get(name) {
            return Ok(*address);
        }
        let (name, port) = match name.split_once(':') {
            Some((name, port)) => (name, Some(port.parse()?)),
            None => (name, None),
        };
        let mut address = match self.declared.get(name) {
            Some(address) => *address,
            None => default_address(name)?,
        };
        if let Some(port) = port {
            address.set_port(port);
        }
        Ok(address)
    }

    pub(crate) fn name(&self, address: SocketAddr) -> String {
        let declared = |wanted: SocketAddr| self.declared.iter().find(|(_, declared)| unmapped(**declared) == wanted);
        if let Some((name, _)) = declared(address) {
            return name.clone();
        }
        let mut at_default_port = address;
        at_default_port.set_port(PORT);
        let name = match declared(at_default_port) {
            Some((name, _)) => name.clone(),
            None => default_name(address.ip()),
        };
        if address.port() == PORT { name } else { format!("{name}:{}", address.port()) }
    }
}

fn default_address(name: &str) -> Result<SocketAddr, Box<dyn Error>> {
    let [letter @ b'A'..=b'Z', family @ (b'4' | b'6')] = *name.as_bytes() else {
        return Err(format!("`{name}` is neither declared nor a letter and a family (A4, B6)").into());
    };
    let host = letter - b'A' + 10;
    Ok(match family {
        b'6' => format!("[2001:db8::{host:x}]:{PORT}").parse()?,
        _ => format!("192.0.2.{host}:{PORT}").parse()?,
    })
}

fn default_name(ip: IpAddr) -> String {
    let (host, family) = match ip {
        IpAddr::V6(ip) => (ip.octets()[15], '6'),
        IpAddr::V4(ip) => (ip.octets()[3], '4'),
    };
    format!("{}{family}", char::from(b'A' + host.wrapping_sub(10)))
}

/// Returns an address as the race reports it: an IPv4-mapped one as its IPv4 address.
pub(crate) fn unmapped(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // An IPv6 address keeps its scope.
        IpAddr::V6(_) => address,
    }
}

/// Returns the address without its port, as the key of sources.
pub(crate) fn portless(address: SocketAddr) -> SocketAddr {
    let mut address = unmapped(address);
    address.set_port(0);
    address
}
