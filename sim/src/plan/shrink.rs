//! Shrinks a plan that breaks a rule.

use super::{Pause, Plan, Reading, Script, Settings};

/// Returns the smallest plan found for which `fails` holds, as it does for `plan`.
pub fn shrink(plan: &Plan, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    loop {
        let before = best.clone();
        shorten(&mut best, &mut fails, |plan| Some(&mut plan.callers));
        shorten(&mut best, &mut fails, |plan| Some(&mut plan.connections));
        for at in 0..best.callers.len() {
            shorten(&mut best, &mut fails, |plan| plan.callers.get_mut(at).map(|caller| &mut caller.asks));
        }
        for at in 0..best.connections.len() {
            shorten(&mut best, &mut fails, |plan| plan.connections.get_mut(at).map(|script| &mut script.steps));
        }
        simplify(&mut best, &mut fails);
        if best == before {
            return best;
        }
    }
}

/// Removes as much of a list as possible: first halves, in the end single elements.
fn shorten<T>(best: &mut Plan, fails: &mut impl FnMut(&Plan) -> bool, list: impl Fn(&mut Plan) -> Option<&mut Vec<T>>) {
    let mut size = list(best).map_or(0, |list| list.len());
    while size > 0 {
        let mut at = 0;
        while at < list(best).map_or(0, |list| list.len()) {
            let mut tried = best.clone();
            if let Some(list) = list(&mut tried) {
                list.drain(at..list.len().min(at + size));
            }
            if fails(&tried) {
                *best = tried;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
}

/// Simplifies everything that is left.
fn simplify(best: &mut Plan, fails: &mut impl FnMut(&Plan) -> bool) {
    let mut attempt = |change: &dyn Fn(&mut Plan)| {
        let mut tried = best.clone();
        change(&mut tried);
        if tried != *best && fails(&tried) {
            *best = tried;
        }
    };
    let plain = Settings::default();
    attempt(&|plan| plan.client = Settings { http2: plan.client.http2, alpn: plan.client.alpn, ..plain.clone() });
    attempt(&|plan| plan.client.max_idle = None);
    attempt(&|plan| plan.client.max_connections = None);
    attempt(&|plan| plan.client.max_age = None);
    attempt(&|plan| plan.client.idle_timeout = plain.idle_timeout);
    attempt(&|plan| plan.client.late_binding = false);
    attempt(&|plan| plan.client.retry = plain.retry);
    attempt(&|plan| plan.client.retry_bodies = false);
    attempt(&|plan| plan.client.retry_408 = false);
    attempt(&|plan| plan.client.layered = false);
    attempt(&|plan| plan.client.http2_windows = plain.http2_windows);
    attempt(&|plan| plan.client.http2_connections = plain.http2_connections);
    attempt(&|plan| plan.client.standstills.clear());
    attempt(&|plan| plan.client.end = plain.end);
    attempt(&|plan| {
        plan.client.runtimes = 1.max(plan.callers.iter().map(|caller| caller.runtime + 1).max().unwrap_or(1))
    });
    attempt(&|plan| {
        plan.callers.iter_mut().for_each(|caller| caller.runtime = 0);
        plan.client.runtimes = 1;
        plan.client.standstills.clear();
    });
    for caller in 0..MOST {
        for at in 0..MOST {
            let mut on_ask = |change: &dyn Fn(&mut super::Ask)| {
                attempt(&|plan| {
                    plan.callers
                        .get_mut(caller)
                        .and_then(|caller| caller.asks.get_mut(at))
                        .into_iter()
                        .for_each(change);
                });
            };
            on_ask(&|ask| ask.pause = Pause::default());
            on_ask(&|ask| ask.host = 0);
            on_ask(&|ask| (ask.key, ask.expect) = (false, false));
            on_ask(&|ask| ask.cancel = None);
            on_ask(&|ask| ask.reading = Reading::All);
            on_ask(&|ask| ask.body.frames.clear());
            on_ask(&|ask| ask.body.frames.truncate(1));
            on_ask(&|ask| ask.body.unknown = false);
            on_ask(&|ask| ask.body.fails = false);
            on_ask(&|ask| ask.body.frames.iter_mut().for_each(|frame| *frame = (frame.0.min(5), Pause::default())));
        }
    }
    let plain = Script::good();
    for at in 0..MOST {
        let mut on_script = |change: &dyn Fn(&mut Script)| {
            attempt(&|plan| plan.connections.get_mut(at).into_iter().for_each(change));
        };
        on_script(&|script| script.connect = plain.connect);
        on_script(&|script| script.window = plain.window);
        on_script(&|script| script.patience = plain.patience);
        on_script(&|script| script.latency = plain.latency);
        on_script(&|script| script.segment = None);
        on_script(&|script| script.http1 = false);
        on_script(&|script| (script.again, script.refused) = (false, false));
        on_script(&|script| *script = plain.clone());
    }
}

/// The most callers, requests and connections of a plan that are tried one by one.
const MOST: usize = 24;
