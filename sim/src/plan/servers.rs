//! Correct servers.

use super::{Answer, Framing, Pause, Script, Step, Until};

impl Script {
    /// Returns the script of a correct server.
    pub fn good() -> Self {
        let answer = Answer { status: 200, framing: Framing::Length(7), close: false };
        Self::serving(vec![Step::Read(Until::End), Step::Answer(answer), Step::SendRest])
    }

    /// Returns the script of a correct server that answers only when all requests of [`End::Probe`] are there.
    pub fn gathering() -> Self {
        let answer = Answer { status: 200, framing: Framing::Length(7), close: false };
        Self::serving(vec![Step::Read(Until::End), Step::Gather, Step::Answer(answer), Step::SendRest])
    }

    fn serving(steps: Vec<Step>) -> Self {
        let (connect, latency) = (Pause::default(), Some(Pause::default()));
        Self {
            connect,
            refused: false,
            http1: false,
            window: 65536,
            patience: 60_000,
            latency,
            again: true,
            segment: None,
            steps,
        }
    }
}
