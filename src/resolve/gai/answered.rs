//! Remembers the names that have answered lately: their look-ups get the reserved threads, and may be repeated when a call is stuck.

use crate::lock::Lock;
use std::collections::HashSet;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many names a generation has at most. There are two generations.
const GENERATION: usize = 2_048;

/// How long a generation lasts at most.
const AGE: Duration = Duration::from_secs(120);

/// Remembers the names that have answered, for two to four minutes, up to some thousand of them. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered {
    /// Guards the two sets. Only names are compared under the lock.
    names: Arc<Lock<Names>>,
}

#[derive(Debug, Default)]
struct Names {
    young: HashSet<Arc<str>>,
    old: HashSet<Arc<str>>,
    /// When the young generation began.
    began: Option<Instant>,
}

impl Answered {
    /// Whether the name has answered lately.
    pub(super) fn has(&self, host: &str, now: Instant) -> bool {
        let mut names = self.names.lock();
        let forgotten = names.age(now);
        let has = names.young.contains(host) || names.old.contains(host);
        drop(names);
        drop(forgotten);
        has
    }

    /// Notes that the name has answered.
    pub(super) fn note(&self, host: &Arc<str>, now: Instant) {
        let mut names = self.names.lock();
        let forgotten = names.age(now);
        names.young.insert(Arc::clone(host));
        drop(names);
        drop(forgotten);
    }
}

impl Names {
    /// Makes the young generation the old one when it is full or its time is over. Returns the names that are forgotten.
    fn age(&mut self, now: Instant) -> [HashSet<Arc<str>>; 2] {
        let age = now.saturating_duration_since(*self.began.get_or_insert(now));
        if age < AGE && self.young.len() < GENERATION {
            return Default::default();
        }
        self.began = Some(now);
        let young = mem::take(&mut self.young);
        // After a long pause both generations are too old.
        let (young, forgotten) = if age < 2 * AGE { (young, HashSet::new()) } else { (HashSet::new(), young) };
        [mem::replace(&mut self.old, young), forgotten]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn a_name_that_has_answered_is_remembered_for_some_minutes() {
        let (answered, began) = (Answered::default(), some_instant());
        let after = |seconds| began + Duration::from_secs(seconds);
        assert!(!answered.has("www.example", began));
        answered.note(&"www.example".into(), began);
        assert!(answered.has("www.example", after(119)));
        assert!(answered.has("www.example", after(120)));
        assert!(!answered.has("www.example", after(240)));
        answered.note(&"www.example".into(), after(300));
        assert!(!answered.has("www.example", after(10_000)), "nobody has asked for a long time");
        // A name that goes on answering is not forgotten.
        for seconds in 10_000..11_000 {
            answered.note(&"www.example".into(), after(seconds));
            assert!(answered.has("www.example", after(seconds)));
        }
    }

    #[test]
    fn the_names_that_are_remembered_are_bounded() {
        let (answered, now) = (Answered::default(), some_instant());
        for n in 0..100_000 {
            answered.note(&format!("{n}.example").into(), now);
        }
        let names = answered.names.lock();
        assert!(names.young.len() + names.old.len() <= 2 * GENERATION);
        drop(names);
        assert!(answered.has("99999.example", now));
        assert!(!answered.has("1.example", now));
    }
}
