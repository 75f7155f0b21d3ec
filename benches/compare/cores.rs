//! The cores that a process runs on. If a scheduler puts client and server sometimes on one core and sometimes on two, the times are of two kinds,
//! and chance decides which.

/// The cores that this process may run on, or none where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn allowed() -> Vec<usize> {
    let set = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap_or_default();
    (0..nix::sched::CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect()
}

/// Keeps this thread, and the threads and processes that it starts from now on, on these cores. If the system cannot do that, they run on any core.
#[cfg(target_os = "linux")]
pub(crate) fn stay_on(cores: &[usize]) {
    let mut set = nix::sched::CpuSet::new();
    let known = cores.iter().filter(|core| set.set(**core).is_ok()).count();
    if known > 0 && nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set).is_err() {
        eprintln!("the cores cannot be chosen here: times vary more");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn allowed() -> Vec<usize> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_on(_: &[usize]) {}
