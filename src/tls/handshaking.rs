//! The future of one attempt: transport, then handshake.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{Connect, TlsConnector as Rustls};
use tower_service::Service;

use super::alpn;
use super::connection::{Stream, TlsConnection};
use super::error::TlsError;
use super::estimate::handshake_estimate;
use super::info::TlsInfo;
use super::later::Place;
use super::name::server_name;
use super::options::RaceUntil;
use super::roots::RootsError;
use super::state::Settings;
use crate::attempt::{AttemptHandle, AttemptRequest};
use crate::outcome::{AttemptError, BoxError};
use crate::race::Protocols;
use crate::response_first::ResponseFirst;
use crate::timer::{Timer, read_clock};

pin_project! {
    /// One connection attempt of a [`TlsConnector`](super::TlsConnector).
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the connection.
    #[must_use = "futures do nothing unless polled"]
    pub struct TlsConnecting<A>
    where
        A: Service<AttemptRequest>,
        A::Response: 'static,
    {
        #[pin]
        state: State<A>,
        // `None` without TLS.
        plan: Option<Box<Plan>>,
        #[pin]
        timer: Timer,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<A>
    where
        A: Service<AttemptRequest>,
        A::Response: 'static,
    {
        // The handshake would fail: no attempt is made.
        Failed { error: Option<AttemptError> },
        Connecting { #[pin] transport: A::Future },
        // The transport stands. The handshake may need the race's consent.
        Connected { transport: Option<A::Response> },
        // The handshake waits for the configuration.
        Admitted { transport: Option<A::Response>, deadline: Option<Instant> },
        Handshaking { connect: Connect<ResponseFirst<TokioIo<A::Response>>>, deadline: Option<Instant> },
    }
}

/// What the handshake needs.
struct Plan {
    settings: Arc<Settings>,
    name: ServerName<'static>,
    /// The protocols that are offered.
    protocols: Protocols,
    handle: AttemptHandle,
    began: Instant,
    /// `None` until the configuration is made.
    config: Option<Arc<ClientConfig>>,
    /// This attempt's place among those that wait for the configuration.
    place: Option<Place>,
}

type Connected<T> = Result<TlsConnection<T>, AttemptError>;

impl<A> TlsConnecting<A>
where
    A: Service<AttemptRequest, Error: Into<BoxError>>,
    A::Response: Read + Write + Unpin + 'static,
{
    pub(super) fn plain(transport: A::Future) -> Self {
        Self { state: State::Connecting { transport }, plan: None, timer: Timer::new() }
    }

    /// Starts an attempt with TLS. Nothing is sent if it is known that the handshake would fail.
    pub(super) fn secured(settings: Arc<Settings>, transport: &mut A, request: AttemptRequest) -> Self {
        let (state, plan) = match Plan::new(settings, &request) {
            Ok(plan) => (State::Connecting { transport: transport.call(request) }, Some(Box::new(plan))),
            Err(error) => (State::Failed { error: Some(error.unsent()) }, None),
        };
        Self { state, plan, timer: Timer::new() }
    }
}

impl<A> Future for TlsConnecting<A>
where
    A: Service<AttemptRequest, Error: Into<BoxError>>,
    A::Response: Read + Write + Unpin + 'static,
{
    type Output = Connected<A::Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            match (this.state.as_mut().project(), this.plan.as_deref_mut()) {
                (StateProj::Failed { error }, _) => {
                    return Poll::Ready(Err(error.take().expect("polled after completion")));
                }
                (StateProj::Connecting { transport }, None) => {
                    let transport = ready!(transport.poll(cx)).map_err(AttemptError::from_any)?;
                    return Poll::Ready(Ok(TlsConnection::plain(transport)));
                }
                (StateProj::Connecting { transport }, Some(plan)) => {
                    // The configuration is made while the transport connects.
                    let _pending = plan.poll_config(cx)?;
                    let transport = ready!(transport.poll(cx)).map_err(AttemptError::from_any)?;
                    plan.on_transport();
                    this.state.set(State::Connected { transport: Some(transport) });
                }
                (StateProj::Connected { transport }, Some(plan)) => {
                    ready!(plan.poll_consent(cx))?;
                    let deadline = plan.settings.handshake_timeout.and_then(|limit| read_clock().checked_add(limit));
                    let transport = transport.take();
                    this.state.set(State::Admitted { transport, deadline });
                }
                (StateProj::Admitted { transport, deadline }, Some(plan)) => {
                    let Poll::Ready(config) = plan.poll_config(cx)? else {
                        ready!(this.timer.poll(*deadline, cx));
                        let error = TlsError::roots("the root certificates are still being read", None);
                        return Poll::Ready(Err(error.into_attempt_error()));
                    };
                    let connect = plan.begin(config, transport.take().expect("it is taken once"));
                    let deadline = *deadline;
                    this.state.set(State::Handshaking { connect, deadline });
                }
                (StateProj::Handshaking { connect, deadline }, Some(plan)) => {
                    if let Poll::Ready(shaken) = Pin::new(connect).poll(cx) {
                        let stream = shaken.map_err(|error| TlsError::of_handshake(error).into_attempt_error())?;
                        return Poll::Ready(plan.end(stream));
                    }
                    ready!(this.timer.poll(*deadline, cx));
                    let limit = plan.settings.handshake_timeout.unwrap_or_default();
                    return Poll::Ready(Err(TlsError::timeout(limit).into_attempt_error()));
                }
                (StateProj::Connected { .. } | StateProj::Admitted { .. } | StateProj::Handshaking { .. }, None) => {
                    unreachable!("without a plan there is no TLS")
                }
            }
        }
    }
}

