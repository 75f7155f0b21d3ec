//! The hours of a client: connect after connect, by each strategy over the same network.

use std::time::{Duration, Instant};

use super::super::connect::Connect;
use super::super::network::Path;
use super::popularity::Popularity;
use super::strategy::{Client, Strategy};
use super::tally::Tally;
use super::world::{Setting, World};

/// How often a client connects.
const EVERY: Duration = Duration::from_secs(2);
/// How long a client counts as a new one.
const COLD: Duration = Duration::from_secs(10 * 60);

/// What became of a client's connects by one strategy.
#[derive(Clone, Debug, Default)]
pub(super) struct Hours {
    /// Of the time in which it is new.
    pub(super) cold: Tally,
    /// Of the second half of its hours.
    pub(super) warm: Tally,
}

/// The hours of some clients, by each strategy: those of [`Strategy::ALL`], if no other are named.
pub(super) type Population<const N: usize = 5> = [Hours; N];

/// The hours of all of these.
pub(super) fn merge<'a, const N: usize>(populations: impl IntoIterator<Item = &'a Population<N>>) -> Population<N> {
    let mut sum = [(); N].map(|()| Hours::default());
    for population in populations {
        for (sum, hours) in sum.iter_mut().zip(population) {
            sum.cold.merge(&hours.cold);
            sum.warm.merge(&hours.warm);
        }
    }
    sum
}

/// The hours of one client by each of these strategies.
pub(super) fn hours<const N: usize>(
    setting: Setting,
    popularity: &Popularity,
    length: Duration,
    strategies: [Strategy; N],
) -> Population<N> {
    let mut hours = strategies.map(|_| Hours::default());
    each_connect(setting, popularity, length, strategies, |at, paths, connects| {
        for (hours, connect) in hours.iter_mut().zip(connects) {
            if at < COLD {
                hours.cold.add(connect, paths);
            }
            if at >= length / 2 {
                hours.warm.add(connect, paths);
            }
        }
    });
    hours
}

/// Calls `each` with the time, the addresses, and what each strategy made of them.
pub(super) fn each_connect<const N: usize>(
    setting: Setting,
    popularity: &Popularity,
    length: Duration,
    strategies: [Strategy; N],
    mut each: impl FnMut(Duration, &[Path], &[Connect; N]),
) {
    let zero = Instant::now();
    let mut world = World::new(setting, popularity);
    let mut clients: [Client; N] = strategies.map(Strategy::client);
    let mut at = Duration::ZERO;
    while at < length {
        let paths = world.draw(at);
        let connects = clients.each_mut().map(|client| client.connect(&paths, zero + at));
        each(at, &paths, &connects);
        at += EVERY;
    }
}

/// Returns the result of `each` for each number of a client, in the order of the numbers. All processors are used.
pub(super) fn each_client<T: Send>(clients: usize, each: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let each = &each;
    let mut numbered: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|worker| {
                let numbers = (worker..clients).step_by(workers);
                scope.spawn(move || numbers.map(|number| (number, each(number))).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, found)| found).collect()
}
