//! Decides which DNS server is asked, and when the next one is.
//!
//! As in the system, the first server of the configuration is used as long as it answers. The next one is asked only if a server does not answer, or
//! says that it cannot. hickory itself would prefer the fastest server, which is wrong if servers know different names: with a VPN, or a split DNS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts, ServerOrderingStrategy};
use hickory_resolver::net::NetError;

use super::server::Server;
use super::wanted::{Said, Wanted};
use crate::timer::read_clock;

/// The DNS servers of a configuration, in their order.
pub(super) struct Servers {
    each: Vec<Server>,
    /// How often all servers are asked.
    rounds: usize,
    /// The server that the next look-up begins with, if the servers take turns.
    turn: Option<AtomicUsize>,
}

impl Servers {
    /// Wraps a resolver of hickory, with its own servers and rules.
    pub(super) fn of_hickory(resolver: TokioResolver) -> Self {
        Self { each: vec![Server::of_hickory(resolver)], rounds: 1, turn: None }
    }

    /// The servers of a configuration.
    ///
    /// # Errors
    ///
    /// hickory cannot make a resolver of them.
    pub(super) fn new(config: ResolverConfig, options: ResolverOpts) -> Result<Self, NetError> {
        let ResolverConfig { name_servers, .. } = config;
        let count = name_servers.len();
        if count == 0 {
            return Ok(Self { each: vec![Server::none(options)?], rounds: 1, turn: None });
        }
        let turn =
            matches!(options.server_ordering_strategy, ServerOrderingStrategy::RoundRobin).then(AtomicUsize::default);
        let rounds = options.attempts.saturating_add(1);
        let server = |(place, config): (usize, NameServerConfig)| {
            let mut options = options.clone();
            options.timeout = time_out(options.timeout, place, count);
            options.attempts = 0;
            Server::new(config, options)
        };
        let each = name_servers.into_iter().enumerate().map(server).collect::<Result<_, _>>()?;
        Ok(Self { each, rounds, turn })
    }

    /// Asks one server after the other, in each round, until one of them answers.
    pub(super) async fn look_up(self: Arc<Self>, wanted: Wanted) -> Said {
        let mut failure = None;
        for server in (0..self.rounds).flat_map(|_| self.order(read_clock())) {
            let Some(server) = self.each.get(server) else { continue };
            let said = server.ask(&wanted, self.each.len() > 1).await;
            match said {
                Err(error) if !server.is_final(&error) => failure = Some(more_telling(failure, error)),
                said => return said,
            }
        }
        Err(failure.unwrap_or(NetError::NoConnections))
    }

    /// Returns the servers in the order in which they are asked now. Those that do not answer come last.
    fn order(self: &Arc<Self>, now: Instant) -> impl Iterator<Item = usize> + use<> {
        let count = self.each.len();
        let first = self.turn.as_ref().map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed) % count);
        // A snapshot with a bit for each server, so that a server that falls silent meanwhile is not asked twice.
        let mut silent = 0_u64;
        if count > 1 {
            for (place, server) in self.each.iter().enumerate().take(64) {
                silent |= u64::from(server.is_silent()) << place;
                self.ask_whether_it_answers(place, now);
            }
        }
        let is_silent = move |place: usize| place < 64 && silent >> place & 1 == 1;
        let in_turn = move || (0..count).map(move |place| (first + place) % count);
        in_turn().filter(move |place| !is_silent(*place)).chain(in_turn().filter(move |place| is_silent(*place)))
    }

    /// Sends a liveness query to a server if one is due. No look-up waits for it.
    #[expect(clippy::disallowed_methods, reason = "whether a server answers is for the look-ups to come")]
    fn ask_whether_it_answers(self: &Arc<Self>, place: usize, now: Instant) {
        let Some(server) = self.each.get(place) else { return };
        if server.is_to_be_asked_whether_it_answers(now) {
            let servers = Arc::clone(self);
            drop(tokio::spawn(async move {
                if let Some(server) = servers.each.get(place) {
                    if server.is_back().await {
                        server.note_answer();
                    }
                }
            }));
        }
    }
}

