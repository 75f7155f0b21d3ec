//! What became of a connect or a request, as one line of JSON.

use std::error::Error as StdError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{Extensions, Uri};
use hyper_happy_eyeballs::race::DelayBasis;
use hyper_happy_eyeballs::{Attempt, ConnectError, ConnectInfo, Untried};
use hyper_util::client::legacy::connect::HttpInfo;
use serde_json::{Value, json};

/// One connect or request: `i`, `at` (seconds since 1970), `host`, `ms`, `ok`, and what the crate reports of it.
pub(crate) struct Report {
    line: Value,
    began: Instant,
}

impl Report {
    /// Starts the clock of connect or request number `i`, to `uri`.
    pub(crate) fn begin(who: &str, i: u64, uri: &Uri) -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let line = json!({"who": who, "i": i, "at": (at * 1000.0).round() / 1000.0, "host": uri.host()});
        Self { line, began: Instant::now() }
    }

    /// Stops the clock. To be called before what is measured is looked at.
    pub(crate) fn stop(&mut self) {
        self.line["ms"] = json!(milliseconds(self.began.elapsed()));
    }

    pub(crate) fn succeeded(&mut self, extensions: &Extensions) {
        self.line["ok"] = json!(true);
        if let Some(info) = extensions.get::<ConnectInfo>() {
            self.line["resolved_ms"] = json!(info.resolved_after().map(milliseconds));
            self.line["attempts"] = attempts(info.attempts());
            self.line["untried"] = untried(&info.untried());
            let query_errors: Vec<_> = info.query_errors().iter().map(|e| chain(e)).collect();
            self.line["query_errors"] = json!(query_errors);
        }
        if let Some(info) = extensions.get::<HttpInfo>() {
            self.line["remote"] = json!(info.remote_addr().ip().to_string());
        }
    }

    pub(crate) fn failed(&mut self, error: &(dyn StdError + 'static)) {
        self.line["ok"] = json!(false);
        self.line["error"] = json!(chain(error));
        if let Some(error) = ConnectError::find(error) {
            self.line["attempts"] = attempts(error.attempts());
            self.line["untried"] = untried(&error.untried());
        }
    }

    /// The caller's own limit ended what was measured.
    pub(crate) fn gave_up(&mut self) {
        self.line["ok"] = json!(false);
        self.line["error"] = json!(GAVE_UP);
    }

    pub(crate) fn set(&mut self, key: &str, value: Value) {
        self.line[key] = value;
    }

    pub(crate) fn print(&self) {
        println!("{}", self.line);
    }
}

/// The error of what the caller's own limit ended.
pub(crate) const GAVE_UP: &str = "the caller's own limit has passed";

fn attempts(attempts: &[Attempt]) -> Value {
    let attempt = |attempt: &Attempt| {
        json!({
            "to": attempt.endpoint().address().ip().to_string(),
            "after_ms": milliseconds(attempt.offset()),
            "reason": attempt.reason().to_string(),
            "delay_ms": milliseconds(attempt.delay().length()),
            "delay_of": basis(attempt.delay().basis()),
            "demoted": attempt.demoted().map(|demotion| demotion.to_string()),
            "what": attempt.to_string(),
        })
    };
    attempts.iter().map(attempt).collect()
}

fn untried(untried: &[Untried]) -> Value {
    let untried = untried.iter().map(|untried| {
        let demoted = untried.demoted().map(|demotion| demotion.to_string());
        json!({"to": untried.endpoint().address().ip().to_string(), "demoted": demoted})
    });
    untried.collect()
}

/// What a delay was derived from, in a word.
fn basis(basis: DelayBasis) -> &'static str {
    match basis {
        DelayBasis::Configured => "configured",
        DelayBasis::Address { .. } => "address",
        DelayBasis::Prefix { .. } => "prefix",
        DelayBasis::Network { .. } => "network",
        _ => "unknown",
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// An error and its causes, separated by `<-`. A cause that the error before it has said is left out.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let levels = std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    let mut levels: Vec<_> = levels.collect();
    levels.dedup_by(|cause, error| error.contains(&**cause));
    levels.join(" <- ")
}
