//! Generates plans from seeds.

use super::{
    Answer, Ask, Caller, End, Framing, Method, Pause, Plan, Reading, Retry, Script, Settings, Standstill, Step, Until,
    Upload,
};
use super::{generate_alpn, generate_http2};
use crate::rng::Rng;

/// The features that plans may have. By default, all that the client can handle.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wishes {
    /// Servers that answer before they were asked.
    pub first_words: bool,
    /// Connections whose writes fail while nothing can be read, not even an end.
    pub deaf: bool,
    /// A `ResponseFirstLayer` below the client.
    pub layered: bool,
    /// Connections that take less than the head of a request at once.
    pub narrow: bool,
    /// Several runtimes.
    pub runtimes: bool,
    /// HTTP/2.
    pub http2: bool,
    /// HTTP/1.1.
    pub http1: bool,
    /// ALPN decides between the two.
    pub alpn: bool,
}

impl Wishes {
    /// Everything.
    pub const ALL: Self = Self { first_words: true, ..Self::USUAL };

    /// All features that the client can handle, without those that `scenarios/open` has examples of.
    const USUAL: Self = Self {
        first_words: false,
        deaf: true,
        layered: true,
        narrow: true,
        runtimes: true,
        http2: true,
        http1: true,
        alpn: true,
    };

    /// The names of the features.
    pub const NAMES: [&str; 8] = ["first-words", "deaf", "layered", "narrow", "runtimes", "http2", "http1", "alpn"];

    /// Sets the feature with this name. `None` if there is none.
    #[must_use]
    pub fn with(mut self, name: &str, wished: bool) -> Option<Self> {
        let wish = match name {
            "first-words" => &mut self.first_words,
            "deaf" => &mut self.deaf,
            "layered" => &mut self.layered,
            "narrow" => &mut self.narrow,
            "runtimes" => &mut self.runtimes,
            "http2" => &mut self.http2,
            "http1" => &mut self.http1,
            "alpn" => &mut self.alpn,
            _ => return None,
        };
        *wish = wished;
        Some(self)
    }
}

impl Default for Wishes {
    fn default() -> Self {
        Self::USUAL
    }
}

/// Returns the plan of a seed.
pub fn generate(seed: u64, wishes: Wishes) -> Plan {
    let rng = &mut Rng::new(seed);
    let count = rng.pick(&[1, 1, 2, 3, 4, 6]);
    let http2 = wishes.http2 && (rng.percent(50) || !wishes.http1);
    let alpn = wishes.alpn && (rng.percent(30) || !(wishes.http1 || wishes.http2));
    let client = if alpn {
        generate_alpn::settings(rng, wishes)
    } else if http2 {
        over_http2(rng, wishes)
    } else {
        settings(rng, wishes)
    };
    let hosts = rng.within(1, 3);
    // Most plans have one kind of event.
    let is_quiet = rng.percent(30);
    let callers: Vec<Caller> = (0..count)
        .map(|_| {
            let runtime = rng.below(client.runtimes.into()) as u32;
            let asks = (0..rng.within(4, 24)).map(|_| ask(rng, hosts, is_quiet)).collect();
            Caller { runtime, asks }
        })
        .collect();
    let asks: usize = callers.iter().map(|caller| caller.asks.len()).sum();
    let connections = (0..rng.within(1, asks as u64 / 2 + 2))
        .map(|_| match (alpn, http2) {
            (true, _) => generate_alpn::script(rng, is_quiet, wishes),
            (false, true) => generate_http2::script(rng, is_quiet, wishes),
            (false, false) => script(rng, is_quiet, wishes),
        })
        .collect();
    let mut plan = Plan { seed, client, callers, connections };
    if alpn {
        generate_alpn::burst(rng, &mut plan);
    }
    plan
}