/// Returns the time-out of the server at this place, as in glibc: twice the time for the second server, four times the time for the third, divided by
/// the number of servers.
fn time_out(time_out: Duration, place: usize, count: usize) -> Duration {
    let share = u32::try_from(count).unwrap_or(u32::MAX);
    match place {
        0 => time_out,
        _ => (time_out.saturating_mul(1 << place.min(2)) / share).max(time_out.min(Duration::from_secs(1))),
    }
}

/// Returns the failure that a server has reported, if only one of the two is such; otherwise the later one.
fn more_telling(one: Option<NetError>, other: NetError) -> NetError {
    match one {
        Some(one) if matches!(one, NetError::Dns(_)) && !matches!(other, NetError::Dns(_)) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::net::DnsError;
    use hickory_resolver::proto::op::ResponseCode;

    use super::*;
    use crate::test_support::some_instant;

    fn servers(count: u8, ordering: ServerOrderingStrategy) -> Arc<Servers> {
        let configs = (0..count).map(|n| NameServerConfig::udp_and_tcp([192, 0, 2, n].into())).collect();
        let mut options = ResolverOpts::default();
        options.server_ordering_strategy = ordering;
        Arc::new(Servers::new(ResolverConfig::from_name_servers(configs), options).unwrap())
    }

    #[test]
    fn servers_that_do_not_answer_come_last_until_they_do() {
        let (servers, now) = (servers(3, ServerOrderingStrategy::default()), some_instant());
        let order = || servers.order(now).collect::<Vec<_>>();
        assert_eq!(order(), [0, 1, 2]);
        servers.each[0].note_silence(now, now);
        assert_eq!(order(), [1, 2, 0]);
        for server in &servers.each {
            server.note_silence(now, now);
        }
        assert_eq!(order(), [0, 1, 2]);
        servers.each[2].note_answer();
        assert_eq!(order(), [2, 0, 1]);
        // Another query was answered meanwhile, so the server is alive.
        servers.each[2].note_silence(now, now);
        assert_eq!(order(), [2, 0, 1]);
    }

    #[tokio::test]
    async fn a_server_that_was_set_back_is_asked_again_after_a_while() {
        let (servers, now) = (servers(2, ServerOrderingStrategy::default()), some_instant());
        servers.each[0].note_silence(now, now);
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let order = |seconds| servers.order(now + Duration::from_secs(seconds)).collect::<Vec<_>>();
        assert_eq!((order(4), tasks()), (vec![1, 0], 0));
        // It gets one liveness query, and no look-up begins with it before it has answered.
        assert_eq!((order(5), tasks()), (vec![1, 0], 1));
        assert_eq!((order(6), tasks()), (vec![1, 0], 1));
    }

    #[test]
    fn servers_take_turns_where_they_are_to() {
        let (servers, now) = (servers(3, ServerOrderingStrategy::RoundRobin), some_instant());
        let order = || servers.order(now).collect::<Vec<_>>();
        assert_eq!([order(), order(), order(), order()], [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
    }

    #[test]
    fn the_time_outs_of_several_servers_are_those_of_glibc() {
        let of = |count| -> Vec<u128> {
            (0..count).map(|place| time_out(Duration::from_secs(5), place, count).as_millis()).collect()
        };
        assert_eq!(of(1), [5_000]);
        assert_eq!(of(2), [5_000, 5_000]);
        assert_eq!(of(3), [5_000, 3_333, 6_666]);
        let short = |count| (0..count).map(|place| time_out(Duration::from_millis(300), place, count)).max();
        assert_eq!(short(3), Some(Duration::from_millis(400)));
    }

    #[test]
    fn what_a_server_has_said_tells_more_than_silence() {
        let refused = || NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused));
        assert!(matches!(more_telling(None, NetError::Timeout), NetError::Timeout));
        assert!(matches!(more_telling(Some(refused()), NetError::Timeout), NetError::Dns(_)));
        assert!(matches!(more_telling(Some(NetError::Timeout), refused()), NetError::Dns(_)));
    }
}
