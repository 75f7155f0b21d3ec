//! TLS handshakes take the feature `https`.

use super::GROUP;
use crate::run::Run;

pub(super) fn measure(run: &mut Run) {
    let name = "instructions for an https connect";
    if run.options.wants(GROUP, name) {
        run.progress(GROUP, &format!("{name}: left out, the feature `https` is off"));
    }
}

pub(crate) fn run(_mode: &str, _sessions: &str, _server: &str, _handshakes: usize) {
    panic!("the feature `https` is off");
}

pub(crate) fn serve() {
    panic!("the feature `https` is off");
}
