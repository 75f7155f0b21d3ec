//! Networks in which no IPv6 packet comes through, though names have IPv6 addresses.

use std::time::Duration;

use super::hours::{Population, each_client, each_connect, hours, merge};
use super::kind::{FIXED, Kind};
use super::popularity::Popularity;
use super::rows::{COLD, second_starts};
use super::strategy::Strategy;
use super::tally::Tally;
use super::world::Setting;
use super::{FAIRNESS, GROUP, LENGTH, MEAN_OUTAGE, charts, hours_of};
use crate::report::{Row, Unit};
use crate::run::Run;
use crate::stats::Figure;

/// The share of the clients that are in such a network.
const SHARE: f64 = 0.1;

/// `sound` are the clients of the mix whose IPv6 works.
pub(super) fn measure(run: &mut Run, sound: &Population, popularity: &Popularity) {
    let clients = run.options.pick(20, 40);
    let broken = merge(&each_client(clients, |number| {
        hours(setting(Kind::of_client(number), number, Some(MEAN_OUTAGE)), popularity, LENGTH, Strategy::ALL)
    }));
    let mut row = second_starts("a mix of networks whose IPv6 is broken", &broken);
    row.check(broken[0].warm.second_starts() <= 6.0, "at most 6 of 100 connects start a second attempt");
    row.expect("everything else tries IPv6 first each time");
    run.push(row);
    for (name, share) in [("half", 0.5), ("90 %", 0.9), ("95 %", 0.95)] {
        run.push(times(name, share, sound, &broken));
    }
    run.push(slowest_hundredth(sound, &broken));
    day(run, popularity);
}

fn setting(kind: Kind, number: usize, mean_outage: Option<Duration>) -> Setting {
    Setting { kind, is_ipv6_broken: true, mean_outage, seed: number as u64 }
}

/// The time in which a share of all is connected, on a mix in which some clients have a broken IPv6.
fn times(name: &str, share: f64, sound: &Population, broken: &Population) -> Row {
    let name = format!("the time in which {name} are connected: a mix of networks, of which 10 % have broken IPv6");
    let mut row = Row::new(GROUP, name, Unit::Time, FAIRNESS);
    let time = |sound: &Tally, broken: &Tally| {
        Tally::mixed_time([(sound, 1.0 - SHARE), (broken, SHARE)], share).map(Figure::exact)
    };
    for ((strategy, sound), broken) in Strategy::ALL.into_iter().zip(sound).zip(broken) {
        let warm = time(&sound.warm, &broken.warm);
        match strategy {
            Strategy::Memory => {
                row.ours(strategy.name(), warm);
                row.beside(COLD, time(&sound.cold, &broken.cold));
            }
            Strategy::Oracle => row.beside(strategy.name(), warm),
            _ => row.peer(strategy.name(), warm),
        }
    }
    row
}

fn slowest_hundredth(sound: &Population, broken: &Population) -> Row {
    let mut row = times("99 %", 0.99, sound, broken);
    let of = |strategy: Strategy| row.figure(strategy.name()).map_or(f64::NAN, |figure| figure.median);
    let [ours, two_families, bare] = [Strategy::Memory, Strategy::TwoFamilies, Strategy::Oracle].map(of);
    let claim = format!(
        "ours is {:.2} times TwoFamilies' and {:.2} times the round trip alone, at most 0.8 and 1.15 allowed",
        ours / two_families,
        ours / bare
    );
    row.check(ours <= 0.8 * two_families && ours <= 1.15 * bare, claim);
    row.expect(format!(
        "the design's goal is 0.7 times TwoFamilies', which is not there to be had: the round trip alone takes {:.2} times it",
        bare / two_families
    ));
    row
}

/// What a day of connects loses in a network whose IPv6 is broken.
fn day(run: &mut Run, popularity: &Popularity) {
    let clients = run.options.pick(2, 10);
    let days = each_client(clients, |number| {
        let mut lost = [[0.0; OF_A_DAY.len()]; 24];
        each_connect(setting(FIXED, number, None), popularity, hours_of(24), OF_A_DAY, |at, _, connects| {
            let took = connects.each_ref().map(|connect| connect.took.unwrap_or_default().as_secs_f64());
            let hour = at.as_secs() / hours_of(1).as_secs();
            for (lost, each) in lost[hour as usize].iter_mut().zip(took) {
                *lost += each - took[ROUND_TRIP];
            }
        });
        lost
    });
    let mut lost = OF_A_DAY.map(|strategy| (strategy, Vec::new()));
    for hour in 0..24 {
        for (place, (_, hours)) in lost.iter_mut().enumerate() {
            hours.push(days.iter().map(|day| day[hour][place]).sum::<f64>() / clients as f64);
        }
    }
    let lost = &lost[..ROUND_TRIP];
    let name = "a day on a fixed line whose IPv6 is broken: time lost beyond the round trip";
    let mut row = Row::new(GROUP, name, Unit::Time, FAIRNESS);
    for (strategy, hours) in lost {
        let seconds = Figure::exact(hours.iter().sum());
        match strategy {
            Strategy::Memory => row.ours(strategy.name(), seconds),
            Strategy::V4Only => row.beside(strategy.name(), seconds),
            _ => row.peer(strategy.name(), seconds),
        }
    }
    let of = |strategy: Strategy| row.figure(strategy.name()).map_or(f64::NAN, |figure| figure.median);
    let (ours, fixed) = (of(Strategy::Memory), of(Strategy::Fixed));
    row.check(ours <= 0.05 * fixed, "at most a twentieth of what 250 ms without a memory lose");
    row.expect("no outages here, but losses, which IPv4 alone meets too; 43,200 connects a client");
    row.stand_beside_the_best();
    run.push(row);
    run.charts.push(charts::day(lost));
}

/// The round trip is what the others are compared with.
const OF_A_DAY: [Strategy; 6] =
    [Strategy::Memory, Strategy::Fixed, Strategy::TwoFamilies, Strategy::Doubling, Strategy::V4Only, Strategy::Oracle];
const ROUND_TRIP: usize = OF_A_DAY.len() - 1;
