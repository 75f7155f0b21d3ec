//! What is claimed of the mix, and of each kind of network in it.

use std::time::Duration;

use super::hours::Population;
use super::strategy::Strategy;
use super::tally::{Basis, Tally};
use super::{FAIRNESS, GROUP};
use crate::report::{Row, Unit};
use crate::run::Run;
use crate::stats::Figure;

pub(super) const STARTS: Unit = Unit::Count("of 100 connects");

/// The rows of the whole mix.
pub(super) fn mix(run: &mut Run, mix: &Population) {
    let ours = &mix[0].warm;
    let mut row = second_starts("on a mix of networks", mix);
    row.check(ours.second_starts() <= 4.0, "at most 4 of 100 connects start a second attempt");
    row.expect("fixed 250 ms: about 9; the design's goal is 4");
    run.push(row);

    let mut row = needless_starts("on a mix of networks", mix);
    row.check(ours.needless_starts() <= 1.0, "at most 1 of 100 connects start a second attempt needlessly");
    row.expect("the design's goal is 1: the next row says where those that there are come from");
    run.push(row);
    run.push(needless_by_basis(ours));

    let mut row = dead_first("on a mix of networks", mix);
    let median = ours.median_dead_first();
    row.check(median.is_some_and(|median| median <= 0.18), "the median of ours is at most 180 ms");
    row.expect("what is known to be dead costs nothing, and what is not yet costs an attempt delay");
    row.stand_beside_the_best();
    run.push(row);
}

pub(super) fn each_kind(run: &mut Run, kinds: &[(&'static str, Population)]) {
    for (name, population) in kinds {
        run.push(second_starts(name, population));
    }
    for (name, population) in kinds {
        run.push(needless_starts(name, population));
    }
    for (name, population) in kinds {
        run.push(dead_first(name, population));
    }
}

/// What shorter and longer outages make of ours: `mix` is the mix with outages of this mean length.
pub(super) fn outages(run: &mut Run, mix: impl Fn(Duration) -> Population<1>) {
    let mut starts =
        Row::new(GROUP, "second starts by the mean length of outages, on a mix of networks", STARTS, FAIRNESS);
    let name = "the median where the first address is dead, by the mean length of outages";
    let mut medians = Row::new(GROUP, name, Unit::Time, FAIRNESS);
    for (name, seconds) in [("30 s", 30), ("1 min", 60), ("5 min", 300), ("30 min", 1800), ("2 h", 7200)] {
        let [ours] = mix(Duration::from_secs(seconds));
        starts.beside(name, rounded(ours.warm.second_starts()));
        medians.beside(name, ours.warm.median_dead_first().map(Figure::exact));
    }
    starts.expect("an outage that is over before the host is connected to again teaches nothing");
    run.push(starts);
    run.push(medians);
}

pub(super) fn second_starts(name: &str, population: &Population) -> Row {
    let mut row = Row::new(GROUP, format!("second starts: {name}"), STARTS, FAIRNESS);
    fill(&mut row, population, |tally| Some(rounded(tally.second_starts())));
    row
}

pub(super) fn needless_starts(name: &str, population: &Population) -> Row {
    let name = format!("needless second starts, the first attempt having won: {name}");
    let mut row = Row::new(GROUP, name, STARTS, FAIRNESS);
    fill(&mut row, population, |tally| Some(rounded(tally.needless_starts())));
    row
}

fn dead_first(name: &str, population: &Population) -> Row {
    let name = format!("the median where the first address is dead: {name}");
    let mut row = Row::new(GROUP, name, Unit::Time, FAIRNESS);
    fill(&mut row, population, |tally| tally.median_dead_first().map(Figure::exact));
    row
}

fn needless_by_basis(ours: &Tally) -> Row {
    let name = "needless second starts of ours, by what the attempt delay came from";
    let mut row = Row::new(GROUP, name, STARTS, FAIRNESS);
    let mut add = |basis, what: &str| {
        let (connects, needless) = ours.by_basis(basis);
        row.beside(format!("{what} ({connects:.1} % of the connects)"), rounded(needless));
    };
    add(Basis::Destination, "the round trip to the destination");
    add(Basis::Network, "the round trips of the network");
    add(Basis::Configured, "nothing: the configured 250 ms");
    let (_, needless) = ours.by_basis(Basis::Destination);
    row.check(needless <= 0.5, "at most 0.5 of 100 connects to known destinations");
    row.expect(
        "a destination is not known if it was never connected to, or not within an hour, or if it is the turn of a race that \
         does without what is known, which one of each 20 is",
    );
    row
}

/// Adds what each strategy came to.
pub(super) fn fill(row: &mut Row, population: &Population, value: impl Fn(&Tally) -> Option<Figure>) {
    for (strategy, hours) in Strategy::ALL.into_iter().zip(population) {
        match strategy {
            Strategy::Memory => {
                row.ours(strategy.name(), value(&hours.warm));
                row.beside(COLD, value(&hours.cold));
            }
            // It starts nothing needless, by definition.
            Strategy::Oracle if row.unit == STARTS => {}
            Strategy::Oracle => row.beside(strategy.name(), value(&hours.warm)),
            _ => row.peer(strategy.name(), value(&hours.warm)),
        }
    }
}

pub(super) const COLD: &str = "this crate, cold";

pub(super) fn rounded(count: f64) -> Figure {
    Figure::exact((100.0 * count).round() / 100.0)
}