impl Plan {
    fn new(settings: Arc<Settings>, request: &AttemptRequest) -> Result<Self, AttemptError> {
        if let Some(error) = settings.failure() {
            return Err(error.into_attempt_error());
        }
        let name = server_name(request.host()).map_err(TlsError::into_attempt_error)?;
        let protocols = alpn::offer(request.shared_protocols(), settings.protocols.as_ref());
        let protocols = protocols.map_err(|why| TlsError::nothing_to_offer(why).into_attempt_error())?;
        let (handle, began) = (request.handle(), read_clock());
        Ok(Self { settings, name, protocols, handle, began, config: None, place: None })
    }

    fn poll_config(&mut self, cx: &Context<'_>) -> Poll<Result<Arc<ClientConfig>, AttemptError>> {
        if let Some(config) = &self.config {
            return Poll::Ready(Ok(Arc::clone(config)));
        }
        let polled = self.settings.poll_config(&mut self.place, cx);
        let config = ready!(polled).map_err(RootsError::into_attempt_error)?;
        self.config = Some(Arc::clone(&config));
        self.place = None;
        Poll::Ready(Ok(config))
    }

    fn on_transport(&self) {
        self.handle.progress(handshake_estimate(read_clock() - self.began));
        if self.settings.race_until == RaceUntil::Tcp {
            self.handle.choose();
        }
    }

    /// Asks the race whether the handshake may begin, if transports decide the race: another transport may have connected at the same instant.
    /// Otherwise the handshake need not ask, since it uses nothing from service records.
    fn poll_consent(&self, cx: &mut Context<'_>) -> Poll<Result<(), AttemptError>> {
        match self.settings.race_until {
            RaceUntil::Tls => Poll::Ready(Ok(())),
            RaceUntil::Tcp => self.handle.poll_admission(cx).map(|asked| asked.map(drop).map_err(AttemptError::new)),
        }
    }

    fn begin<T>(&self, config: Arc<ClientConfig>, transport: T) -> Connect<ResponseFirst<TokioIo<T>>>
    where
        T: Read + Write + Unpin + 'static,
    {
        let io = ResponseFirst::new(TokioIo::new(transport));
        Rustls::from(config).with_alpn(self.protocols.as_slice().to_vec()).connect(self.name.clone(), io)
    }

    /// The handshake is finished: checks the chosen protocol.
    fn end<T: 'static>(&self, stream: Stream<T>) -> Connected<T> {
        let (io, session) = stream.get_ref();
        let info = TlsInfo::of(session);
        if info.alpn().is_none() && !alpn::can_do_without(&self.protocols) {
            return Err(TlsError::none_chosen(self.protocols.as_slice()).into_attempt_error());
        }
        if info.is_http2() {
            // HTTP/2 itself tells a client to stop sending, and its transport counts what was written.
            io.handle().disarm();
        }
        self.handle.shook_hands(info.handshake());
        Ok(TlsConnection::secured(stream, info))
    }
}

impl<A> fmt::Debug for TlsConnecting<A>
where
    A: Service<AttemptRequest>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Failed { .. } => "failed",
            State::Connecting { .. } => "connecting",
            State::Connected { .. } => "connected",
            State::Admitted { .. } => "admitted",
            State::Handshaking { .. } => "handshaking",
        };
        f.debug_struct("TlsConnecting").field("state", &state).finish_non_exhaustive()
    }
}
