//! Counts what is left when everything has been dropped.

use std::ops::AddAssign;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::runs::{descriptors, now};

/// The differences to the count before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leftovers {
    pub(crate) descriptors: usize,
    pub(crate) tasks: usize,
}

impl Leftovers {
    pub(crate) const NAMES: [&str; 2] = ["descriptors left", "tasks left"];

    pub(crate) fn counts(self) -> [usize; 2] {
        [self.descriptors, self.tasks]
    }

    pub(crate) fn count(self) -> usize {
        self.counts().iter().sum()
    }
}

impl AddAssign for Leftovers {
    fn add_assign(&mut self, more: Self) {
        self.descriptors += more.descriptors;
        self.tasks += more.tasks;
    }
}

/// The descriptors of the process and the tasks of a runtime at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Census {
    descriptors: usize,
    tasks: usize,
}

impl Census {
    pub(crate) fn take(runtime: &Runtime) -> Self {
        Self { descriptors: descriptors(), tasks: runtime.metrics().num_alive_tasks() }
    }

    /// Returns what there is more than at the census. Waits ten seconds for things that end by themselves.
    pub(crate) fn compare(self, runtime: &Runtime) -> Leftovers {
        let start = now();
        loop {
            let present = Self::take(runtime);
            let left = Leftovers {
                descriptors: present.descriptors.abs_diff(self.descriptors),
                tasks: present.tasks.abs_diff(self.tasks),
            };
            if left == Leftovers::default() || start.elapsed() > Duration::from_secs(10) {
                return left;
            }
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted() {
        let _alone = crate::DESCRIPTORS.lock();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let before = Census::take(&runtime);
        let (socket, task) =
            (std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), runtime.spawn(std::future::pending::<()>()));
        let present = Census::take(&runtime);
        assert_eq!((present.descriptors, present.tasks), (before.descriptors + 1, before.tasks + 1));
        // This task ends while the comparison waits.
        drop(runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(socket);
            task.abort();
        }));
        assert_eq!(before.compare(&runtime).count(), 0);
    }
}
