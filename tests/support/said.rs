//! Reads events of `tracing`.

use std::fmt;

use tracing::Event;
use tracing::field::{Field, Visit};

/// The message of an event, and its host, if it has one.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) message: String,
    pub(crate) host: String,
}

impl Said {
    pub(crate) fn by(event: &Event<'_>) -> Self {
        let mut said = Self::default();
        event.record(&mut said);
        said
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "host" {
            value.clone_into(&mut self.host);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
