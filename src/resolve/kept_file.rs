//! What a file of the system says, kept until the file changes. It may block.

use std::fs::{self, Metadata};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::platform::{Identity, identity};
use super::system_files;
use crate::lock::Lock;

/// A file, and what was made of its text when it was read last. A reader asks the system for the state of the file, and reads it again only if it may have
/// changed.
pub(super) struct KeptFile<T> {
    path: &'static str,
    make: fn(&str) -> T,
    /// Guards what was made. The file is not read under it.
    kept: Lock<Option<Kept<T>>>,
}

struct Kept<T> {
    made: Arc<T>,
    reading: Reading,
}

/// When a file was read, and its state just before that.
#[derive(Clone, Copy, Debug)]
struct Reading {
    state: State,
    at: SystemTime,
}

/// What changes with each change of a file, but for a second change within one step of the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// `None` where the system does not know.
    modified: Option<SystemTime>,
    len: u64,
    identity: Identity,
}

impl<T> KeptFile<T> {
    /// The file at `path`. `make` is called with its text each time it is read.
    pub(super) const fn new(path: &'static str, make: fn(&str) -> T) -> Self {
        Self { path, make, kept: Lock::new(None) }
    }

    /// What is made of the text of the file as it is now, or `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Those of [`system_files::read`].
    pub(super) fn read(&self) -> io::Result<Option<Arc<T>>> {
        #[expect(clippy::disallowed_methods, reason = "the state of a file has the time of day")]
        self.read_at(SystemTime::now())
    }

    /// As [`read`](Self::read), at the time of day `now`.
    fn read_at(&self, now: SystemTime) -> io::Result<Option<Arc<T>>> {
        let state = match fs::metadata(self.path) {
            Ok(metadata) => State::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self.keep(None)),
            Err(error) => return Err(error),
        };
        if let Some(made) = self.still_good(state) {
            return Ok(Some(made));
        }
        let reading = Reading { state, at: now };
        let text = system_files::read(self.path)?;
        Ok(self.keep(text.map(|text| Kept { made: Arc::new((self.make)(&text)), reading })))
    }

    fn still_good(&self, state: State) -> Option<Arc<T>> {
        let kept = self.kept.lock();
        let kept = kept.as_ref().filter(|kept| kept.reading.is_still_good(state));
        kept.map(|kept| Arc::clone(&kept.made))
    }

    /// Keeps what was made in the place of what was made before. Returns it.
    fn keep(&self, kept: Option<Kept<T>>) -> Option<Arc<T>> {
        let made = kept.as_ref().map(|kept| Arc::clone(&kept.made));
        let mut current = self.kept.lock();
        let before = std::mem::replace(&mut *current, kept);
        drop(current);
        // It may be large: it is dropped after the lock.
        drop(before);
        made
    }
}

impl Reading {
    /// Whether the file, whose state is `now`, still says what was read. If the file was read soon after a change, a second change may have followed in
    /// the same step of the clock, with the same state.
    fn is_still_good(&self, now: State) -> bool {
        let was_settled = |changed| self.at.duration_since(changed).is_ok_and(|age| age >= LONGEST_STEP);
        self.state == now && now.modified.is_some_and(was_settled) && now.identity.changed().is_none_or(was_settled)
    }
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), len: metadata.len(), identity: identity(metadata) }
    }
}

/// The longest step of a file system's clock: that of FAT.
const LONGEST_STEP: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn second(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn what_was_read_is_good_while_the_file_keeps_a_state_that_was_old_when_it_was_read() {
        let state = |modified, len, inode, changed| State { modified, len, identity: Identity::new(inode, changed) };
        let old = state(Some(second(10)), 3, 7, second(10));
        let read = |state, at| Reading { state, at };
        for (reading, now, good, why) in [
            (read(old, second(12)), old, true, "the step of its last change was over"),
            (read(old, second(5000)), old, true, "it was changed long ago"),
            (read(old, second(11)), old, false, "the step of its last change may not have been over"),
            (read(old, second(9)), old, false, "it is of the future"),
            (read(old, second(99)), state(Some(second(11)), 3, 7, second(10)), false, "it was modified"),
            (read(old, second(99)), state(Some(second(9)), 3, 7, second(10)), false, "an older one is in its place"),
            (read(old, second(99)), state(Some(second(10)), 4, 7, second(10)), false, "it has grown"),
            (read(old, second(99)), state(Some(second(10)), 3, 8, second(10)), false, "it is another file"),
            (read(old, second(99)), state(Some(second(10)), 3, 7, second(12)), false, "its time was set back"),
            (
                read(state(Some(second(10)), 3, 7, second(98)), second(99)),
                state(Some(second(10)), 3, 7, second(98)),
                false,
                "its time was set back just before",
            ),
            (read(state(None, 3, 7, second(10)), second(99)), state(None, 3, 7, second(10)), false, "nothing is known"),
        ] {
            assert_eq!(reading.is_still_good(now), good, "{why}");
        }
    }

    /// A file for one test.
    struct Written(&'static str);

    impl Written {
        fn new(name: &str, text: &str) -> Self {
            let path: PathBuf = std::env::temp_dir().join(format!("hhe-{}-{name}", std::process::id()));
            let written = Self(path.into_os_string().into_string().unwrap().leak());
            written.write(text);
            written
        }

        fn write(&self, text: &str) {
            fs::write(self.0, text).unwrap();
        }

        fn kept(&self) -> KeptFile<String> {
            KeptFile::new(self.0, str::to_owned)
        }
    }

    impl Drop for Written {
        fn drop(&mut self) {
            fs::remove_file(self.0).ok();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the files of the test have the time of day")]
    fn now() -> SystemTime {
        SystemTime::now()
    }

    #[test]
    fn a_file_is_read_again_when_it_was_written() {
        let file = Written::new("again", "one");
        let kept = file.kept();
        let later = now() + HOUR;
        let first = kept.read_at(later).unwrap().unwrap();
        let second = kept.read_at(later).unwrap().unwrap();
        assert!(*first == "one" && Arc::ptr_eq(&first, &second), "it is read once");
        file.write("three");
        assert_eq!(*kept.read_at(later).unwrap().unwrap(), "three");
        // Another file in its place.
        let other = Written::new("other", "seven");
        fs::rename(other.0, file.0).unwrap();
        assert_eq!(*kept.read_at(later).unwrap().unwrap(), "seven");
        fs::remove_file(file.0).unwrap();
        assert_eq!(kept.read_at(later).unwrap(), None);
        file.write("again");
        assert_eq!(*kept.read_at(later).unwrap().unwrap(), "again");
    }

    #[test]
    fn two_writes_in_one_step_of_the_clock_are_both_seen() {
        let file = Written::new("step", "one");
        let kept = file.kept();
        // Much faster than any clock of a file system, sooner or later.
        for text in ["two", "six", "ten"].repeat(50) {
            file.write(text);
            assert_eq!(*kept.read().unwrap().unwrap(), text);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_no_missing_file() {
        assert_eq!(KeptFile::new("/no/such/file", str::to_owned).read().unwrap(), None);
        let directory = KeptFile::new(env!("CARGO_MANIFEST_DIR"), str::to_owned);
        assert!(directory.read().is_err() && directory.read_at(now() + HOUR).is_err());
    }
}
