//! The evidence, drawn.

use super::GROUP;
use super::hours::Population;
use super::rows::COLD;
use super::strategy::Strategy;
use super::tally::Tally;
use crate::chart::{Axis, Bars, Chart, Lines};
use crate::run::Run;

/// Second starts, needless SYNs, and dead first addresses, by network.
pub(super) fn push(run: &mut Run, networks: &[(&str, &Population)]) {
    run.charts.push(Chart::bars(
        "memory-second-starts.svg",
        GROUP,
        "With the memory few connects start a second attempt, but for those to unknown hosts far away",
        "connects that start a second attempt (%)",
        bars(networks, |tally| Some(tally.second_starts())),
    ));
    run.charts.push(Chart::bars(
        "memory-needless-syns.svg",
        GROUP,
        "With the memory few SYNs are sent for nothing",
        "needless SYNs for 100 connects",
        bars(networks, |tally| Some(tally.needless_syns())),
    ));
    run.charts.push(Chart::bars(
        "memory-dead-first.svg",
        GROUP,
        "A dead first address costs less with the memory where hosts are near, and more where they are far",
        "median time to connect if it is dead (ms)",
        bars(networks, |tally| Some(1e3 * tally.median_dead_first()?)),
    ));
}

/// What each hour of a day loses.
pub(super) fn day(lost: &[(Strategy, Vec<f64>)]) -> Chart {
    let mut lines =
        Lines::new(Axis::linear("hour of the day"), Axis::logarithmic("time lost in the hour, in 1,800 connects (s)"));
    for (strategy, hours) in lost {
        let points = hours.iter().enumerate().map(|(hour, lost)| ((hour + 1) as f64, *lost));
        lines.points(strategy.name(), points.collect());
    }
    let title = "Broken IPv6 is paid for in the first hours, and hardly after them";
    Chart::lines("memory-broken-ipv6.svg", GROUP, title, lines)
}

fn bars(networks: &[(&str, &Population)], value: impl Fn(&Tally) -> Option<f64>) -> Bars {
    let mut bars = Bars::default();
    for (name, population) in networks {
        bars.category(*name);
        let mut push = |who: &str, tally: &Tally| {
            if let Some(value) = value(tally) {
                let digits = if value < 10.0 { 1 } else { 0 };
                bars.push(who, value, &format!("{value:.digits$}"));
            }
        };
        for (strategy, hours) in Strategy::ALL.into_iter().zip(*population) {
            if strategy != Strategy::Oracle {
                push(strategy.name(), &hours.warm);
            }
            if strategy == Strategy::Memory {
                push(COLD, &hours.cold);
            }
        }
    }
    bars
}
