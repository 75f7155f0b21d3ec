//! A burst to an https origin takes the feature `https`.

use crate::run::Run;

const GROUP: &str = "a burst of 100 requests";

pub(crate) fn measure(run: &mut Run) {
    if run.options.wants(GROUP, "") {
        run.progress(GROUP, "left out, the feature `https` is off");
    }
}

pub(crate) mod server {
    pub(crate) fn serve(_alpn: &str, _delay: u64) {
        panic!("the feature `https` is off");
    }
}
