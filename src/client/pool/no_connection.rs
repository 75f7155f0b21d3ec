//! An uninhabited connection type: the shared connections where HTTP/2 is off, and a stand-in for tests that need no connection.

#[cfg(test)]
use std::time::Duration;
use std::time::Instant;

#[cfg(test)]
use super::connection::Owned;
use super::connection::Shared;
#[cfg(test)]
use super::lease::Lease;
use super::place::Place;
use super::runtimes::RuntimeId;
#[cfg(test)]
use super::runtimes::Watch;

pub(in crate::client) enum NoConnection {}

impl Shared for NoConnection {
    fn place(&self) -> Place {
        match *self {}
    }

    fn runtime(&self) -> RuntimeId {
        match *self {}
    }

    fn created(&self) -> Instant {
        match *self {}
    }

    fn most(&self) -> usize {
        match *self {}
    }

    fn has_said_most(&self) -> bool {
        match *self {}
    }

    fn is_open(&self) -> bool {
        match *self {}
    }

    fn has_begun(&self) -> bool {
        match *self {}
    }

    fn had_before_turning_away(&self) -> Option<usize> {
        match *self {}
    }
}

#[cfg(test)]
impl Owned for NoConnection {
    type Shared = Self;

    fn kept_for(&self) -> Option<Duration> {
        match *self {}
    }

    fn place(&self) -> Place {
        match *self {}
    }

    fn watch(&self) -> &Watch {
        match *self {}
    }

    fn created(&self) -> Instant {
        match *self {}
    }

    fn is_usable(&mut self) -> bool {
        match *self {}
    }

    fn look(&mut self) -> bool {
        match *self {}
    }

    fn on_return(&mut self) {
        match *self {}
    }

    fn rest(&self, _: usize) -> bool {
        match *self {}
    }

    fn take_lease(&mut self) -> Option<Lease> {
        match *self {}
    }
}
