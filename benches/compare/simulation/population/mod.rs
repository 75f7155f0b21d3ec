//! Hours of connects, which show what the memory gains: the real race and the real memory, in a population of hosts and networks.

mod broken;
mod charts;
mod hours;
mod kind;
mod outages;
mod popularity;
mod rows;
mod satellite;
mod strategy;
mod tally;
mod world;

use std::time::Duration;

use self::hours::{Population, each_client, hours, merge};
use self::kind::{Kind, MIX, SATELLITE};
use self::popularity::Popularity;
use self::strategy::Strategy;
use self::world::{HOSTS, Setting};
use crate::run::Run;

pub(crate) const GROUP: &str = "hours of connects with a memory, simulated";

const FAIRNESS: &str = "it would be unfair to let chance favour a strategy: each connect is drawn once, and all strategies meet it. The \
                        population: 1,000 hosts, whose popularity is Zipf's with the exponent 1; each client connects every 2 s for \
                        8 h (14,400 connects), and knows nothing at first. *This crate* is the second half of these hours, and so are the others; \
                        *cold* is the first ten minutes. 70 % of the clients are on a fixed line (median round trip 20 ms, deviation of \
                        its logarithm 0.8, jitter 10 %, loss 0.5 % of the round trips), 25 % are mobile (60 ms, 0.8, 35 %, 2 %), 5 % are \
                        far away (280 ms, 0.2, 10 %, 1 %). A host has one or two addresses of each family, IPv6 first, in prefixes of its \
                        own; each address, but for the last one, is out of service in 2 % of the time, for 5 min in the mean (both \
                        exponential). There is no look-up and no time limit; a SYN that is not answered is sent again after 1, 3, 7 s";

/// How long addresses are out of service in the mean.
const MEAN_OUTAGE: Duration = Duration::from_secs(5 * 60);

/// How long a client goes on.
const LENGTH: Duration = hours_of(8);

pub(crate) fn measure(run: &mut Run) {
    if !run.options.wants(GROUP, "") {
        return;
    }
    let popularity = Popularity::of(HOSTS);
    // Any twenty clients have the shares of the mix.
    let clients = run.options.pick(20, 100);
    run.progress(GROUP, "a mix of networks");
    let each =
        each_client(clients, |number| hours(setting(number, Some(MEAN_OUTAGE)), &popularity, LENGTH, Strategy::ALL));
    let mix = merge(&each);
    let by_kind = MIX.map(|kind| {
        let of_kind = each.iter().enumerate().filter(|(number, _)| Kind::of_client(*number).name == kind.name);
        (kind.name, merge(of_kind.map(|(_, hours)| hours)))
    });
    drop(each);
    rows::mix(run, &mix);
    rows::each_kind(run, &by_kind);
    run.progress(GROUP, "a satellite");
    let satellite = satellite::measure(run, &popularity);
    let networks: Vec<(&str, &Population)> = by_kind
        .iter()
        .map(|(name, population)| (*name, population))
        .chain([(SATELLITE.name, &satellite), ("the mix", &mix)])
        .collect();
    charts::push(run, &networks);
    run.progress(GROUP, "networks whose IPv6 is broken");
    broken::measure(run, &mix, &popularity);
    if !run.options.quick {
        run.progress(GROUP, "shorter and longer outages");
        rows::outages(run, |mean| {
            merge(&each_client(clients, |number| {
                hours(setting(number, Some(mean)), &popularity, LENGTH, [Strategy::Memory])
            }))
        });
    }
}

/// The client of this number, in a network in which both families work.
fn setting(number: usize, mean_outage: Option<Duration>) -> Setting {
    Setting { kind: Kind::of_client(number), is_ipv6_broken: false, mean_outage, seed: number as u64 }
}

const fn hours_of(number: u64) -> Duration {
    Duration::from_secs(number * 60 * 60)
}
