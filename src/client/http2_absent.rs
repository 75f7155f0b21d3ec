//! In the place of HTTP/2, where the feature `http2` is off: there is none of it.

pub(super) mod settings {
    #[derive(Clone, Copy, Debug, Default)]
    pub(in crate::client) struct Settings;
}

pub(super) mod connection {
    use std::time::Instant;

    use crate::client::pool::{Place, RuntimeId, Shared};

    pub(in crate::client) enum Connection {}

    impl Shared for Connection {
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

        fn is_open(&self) -> bool {
            match *self {}
        }

        fn had_before_turning_away(&self) -> Option<usize> {
            match *self {}
        }
    }
}
