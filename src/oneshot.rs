//! A future that waits until a service is ready, calls it once, and waits for its response.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

pin_project! {
    /// `Seed` is kept until the service is ready. The request is then made of it. It may be the request itself, or something smaller.
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct Oneshot<S: Service<Req>, Req, Seed = Req> {
        #[pin]
        state: State<S, Req, Seed>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S: Service<Req>, Req, Seed> {
        NotReady {
            service: S,
            seed: Option<Seed>,
        },
        Called {
            #[pin]
            future: S::Future,
        },
    }
}

impl<S: Service<Req>, Req, Seed> Oneshot<S, Req, Seed> {
    pub(crate) fn new(service: S, seed: Seed) -> Self {
        Self { state: State::NotReady { service, seed: Some(seed) } }
    }

    /// Polls the service. `request` makes the request when the service is ready.
    #[inline]
    pub(crate) fn poll_with(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        request: impl FnOnce(Seed) -> Req,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut state = self.project().state;
        if let StateProj::NotReady { service, seed } = state.as_mut().project() {
            ready!(service.poll_ready(cx))?;
            let seed = mem::take(seed).expect("called once");
            let future = service.call(request(seed));
            state.set(State::Called { future });
        }
        match state.project() {
            StateProj::Called { future } => future.poll(cx),
            StateProj::NotReady { .. } => unreachable!("it has been called"),
        }
    }
}

impl<S: Service<Req>, Req> Future for Oneshot<S, Req> {
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_with(cx, |request| request)
    }
}
