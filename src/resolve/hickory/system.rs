//! Reads the system's configuration in hickory's form.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts, ServerOrderingStrategy};
use hickory_resolver::net::NetError;
use tracing::warn;

use super::names;
use super::platform::resolves_by_files;
use crate::resolve::system::resolv_conf::{self, NameServer, ResolvConf};
use crate::resolve::system_files;

/// A configuration, with settings that hickory has no option for.
pub(super) struct Configuration {
    pub(super) config: ResolverConfig,
    pub(super) options: ResolverOpts,
    /// Whether a name without dots is looked up as it stands, although there are search domains.
    pub(super) asks_for_single_labels: bool,
    pub(super) asks_for_ipv6: bool,
}

impl Configuration {
    pub(super) fn new(config: ResolverConfig, options: ResolverOpts) -> Self {
        Self { config, options, asks_for_single_labels: true, asks_for_ipv6: true }
    }

    /// Reads the present configuration of the system.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(super) fn of_system() -> Result<Self, NetError> {
        if !resolves_by_files() {
            let (config, mut options) = hickory_resolver::system_conf::read_system_conf()?;
            // In the file, `attempts` is the number of tries; in hickory, the number of retries.
            options.attempts = options.attempts.saturating_sub(1);
            return Ok(Self::new(config, options));
        }
        let text = system_files::resolv_conf(read)?;
        let text = text.unwrap_or_else(|| system_files::with_environment(String::new()));
        let hostname = system_files::hostname()?;
        let conf = resolv_conf::parse(&text, &hostname);
        Ok(Self::of_conf(&conf))
    }

    /// Translates `resolv.conf`. Leaves out a server whose interface does not exist, and an invalid search domain.
    fn of_conf(conf: &ResolvConf<'_>) -> Self {
        let mut options = ResolverOpts::default();
        options.ndots = conf.ndots;
        options.timeout = Duration::from_secs(conf.timeout.into());
        // In the file, `attempts` is the number of tries; in hickory, the number of retries.
        options.attempts = usize::try_from(conf.attempts.saturating_sub(1)).unwrap_or_default();
        options.edns0 = conf.edns0;
        if conf.rotate {
            options.server_ordering_strategy = ServerOrderingStrategy::RoundRobin;
        }
        // If hickory chose the port, the local address would lose its zone.
        options.os_port_selection = conf.servers.iter().any(|server| server.zone.is_some());
        let servers = conf.servers.iter().filter_map(|server| match name_server(*server, conf.use_vc) {
            Ok(server) => Some(server),
            Err(error) => {
                warn!(server = %server.ip, zone = server.zone, %error, "a DNS server cannot be asked");
                None
            }
        });
        let domain = |domain: &&str| names::parse(if domain.is_empty() { "." } else { domain }).ok();
        let config =
            ResolverConfig::from_parts(None, conf.domains.iter().filter_map(domain).collect(), servers.collect());
        Self { config, options, asks_for_single_labels: !conf.no_tld_query, asks_for_ipv6: !conf.no_aaaa }
    }
}

/// Reads a file. A file that does not exist, may not be read, or is a directory counts as empty, as for the system.
///
/// # Errors
///
/// A temporary failure: there is no free descriptor, say.
pub(super) fn read(path: &str) -> io::Result<Option<String>> {
    use io::ErrorKind::{IsADirectory, NotADirectory, PermissionDenied};

    match system_files::read(path) {
        Err(error) if matches!(error.kind(), IsADirectory | NotADirectory | PermissionDenied) => {
            warn!(path, %error, "a file of the system cannot be read, and counts as empty");
            Ok(None)
        }
        read => read,
    }
}

fn name_server(server: NameServer<'_>, over_tcp: bool) -> io::Result<NameServerConfig> {
    let local = match (server.ip, server.zone) {
        (IpAddr::V6(ip), Some(zone)) => Some(local_address(ip, zone)?),
        _ => None,
    };
    let mut config = if over_tcp { NameServerConfig::tcp(server.ip) } else { NameServerConfig::udp_and_tcp(server.ip) };
    for connection in &mut config.connections {
        connection.bind_addr = local;
    }
    Ok(config)
}

/// Returns the local address, with its zone, for packets to a link-local server. hickory has no zone for servers, but the interface of the local
/// address determines where packets go.
fn local_address(server: Ipv6Addr, zone: &str) -> io::Result<SocketAddr> {
    // This only translates the name of the interface. No server is asked.
    let server = (format!("{server}%{zone}").as_str(), DNS_PORT).to_socket_addrs()?.next();
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
    socket.connect(server.ok_or(io::ErrorKind::AddrNotAvailable)?)?;
    let mut local = socket.local_addr()?;
    local.set_port(0);
    Ok(local)
}

const DNS_PORT: u16 = 53;

#[cfg(test)]
mod tests {
    use hickory_resolver::config::ProtocolConfig;

    use super::*;

    fn of(text: &str) -> Configuration {
        Configuration::of_conf(&resolv_conf::parse(text, ""))
    }

    #[test]
    fn a_configuration_is_what_the_file_says() {
        let text = "nameserver 192.0.2.53\nsearch a.example . b..c\noptions ndots:3 timeout:2 attempts:4 rotate edns0 no-aaaa no-tld-query";
        let Configuration { config, options, asks_for_single_labels, asks_for_ipv6 } = of(text);
        assert_eq!(
            config.name_servers().iter().map(|server| server.ip).collect::<Vec<_>>(),
            [IpAddr::from([192, 0, 2, 53])]
        );
        assert_eq!(config.search().iter().map(ToString::to_string).collect::<Vec<_>>(), ["a.example", "."]);
        assert_eq!((options.ndots, options.timeout, options.attempts), (3, Duration::from_secs(2), 3));
        assert!(matches!(options.server_ordering_strategy, ServerOrderingStrategy::RoundRobin));
        assert!(options.edns0 && !asks_for_single_labels && !asks_for_ipv6 && !options.os_port_selection);
    }

    #[test]
    fn servers_are_asked_over_tcp_alone_where_they_are_to_be() {
        let protocols = |text| -> Vec<bool> {
            let connections = of(text).config.name_servers()[0].connections.clone();
            connections.iter().map(|connection| matches!(connection.protocol, ProtocolConfig::Tcp)).collect()
        };
        assert_eq!(protocols("nameserver 192.0.2.53"), [false, true]);
        assert_eq!(protocols("nameserver 192.0.2.53\noptions use-vc"), [true]);
    }

    #[test]
    fn a_server_behind_an_interface_that_is_not_there_is_left_out() {
        let configuration = of("nameserver fe80::1%no-such-if\nnameserver 192.0.2.53");
        assert_eq!(configuration.config.name_servers().len(), 1);
    }
}
