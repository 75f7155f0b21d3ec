//! One connect in invented time: the real [`Race`], over an invented network.

use std::time::{Duration, Instant};

use hyper_happy_eyeballs::race::{Action, Answer, AttemptId, Config, Outcome, Queries, Race};

use super::network::{Path, PathFate};

/// What a connect came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connect {
    /// How long it took, or `None` if nothing answered.
    pub(crate) took: Option<Duration>,
    /// How many SYNs were sent, with those that were sent again.
    pub(crate) syns: u32,
}

struct Attempt {
    id: AttemptId,
    began: Instant,
    ends: Instant,
    connects: bool,
}

/// A SYN that is not answered is sent again after 1, 3, 7 s and so on (RFC 6298), and given up after the sixth repeat.
const REPEATS: u32 = 6;

/// When a SYN is sent for the `n`th time after the first.
fn repeated_after(n: u32) -> Duration {
    Duration::from_secs((1 << n) - 1)
}

/// Connects to `paths` by the rules of `config`. `zero` is any instant.
pub(crate) fn connect(config: Config, paths: &[Path], deadline: Option<Duration>, zero: Instant) -> Connect {
    let mut race = Race::new(config, Queries::LIST, deadline.map(|deadline| zero + deadline));
    race.handle_answer(Answer::list(paths.iter().map(|path| path.address)), zero);
    let mut attempts: Vec<Attempt> = Vec::with_capacity(8);
    let mut now = zero;
    let mut connected = None;
    let mut syns = 0;
    loop {
        while let Some(action) = race.poll_action(now) {
            match action {
                Action::Start { id, endpoint, .. } => {
                    let path = paths.iter().find(|path| path.address == endpoint.address()).unwrap();
                    attempts.push(Attempt::start(id, path.fate, now));
                }
                Action::Drop { id, .. } => {
                    let index = attempts.iter().position(|attempt| attempt.id == id).unwrap();
                    syns += attempts.swap_remove(index).syns_until(now);
                }
                Action::Finish(_) => return Connect { took: connected, syns },
                other => panic!("unknown to the simulation: {other:?}"),
            }
        }
        let next = attempts.iter().map(|attempt| attempt.ends).min();
        let timer = race.poll_timeout();
        now = next.into_iter().chain(timer).min().expect("a race that is not over waits for something");
        while let Some(index) = attempts.iter().position(|attempt| attempt.ends <= now) {
            let attempt = attempts.swap_remove(index);
            syns += attempt.syns_until(now);
            if attempt.connects && connected.is_none() {
                connected = Some(now - zero);
            }
            let outcome = if attempt.connects { Outcome::Connected } else { Outcome::Failed { sent: true } };
            race.handle_outcome(attempt.id, outcome, now);
        }
    }
}

impl Attempt {
    fn start(id: AttemptId, fate: PathFate, now: Instant) -> Self {
        let (took, connects) = match fate {
            PathFate::Answers { lost, rtt } if lost <= REPEATS => (repeated_after(lost) + rtt, true),
            PathFate::Answers { .. } | PathFate::Dead => (repeated_after(REPEATS + 1), false),
            PathFate::Refuses { rtt } => (rtt, false),
        };
        Self { id, began: now, ends: now + took, connects }
    }

    /// How often its SYN was sent by then.
    fn syns_until(&self, now: Instant) -> u32 {
        let lasted = now - self.began;
        (0..=REPEATS).take_while(|n| *n == 0 || repeated_after(*n) < lasted).count() as u32
    }
}
