//! Scripted exchanges: a text file says what the server does on each connection, and what the client asks.
//!
//! The format is described in `tests/scenarios/README.md`.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod asking;
pub(crate) mod body;
pub(crate) mod clients;
pub(crate) mod comparison;
pub(crate) mod host;
pub(crate) mod player;
pub(crate) mod running;
pub(crate) mod scenario;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod visit;
pub(crate) mod wire;
#[path = "../words.rs"]
pub(crate) mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

/// What both sides of a scenario share: marks on which they wait for each other, and a board that shows what each is doing.
#[derive(Clone, Default)]
pub(crate) struct Stage {
    marks: Arc<Mutex<BTreeMap<String, Arc<Semaphore>>>>,
    board: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Stage {
    /// Sets a mark, for one that waits for it now or later.
    pub(crate) fn tell(&self, mark: &str) {
        self.mark(mark).add_permits(1);
    }

    /// Waits until the mark is set.
    pub(crate) async fn until(&self, mark: &str) {
        self.mark(mark).acquire_owned().await.expect("it is never closed").forget();
    }

    /// Waits with the whole thread blocked, so that its other tasks notice nothing, also for a while after.
    pub(crate) fn block(&self, mark: &str) -> Result<(), String> {
        for _ in 0..10_000 {
            std::thread::sleep(Duration::from_millis(1));
            if let Ok(permit) = self.mark(mark).try_acquire_owned() {
                permit.forget();
                // By now everything has arrived that was sent before the mark was set.
                std::thread::sleep(Duration::from_millis(5));
                return Ok(());
            }
        }
        Err("nobody has told".into())
    }

    fn mark(&self, mark: &str) -> Arc<Semaphore> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(marks.entry(mark.into()).or_insert_with(|| Arc::new(Semaphore::new(0))))
    }

    /// Shows what `who` is doing.
    pub(crate) fn at(&self, who: &str, number: usize, text: &str) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.insert(who.into(), format!("at line {number}, `{text}`"));
    }

    /// `who` has finished.
    pub(crate) fn done(&self, who: &str) {
        self.board.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }

    /// Returns the text of the board.
    pub(crate) fn board(&self) -> String {
        let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = board.iter().map(|(who, place)| format!("{who} {place}")).collect();
        if lines.is_empty() { "nobody is anywhere".into() } else { lines.join("; ") }
    }
}
