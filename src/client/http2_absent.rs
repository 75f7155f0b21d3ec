//! The replacement for HTTP/2 if the feature `http2` is off.

/// Whether the feature for HTTP/2 is on.
pub(super) const IS_ON: bool = false;

pub(super) mod settings {
    #[derive(Clone, Copy, Debug, Default)]
    pub(in crate::client) struct Settings {}

    impl Settings {
        pub(in crate::client) fn problem(self) -> Option<&'static str> {
            None
        }
    }
}

pub(super) mod connection {
    pub(in crate::client) use crate::client::pool::NoConnection as Connection;
}

pub(super) mod handshake {
    use std::sync::Arc;

    use super::connection::Connection;
    use super::settings::Settings;
    use crate::client::destination::Destination;
    use crate::client::error::ClientError;
    use crate::client::pool::{Lease, Owned, Pool, Share};

    /// Never called: without the feature no connection speaks HTTP/2.
    #[expect(clippy::unused_async, reason = "what stands in its place shakes hands")]
    pub(in crate::client) async fn handshake<T, W: Owned<Shared = Connection>>(
        _: T,
        _: Settings,
        _: Arc<Pool<W>>,
        _: &Destination,
        _: Lease,
        _: impl FnOnce() -> bool,
    ) -> Result<Share<Connection>, ClientError> {
        Err(ClientError::connect("the feature `http2` is off"))
    }
}

pub(super) mod exchange {
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use http::{Request, Response};

    use super::body::StreamBody;
    use super::connection::Connection;
    use crate::client::destination::Destination;
    use crate::client::error::{ClientError, HowFar};
    use crate::client::pool::Share;
    use crate::client::request::after_response::AfterResponse;
    use crate::client::request::upload::{Progress, Upload};
    use crate::client::retry::Again;

    pub(in crate::client) enum Exchange {}

    impl Exchange {
        pub(in crate::client) fn begin(
            share: Share<Connection>,
            _: &mut Option<Request<Upload>>,
            _: &Destination,
            _: Duration,
            _: u64,
        ) -> Result<Self, ClientError> {
            match **share.connection() {}
        }

        pub(in crate::client) fn progress(&self) -> HowFar {
            match *self {}
        }
    }

    impl Future for Exchange {
        type Output = Result<Answer, Failure>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            match *self {}
        }
    }

    pub(in crate::client) enum Answer {}

    impl Answer {
        pub(in crate::client) fn deliver(self, _: AfterResponse) -> Result<Response<StreamBody>, ClientError> {
            match self {}
        }
    }

    pub(in crate::client) struct Failure {
        pub(in crate::client) progress: Option<Arc<Progress>>,
        none: Infallible,
    }

    impl Failure {
        pub(in crate::client) fn again(&self) -> Again {
            match self.none {}
        }

        pub(in crate::client) fn may_have_been_processed(&self) -> bool {
            match self.none {}
        }

        pub(in crate::client) fn was_turned_away(&self) -> bool {
            match self.none {}
        }

        pub(in crate::client) fn into_error(self) -> ClientError {
            match self.none {}
        }
    }
}

pub(super) mod body {
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http_body::{Body, Frame};

    use crate::client::error::{ClientError, Transfer};

    pub(in crate::client) enum StreamBody {}

    impl StreamBody {
        pub(in crate::client) fn has_arrived(&self) -> bool {
            match *self {}
        }

        pub(in crate::client) fn has_paused(&self) -> bool {
            match *self {}
        }

        pub(in crate::client) fn about(&mut self) -> Option<(String, Transfer)> {
            match *self {}
        }
    }

    impl Body for StreamBody {
        type Data = Bytes;
        type Error = ClientError;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
            match *self {}
        }
    }

    impl fmt::Debug for StreamBody {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            match *self {}
        }
    }
}
