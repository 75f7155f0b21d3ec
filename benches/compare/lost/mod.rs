//! Lost responses, lost requests, and connections that could have been used again.

mod clients;
mod early;
mod kept;
mod servers;

use crate::run::Run;

pub(crate) const GROUP: &str = "what gets lost";

pub(crate) fn measure(run: &mut Run) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    early::measure(run, &runtime);
    kept::closes(run, &runtime);
    kept::connections(run, &runtime);
    kept::hang_up(run, &runtime);
}
