//! A network whose round trip is longer than any usual attempt delay.

use std::time::Duration;

use super::hours::{Population, each_client, hours, merge};
use super::kind::{Kind, SATELLITE};
use super::popularity::Popularity;
use super::rows::{needless_starts, second_starts};
use super::strategy::Strategy;
use super::world::Setting;
use super::{LENGTH, MEAN_OUTAGE};
use crate::run::Run;

/// Returns what became of the satellite's clients.
pub(super) fn measure(run: &mut Run, popularity: &Popularity) -> Population {
    let clients = run.options.pick(4, 20);
    let population = |kind: Kind, mean_outage: Option<Duration>| {
        let setting = |number| Setting { kind, is_ipv6_broken: false, mean_outage, seed: number as u64 };
        merge(&each_client(clients, |number| hours(setting(number), popularity, LENGTH, Strategy::ALL)))
    };

    let satellite = population(SATELLITE, Some(MEAN_OUTAGE));
    let mut row = second_starts("satellite (620 ms, 0.05, jitter 10 %, loss 1 %)", &satellite);
    let starts = satellite[0].warm.second_starts();
    row.check(starts <= 4.0, "at most 4 of 100 connects start a second attempt");
    row.expect("a fixed delay that is shorter than the round trip starts a second attempt each time");
    run.push(row);

    let mut row = needless_starts("satellite", &satellite);
    let needless = satellite[0].warm.needless_starts();
    row.check(needless <= 1.0, "at most 1 of 100 connects start a second attempt needlessly");
    row.expect("the design's goal is 1");
    run.push(row);

    let lossless = population(Kind { loss: 0.0, ..SATELLITE }, None);
    let mut row = second_starts("satellite without losses and outages", &lossless);
    row.check(lossless[0].warm.second_starts() <= 1.0, "at most 1 of 100 connects starts a second attempt");
    row.expect(
        "the design's goal is 0, which the jitter does not allow: it has no bound, and the delay has one, of a second",
    );
    run.push(row);

    let steady = population(Kind { loss: 0.0, jitter: 0.0, ..SATELLITE }, None);
    let mut row = second_starts("satellite without losses, outages and jitter", &steady);
    row.check(steady[0].warm.second_starts() == 0.0, "no connect starts a second attempt");
    run.push(row);
    satellite
}