fn settings(rng: &mut Rng, wishes: Wishes) -> Settings {
    let runtimes = if wishes.runtimes && rng.percent(8) { rng.within(2, 3) as u32 } else { 1 };
    let mut standstills = Vec::new();
    if runtimes > 1 && rng.percent(70) {
        let from = rng.within(1, 60) as u32;
        let until = match rng.below(4) {
            0 => None,
            1 => Some(Standstill::FOR_EVER),
            _ => Some(from + rng.pick(&[5, 50, 2_000])),
        };
        standstills.push(Standstill { runtime: rng.below(runtimes.into()) as u32, from, until });
    }
    Settings {
        max_idle: rng.percent(20).then(|| rng.below(4) as u32),
        max_connections: rng.percent(30).then(|| rng.within(1, 4) as u32),
        max_age: rng.percent(8).then(|| rng.pick(&[1, 5, 40, 2_000])),
        idle_timeout: if rng.percent(15) { rng.pick(&[1, 3, 20, 500]) } else { 90_000 },
        late_binding: rng.percent(20),
        retry: rng.pick(&[Retry::Idempotent, Retry::Idempotent, Retry::Idempotent, Retry::Safe, Retry::Never]),
        retry_bodies: rng.percent(30),
        retry_408: rng.percent(30),
        http2: false,
        alpn: false,
        http2_connections: Settings::default().http2_connections,
        http2_windows: Settings::default().http2_windows,
        layered: rng.percent(25) && wishes.layered,
        runtimes,
        standstills,
        end: rng.pick(&[End::CloseIdle, End::Drop, End::Expire, End::Probe]),
    }
}

pub(super) fn over_http2(rng: &mut Rng, wishes: Wishes) -> Settings {
    let mut settings = settings(rng, Wishes { runtimes: false, ..wishes });
    settings.http2 = true;
    // Streams are not limited by the number of connections.
    settings.end = if settings.end == End::Probe { End::CloseIdle } else { settings.end };
    if rng.percent(20) {
        settings.http2_windows = rng.pick(&[(7, 1 << 20), (20, 100_000), (40, 70_000), (1 << 20, 65_535)]);
    }
    settings
}

/// Returns a pause, mostly of less than a millisecond.
pub(super) fn pause(rng: &mut Rng) -> Pause {
    match rng.below(10) {
        0..=3 => Pause::default(),
        4..=6 => Pause { ms: 0, rounds: rng.within(1, 4) as u32 },
        7 | 8 => Pause { ms: rng.within(1, 4) as u32, rounds: rng.below(3) as u32 },
        _ => Pause { ms: rng.pick(&[10, 50, 300]), rounds: 0 },
    }
}

fn ask(rng: &mut Rng, hosts: u64, is_quiet: bool) -> Ask {
    let method = rng.pick(&[
        Method::Get,
        Method::Get,
        Method::Get,
        Method::Get,
        Method::Head,
        Method::Put,
        Method::Delete,
        Method::Post,
        Method::Post,
    ]);
    let body = match method {
        Method::Put | Method::Post if rng.percent(80) => upload(rng),
        _ => Upload::default(),
    };
    let reading = match rng.below(20) {
        _ if is_quiet => Reading::All,
        0..=13 => Reading::All,
        14..=16 => Reading::Slow(pause(rng)),
        17 | 18 => Reading::Stop(rng.below(3) as u32),
        _ => Reading::Hold(pause(rng)),
    };
    Ask {
        pause: pause(rng),
        host: if rng.percent(70) { 0 } else { rng.below(hosts) as u32 },
        method,
        key: rng.percent(5),
        expect: !body.is_empty() && rng.percent(10),
        body,
        cancel: (!is_quiet && rng.percent(8)).then(|| pause(rng)),
        reading,
    }
}

fn upload(rng: &mut Rng) -> Upload {
    let frames = (0..rng.within(1, 4))
        .map(|_| {
            let bytes = match rng.below(12) {
                0..=8 => rng.within(1, 60) as u32,
                9 | 10 => rng.within(500, 5_000) as u32,
                _ => rng.pick(&[20_000, 70_000]),
            };
            (bytes, pause(rng))
        })
        .collect();
    Upload { frames, unknown: rng.percent(40), fails: rng.percent(5) }
}

pub(super) fn script(rng: &mut Rng, is_quiet: bool, wishes: Wishes) -> Script {
    let mut steps = Vec::new();
    if wishes.first_words && !is_quiet && rng.percent(2) {
        let answer = Answer { status: 503, framing: Framing::Length(4), close: true };
        steps.extend([Step::Answer(answer), Step::SendRest, ending(rng)]);
    }
    for _ in 0..rng.within(1, 7) {
        serve(rng, &mut steps, is_quiet, wishes);
    }
    Script {
        connect: pause(rng),
        refused: !is_quiet && rng.percent(2),
        http1: false,
        window: if wishes.narrow && rng.percent(8) {
            rng.pick(&[3, 20])
        } else {
            rng.pick(&[100, 300, 4_000, 65_536, 300_000])
        },
        patience: rng.pick(&[30, 300, 5_000, 100_000]),
        latency: (!rng.percent(15)).then(|| pause(rng)),
        again: rng.percent(20),
        segment: None,
        steps,
    }
}

