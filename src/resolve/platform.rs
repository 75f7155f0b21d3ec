//! What tells one file of the system from another.

use std::fs::Metadata;
use std::time::SystemTime;

/// Which file it is, and when its state was changed last: its text, its name, its permissions, or its times. Nobody can set that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    inode: u64,
    /// `None` where the system does not know.
    changed: Option<SystemTime>,
}

impl Identity {
    #[cfg(test)]
    pub(super) fn new(inode: u64, changed: SystemTime) -> Self {
        Self { inode, changed: Some(changed) }
    }

    pub(super) fn changed(self) -> Option<SystemTime> {
        self.changed
    }
}

#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    let nanoseconds = Duration::from_nanos(metadata.ctime_nsec().try_into().unwrap_or_default());
    let seconds = metadata.ctime().try_into().map(Duration::from_secs).unwrap_or_default();
    Identity { inode: metadata.ino(), changed: SystemTime::UNIX_EPOCH.checked_add(seconds + nanoseconds) }
}

/// Where names are looked up without files there is nothing to tell.
#[cfg(not(unix))]
pub(super) fn identity(_: &Metadata) -> Identity {
    Identity { inode: 0, changed: None }
}
