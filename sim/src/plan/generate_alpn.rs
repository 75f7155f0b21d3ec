//! Generates plans in which ALPN decides the protocol of each connection, and in which dials take time.

use super::generate::{self, Wishes, pause};
use super::{Pause, Plan, Script, Settings, Step, generate_http2};
use crate::rng::Rng;

pub(super) fn settings(rng: &mut Rng, wishes: Wishes) -> Settings {
    let mut settings = generate::over_http2(rng, wishes);
    settings.alpn = true;
    settings.http2_connections = rng.pick(&[4, 4, 4, 1, 2, 3]);
    // Otherwise a retry over HTTP/1.1 would depend on more than its connection.
    (settings.late_binding, settings.retry_408) = (false, false);
    settings
}

/// Returns the script of one connection, and how its dial ends.
pub(super) fn script(rng: &mut Rng, is_quiet: bool, wishes: Wishes) -> Script {
    // No server is silent for ever, so that all requests end.
    let wishes = Wishes { deaf: false, first_words: false, ..wishes };
    let http1 = rng.percent(25);
    let mut script = match http1 {
        true => generate::script(rng, is_quiet, wishes),
        false => generate_http2::script(rng, is_quiet, wishes),
    };
    for step in &mut script.steps {
        if let Step::GoAway(_, code @ HTTP_1_1_REQUIRED) = step {
            // The simulated connector would not know what is negotiated for that host afterwards.
            *code = 0;
        }
    }
    script.http1 = http1;
    script.refused = rng.percent(if is_quiet { 2 } else { 12 });
    script.connect = match rng.below(12) {
        0..=6 => pause(rng),
        7 => Pause { ms: rng.pick(&[SILENT, SILENT + 300, SILENT + 301]), rounds: rng.below(3) as u32 },
        8 | 9 => Pause { ms: rng.within(200, 3_000) as u32, rounds: 0 },
        10 => Pause { ms: rng.within(290, 330) as u32, rounds: rng.below(3) as u32 },
        _ if rng.percent(50) => Pause { ms: HANGS, rounds: 0 },
        _ => pause(rng),
    };
    script
}

/// Makes some requests parallel, or cancels them during their dials.
pub(super) fn burst(rng: &mut Rng, plan: &mut Plan) {
    if rng.percent(50) {
        plan.callers
            .iter_mut()
            .filter_map(|caller| caller.asks.first_mut())
            .for_each(|ask| ask.pause = Pause::default());
    }
    if rng.percent(50) {
        for ask in plan.callers.iter_mut().flat_map(|caller| &mut caller.asks) {
            if rng.percent(20) {
                let ms = rng.pick(&[0, 1, 5, 250, 300, 350, 1_300, 2_000]);
                ask.cancel = Some(Pause { ms, rounds: rng.below(4) as u32 });
            }
        }
    }
}

/// How long a hanging dial takes, in milliseconds: longer than connections take to become idle.
const HANGS: u32 = 60_000;

/// A dial is silent after this many milliseconds and 300 more, if there was none before.
const SILENT: u32 = 1_000;

const HTTP_1_1_REQUIRED: u32 = 0xd;
