//! Requests over HTTP/2 take the feature `http2`.

use super::GROUP;
use crate::run::Run;

pub(super) fn measure(run: &mut Run) {
    let name = "instructions for a request over HTTP/2";
    if run.options.wants(GROUP, name) {
        run.progress(GROUP, &format!("{name}: left out, the feature `http2` is off"));
    }
}

pub(super) fn measure_throughput(_: &mut Run) {}

pub(crate) fn run(_mode: &str, _port: u16, _requests: usize, _concurrency: usize) {
    panic!("the feature `http2` is off");
}
