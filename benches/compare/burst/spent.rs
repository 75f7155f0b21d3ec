//! The processor time that this process has used.

/// In seconds, of user and system, on all threads since it began. `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(super) fn processor() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;

    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(micros as f64 * 1e-6)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn processor() -> Option<f64> {
    None
}
