//! Generates scripts of HTTP/2 servers from seeds.

use super::generate::{Wishes, pause};
use super::{Answer, Framing, Last, Pause, Script, Step, Until};
use crate::rng::Rng;

/// Returns the script of one connection.
pub(super) fn script(rng: &mut Rng, is_quiet: bool, wishes: Wishes) -> Script {
    let mut steps = Vec::new();
    if rng.percent(40) {
        steps.push(Step::MaxStreams(rng.pick(&[0, 1, 1, 2, 3, 10])));
    }
    if rng.percent(30) {
        steps.push(Step::InitialWindow(rng.pick(&[1, 10, 40, 1_000, 200_000])));
    }
    for _ in 0..if is_quiet { rng.below(2) } else { rng.below(4) } {
        connection_step(rng, &mut steps);
    }
    if !is_quiet && rng.percent(60) {
        last_steps(rng, &mut steps, wishes);
    }
    for _ in 0..rng.within(0, 10) {
        steps.push(Step::Stream);
        serve(rng, &mut steps, is_quiet);
    }
    let is_narrow = wishes.narrow && rng.percent(5);
    let latency = if is_narrow { Pause { ms: 0, rounds: rng.below(4) as u32 } } else { pause(rng) };
    Script {
        connect: pause(rng),
        refused: !is_quiet && rng.percent(2),
        http1: false,
        // Twenty bytes at a time with pauses would take longer than any caller waits.
        window: if is_narrow { 20 } else { rng.pick(&[300, 4_000, 65_536, 300_000]) },
        patience: rng.pick(&[1, 30, 300, 5_000]),
        latency: (!rng.percent(15)).then_some(latency),
        again: false,
        segment: rng.percent(15).then(|| rng.pick(&[1, 5, 9, 30])),
        steps,
    }
}

/// Adds a step that no request fails of.
fn connection_step(rng: &mut Rng, steps: &mut Vec<Step>) {
    match rng.below(6) {
        0 => steps.push(Step::Ping),
        1 => steps.push(Step::Deaf(pause(rng))),
        2 => steps.push(Step::InitialWindow(rng.pick(&[1, 20, 500, 70_000]))),
        _ => steps.push(Step::MaxStreams(rng.pick(&[0, 1, 2, 5, 100]))),
    }
    moment(rng, steps);
}

/// Adds a wait for a moment in the life of a connection.
fn moment(rng: &mut Rng, steps: &mut Vec<Step>) {
    match rng.below(4) {
        0 => steps.push(Step::Idle),
        1 | 2 => steps.push(Step::Requests(rng.within(1, 8) as u32)),
        _ => {}
    }
    if rng.percent(60) {
        steps.push(Step::Wait(pause(rng)));
    }
}

/// Adds the end of a connection.
fn last_steps(rng: &mut Rng, steps: &mut Vec<Step>, wishes: Wishes) {
    moment(rng, steps);
    match rng.below(20) {
        0..=9 => {
            let code = rng.pick(&[0, 0, 0, 0, 1, 2, 11, 12, 13]);
            steps.push(Step::GoAway(rng.pick(&[Last::Zero, Last::Half, Last::Seen, Last::Max]), code));
            if rng.percent(30) {
                moment(rng, steps);
                steps.push(Step::GoAway(rng.pick(&[Last::Zero, Last::Half, Last::Seen]), code));
            }
            if rng.percent(50) {
                moment(rng, steps);
                steps.push(ending(rng));
            }
        }
        10..=13 => {
            steps.push(Step::Cut(rng.within(0, 120) as u32));
            moment(rng, steps);
            steps.push(ending(rng));
        }
        14 => {
            steps.push(Step::RefuseWrites);
            if rng.percent(60) || !wishes.deaf {
                steps.extend([Step::Wait(pause(rng)), ending(rng)]);
            }
        }
        15 => steps.extend([Step::Deaf(Pause { ms: 1, rounds: 0 }), ending(rng)]),
        _ => steps.push(ending(rng)),
    }
}

fn ending(rng: &mut Rng) -> Step {
    rng.pick(&[Step::Close, Step::Close, Step::Close, Step::Fin, Step::Reset(true), Step::Reset(false)])
}

fn answer(rng: &mut Rng) -> Answer {
    let bytes = match rng.below(10) {
        0..=2 => 0,
        3..=8 => rng.within(1, 60) as u32,
        _ => rng.within(1_000, 9_000) as u32,
    };
    let framing = match rng.below(10) {
        0..=5 => Framing::Length(bytes),
        6..=8 => Framing::Chunked(bytes),
        _ => Framing::Trailers(bytes),
    };
    Answer { status: rng.pick(&[200, 200, 200, 200, 200, 204, 304, 404, 503, 408]), framing, close: false }
}

/// Adds the steps for one request.
fn serve(rng: &mut Rng, steps: &mut Vec<Step>, is_quiet: bool) {
    let kind = if is_quiet { rng.below(60) } else { rng.below(100) };
    if kind < 30 && rng.percent(60) {
        // It is served correctly.
        return;
    }
    if rng.percent(10) {
        steps.push(Step::Inform(rng.pick(&[100, 102, 103])));
    }
    match kind {
        // The stream ends without a response.
        80..=91 => {
            read(rng, steps);
            steps.push(Step::ResetStream(rng.pick(&[REFUSED_STREAM, REFUSED_STREAM, REFUSED_STREAM, 8, 0, 2, 11])));
        }
        // The response is cut off.
        92..=96 => {
            read(rng, steps);
            steps.extend([Step::Answer(answer(rng)), Step::Wait(pause(rng))]);
            if rng.percent(60) {
                steps.extend([Step::Send(rng.below(40) as u32), Step::Wait(pause(rng))]);
            }
            steps.push(Step::ResetStream(rng.pick(&[8, 0, 2, 1])));
        }
        // The response comes early, and the rest of the request is not wanted.
        70..=79 => {
            read(rng, steps);
            steps.push(Step::Answer(Answer { status: rng.pick(&[413, 401, 200, 503]), ..answer(rng) }));
            send(rng, steps);
            if rng.percent(70) {
                steps.extend([Step::Wait(pause(rng)), Step::ResetStream(rng.pick(&[0, 0, 8]))]);
            }
        }
        _ => {
            if rng.percent(70) {
                steps.push(Step::Read(Until::End));
            }
            if rng.percent(50) {
                steps.push(Step::Wait(pause(rng)));
            }
            steps.push(Step::Answer(answer(rng)));
            send(rng, steps);
        }
    }
}

/// Adds steps that read a part of a request.
fn read(rng: &mut Rng, steps: &mut Vec<Step>) {
    match rng.below(4) {
        0 => steps.push(Step::Read(Until::Body(rng.within(1, 500) as u32))),
        1 => steps.push(Step::Read(Until::End)),
        _ => {}
    }
    if rng.percent(60) {
        steps.push(Step::Wait(pause(rng)));
    }
}

/// Adds the steps that send a response in one piece or in several.
fn send(rng: &mut Rng, steps: &mut Vec<Step>) {
    while rng.percent(30) {
        steps.extend([Step::Send(rng.below(40) as u32), Step::Wait(pause(rng))]);
    }
    steps.push(Step::SendRest);
}

const REFUSED_STREAM: u32 = 7;
