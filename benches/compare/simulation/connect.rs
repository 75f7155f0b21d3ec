//! One connect in virtual time: the real [`Race`], over a simulated network.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::race::{
    Action, Advice, Answer, AttemptDelay, AttemptId, Config, End, Ending, Outcome, Queries, Race, Tried,
};

use super::network::{Path, PathFate};

/// What a connect came to.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    /// How long it took, or `None` if nothing answered.
    pub(crate) took: Option<Duration>,
    attempts: Vec<Attempt>,
}

#[derive(Clone, Debug)]
struct Attempt {
    id: AttemptId,
    address: SocketAddr,
    began: Instant,
    delay: AttemptDelay,
    /// When it would end by itself, and how.
    due: (Instant, End),
    ended: Option<(Instant, End)>,
}

/// A SYN that is not answered is sent again after 1, 3, 7 s and so on (RFC 6298), and given up after the sixth repeat.
const REPEATS: u32 = 6;

/// When a SYN is sent for the `n`th time after the first.
fn repeated_after(n: u32) -> Duration {
    Duration::from_secs((1 << n) - 1)
}

/// Connects to `paths` by the rules of `config`. `zero` is any instant.
pub(crate) fn connect(config: Config, paths: &[Path], deadline: Option<Duration>, zero: Instant) -> Connect {
    connect_advised(config, paths, deadline, zero, |_| Advice::default())
}

/// The same, by a race that is told what `advise` says of each address.
pub(crate) fn connect_advised(
    config: Config,
    paths: &[Path],
    deadline: Option<Duration>,
    zero: Instant,
    mut advise: impl FnMut(SocketAddr) -> Advice,
) -> Connect {
    let mut race = Race::new(config, Queries::LIST, deadline.map(|deadline| zero + deadline));
    for path in paths {
        race.handle_advice(path.address, advise(path.address));
    }
    race.handle_answer(Answer::list(paths.iter().map(|path| path.address)), zero);
    let mut attempts: Vec<Attempt> = Vec::with_capacity(8);
    let mut now = zero;
    let mut took = None;
    loop {
        while let Some(action) = race.poll_action(now) {
            match action {
                Action::Start { id, endpoint, delay, .. } => {
                    let path = paths.iter().find(|path| path.address == endpoint.address()).unwrap();
                    attempts.push(Attempt::start(id, path, delay, now));
                }
                Action::Drop { id, .. } => attempts[id.index()].ended = Some((now, End::Silent)),
                Action::Finish(_) => return Connect { took, attempts },
                other => panic!("unknown to the simulation: {other:?}"),
            }
        }
        let next = attempts.iter().filter(|attempt| attempt.ended.is_none()).map(|attempt| attempt.due.0).min();
        let timer = race.poll_timeout();
        now = next.into_iter().chain(timer).min().expect("a race that is not over waits for something");
        for attempt in attempts.iter_mut().filter(|attempt| attempt.ended.is_none() && attempt.due.0 <= now) {
            // Of two that connect in one instant, the first ends the race.
            if took.is_none() {
                let end = attempt.due.1;
                attempt.ended = Some((now, end));
                took = (end == End::Connected).then(|| now - zero);
                let outcome = if took.is_some() { Outcome::Connected } else { Outcome::failed() };
                race.handle_outcome(attempt.id, outcome, now);
            }
        }
    }
}

impl Connect {
    /// How many attempts it made.
    pub(crate) fn starts(&self) -> usize {
        self.attempts.len()
    }

    /// Whether its first attempt connected.
    pub(crate) fn is_first_try(&self) -> bool {
        self.attempts.first().is_some_and(|first| matches!(first.ended, Some((_, End::Connected))))
    }

    /// The delay of its first attempt.
    pub(crate) fn first_delay(&self) -> Option<AttemptDelay> {
        self.attempts.first().map(|first| first.delay)
    }

    /// How many SYNs were sent, with those that were sent again.
    pub(crate) fn syns(&self) -> u32 {
        self.attempts.iter().map(Attempt::syns).sum()
    }

    /// How many SYNs were sent by other attempts than the first.
    pub(crate) fn later_syns(&self) -> u32 {
        self.attempts.iter().skip(1).map(Attempt::syns).sum()
    }

    /// What a memory is told of its attempts, and how it ended.
    pub(crate) fn lessons(&self) -> (Vec<Tried>, Ending) {
        let tried = self.attempts.iter().filter_map(|attempt| {
            let (ended, end) = attempt.ended?;
            Some(Tried::new(attempt.address.ip(), attempt.began, attempt.delay.length(), ended, end))
        });
        (tried.collect(), if self.took.is_some() { Ending::Won } else { Ending::Lost })
    }
}

impl Attempt {
    fn start(id: AttemptId, path: &Path, delay: AttemptDelay, now: Instant) -> Self {
        let (takes, end) = match path.fate {
            PathFate::Answers { lost, rtt } if lost <= REPEATS => (repeated_after(lost) + rtt, End::Connected),
            PathFate::Answers { .. } | PathFate::Dead => (repeated_after(REPEATS + 1), End::Silent),
            PathFate::Refuses { rtt } => (rtt, End::Refused),
        };
        Self { id, address: path.address, began: now, delay, due: (now + takes, end), ended: None }
    }

    /// How often its SYN was sent.
    fn syns(&self) -> u32 {
        let lasted = self.ended.unwrap_or(self.due).0 - self.began;
        (0..=REPEATS).take_while(|n| *n == 0 || repeated_after(*n) < lasted).count() as u32
    }
}
