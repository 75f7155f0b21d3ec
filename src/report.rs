//! What a caller learns about a race, whether it was won or lost.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attempt::{Attempt, Untried};

/// The record of one race.
pub(crate) struct Report {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    /// When the look-up began.
    pub(crate) began: Instant,
    /// When the first address was there.
    pub(crate) resolved: Option<Instant>,
    pub(crate) ended: Instant,
    /// In start order.
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) untried: Vec<Untried>,
}

impl Report {
    pub(crate) fn elapsed(&self) -> Duration {
        self.ended - self.began
    }

    /// `example.com:443`, `[::1]:80`: where the caller wanted to go, and never more of the URI than that.
    pub(crate) fn destination(&self) -> impl fmt::Display {
        Destination { host: &self.host, port: self.port }
    }
}

struct Destination<'a> {
    host: &'a str,
    port: u16,
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_destination_has_brackets() {
        let destination = |host| Destination { host, port: 80 }.to_string();
        assert_eq!(destination("example.com"), "example.com:80");
        assert_eq!(destination("fe80::1%eth0"), "[fe80::1%eth0]:80");
    }
}
