//! The record of the race that a connection won.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::{Attempt, AttemptOutcome, QueryError, Report, Timeline, Untried};

/// How a connection came about: every attempt of its race, and every address that was never tried.
///
/// It is an extra of the connection, and so an extension of each response that came over it:
///
/// ```
/// use hyper_happy_eyeballs::connect::ConnectInfo;
///
/// fn log<B>(response: &http::Response<B>) {
///     if let Some(info) = response.extensions().get::<ConnectInfo>() {
///         println!("{} of {} attempts to {}", info.winner(), info.attempts().len(), info.host());
///     }
/// }
/// ```
#[derive(Clone)]
pub struct ConnectInfo {
    report: Arc<Report>,
}

impl ConnectInfo {
    #[inline]
    pub(crate) fn new(report: Report) -> Self {
        Self { report: Arc::new(report) }
    }

    /// Returns the host of the URI, without brackets.
    pub fn host(&self) -> &str {
        &self.report.host
    }

    /// Returns the port of the URI, or of its scheme. Attempts have another port if the resolver supplied one.
    pub fn port(&self) -> u16 {
        self.report.port
    }

    /// Returns every attempt that was made, in start order.
    pub fn attempts(&self) -> &[Attempt] {
        self.report.attempts.as_slice()
    }

    /// Returns the addresses that no attempt was made to, and why.
    pub fn untried(&self) -> Vec<Untried> {
        self.report.untried()
    }

    /// Returns the errors of queries without records, although another query gave the address.
    pub fn query_errors(&self) -> &[QueryError] {
        &self.report.query_errors
    }

    /// Returns the attempt that won.
    #[expect(clippy::missing_panics_doc, reason = "a connection has a winner")]
    pub fn winner(&self) -> &Attempt {
        let won = |attempt: &&Attempt| matches!(attempt.outcome, AttemptOutcome::Connected);
        self.attempts().iter().find(won).expect("a connection has a winner")
    }

    /// Returns how long it took from the beginning of the look-up to the connection.
    pub fn elapsed(&self) -> Duration {
        self.report.elapsed()
    }

    /// Returns how long it took until there was an address; `None` if the host is an address.
    pub fn resolved_after(&self) -> Option<Duration> {
        self.report.resolved_after()
    }

    /// Returns a drawing of the race for a log or a terminal: a line for each attempt.
    ///
    /// ```
    /// # fn show(info: &hyper_happy_eyeballs::ConnectInfo) {
    /// println!("{}", info.timeline().width(80).ascii(true));
    /// # }
    /// ```
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::new(Some(&self.report))
    }
}

impl fmt::Debug for ConnectInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectInfo")
            .field("destination", &format_args!("{}", self.report.destination()))
            .field("elapsed", &self.report.elapsed())
            .field("attempts", &self.attempts())
            .field("untried", &self.untried())
            .finish()
    }
}