fn ending(rng: &mut Rng) -> Step {
    rng.pick(&[Step::Close, Step::Close, Step::Fin, Step::Reset(true), Step::Reset(false)])
}

fn answer(rng: &mut Rng) -> Answer {
    let bytes = match rng.below(8) {
        0..=1 => 0,
        2..=6 => rng.within(1, 60) as u32,
        _ => rng.within(1_000, 9_000) as u32,
    };
    let framing = match rng.below(12) {
        0..=7 => Framing::Length(bytes),
        8..=10 => Framing::Chunked(bytes),
        _ => Framing::UntilClose(bytes),
    };
    let status = rng.pick(&[200, 200, 200, 200, 200, 200, 200, 204, 304, 404, 503, 408]);
    Answer { status, framing, close: rng.percent(10) }
}

/// Adds the steps for one request.
fn serve(rng: &mut Rng, steps: &mut Vec<Step>, is_quiet: bool, wishes: Wishes) {
    let kind = if is_quiet { rng.pick(&[0, 0, 0, 0, 0, 0, 90]) } else { rng.below(100) };
    // From the middle of a request on, or before it, writes fail.
    if !(97..=99).contains(&kind) || rng.percent(50) {
        steps.push(Step::Read(Until::Begun));
    }
    match kind {
        // The server goes away without an answer.
        90..=96 => {
            let some = Until::Body(rng.within(1, 50) as u32);
            let until = rng.pick(&[Until::Begun, Until::Head, some, Until::End]);
            steps.extend([Step::Read(until), Step::Wait(pause(rng)), ending(rng)]);
        }
        // The server does not read the request, and may answer all the same.
        97..=99 => {
            steps.extend([Step::Wait(pause(rng)), Step::RefuseWrites]);
            if rng.percent(50) || !wishes.deaf {
                steps.extend([Step::Wait(pause(rng)), Step::Answer(answer(rng)), Step::SendRest, ending(rng)]);
            } else {
                steps.push(Step::Wait(Pause { ms: DEAF, rounds: 0 }));
            }
        }
        // The server answers before it has read everything, or anything.
        80..=89 => {
            let early = rng.pick(&[413, 401, 200, 503]);
            let some = Until::Body(rng.within(1, 500) as u32);
            let until = rng.pick(&[Until::Begun, Until::Head, Until::Head, some]);
            steps.extend([
                Step::Read(until),
                Step::Wait(pause(rng)),
                Step::Answer(Answer { status: early, ..answer(rng) }),
            ]);
            send(rng, steps);
            match rng.below(4) {
                0 => steps.extend([Step::Wait(pause(rng)), ending(rng)]),
                1 => steps.extend([Step::Fin, Step::Read(Until::End), Step::Close]),
                _ => steps.extend([Step::Read(Until::End), Step::Wait(pause(rng))]),
            }
        }
        kind => {
            if rng.percent(10) {
                steps.extend([Step::Read(Until::Head), Step::Inform(rng.pick(&[100, 102, 103]))]);
            }
            steps.push(Step::Read(Until::End));
            if rng.percent(40) {
                steps.push(Step::Wait(pause(rng)));
            }
            steps.push(Step::Answer(answer(rng)));
            match kind {
                // The response is cut off.
                70..=73 => steps.extend([Step::Send(rng.within(1, 90) as u32), Step::Wait(pause(rng)), ending(rng)]),
                // The connection ends unannounced after it.
                74..=77 => {
                    send(rng, steps);
                    steps.extend([Step::Wait(pause(rng)), ending(rng)]);
                }
                // The server sends an unsolicited response.
                78 | 79 => {
                    send(rng, steps);
                    let stray =
                        Answer { status: rng.pick(&[408, 200]), framing: Framing::Length(3), close: rng.percent(50) };
                    steps.extend([Step::Wait(pause(rng)), Step::Answer(stray), Step::SendRest, Step::Wait(pause(rng))]);
                    if rng.percent(60) {
                        steps.push(ending(rng));
                    }
                }
                _ => send(rng, steps),
            }
        }
    }
}

/// Adds the steps that send a response in one piece or in several.
fn send(rng: &mut Rng, steps: &mut Vec<Step>) {
    while rng.percent(25) {
        steps.extend([Step::Send(rng.within(1, 80) as u32), Step::Wait(pause(rng))]);
    }
    steps.push(Step::SendRest);
}

/// How long a deaf connection is silent, in milliseconds: longer than any request lasts.
const DEAF: u32 = 7_200_000;
