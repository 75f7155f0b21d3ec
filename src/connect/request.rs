//! What a client asks of its connector.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use pin_project_lite::pin_project;

use super::handshake_watch::HandshakeWatch;
use crate::network::Epoch;
use crate::race::Protocols;

thread_local! {
    /// The request of the connector that is being called or polled.
    static IN_SCOPE: RefCell<Option<ConnectRequest>> = const { RefCell::new(None) };
}

/// What a client asks of its connector: where to connect to, and what a [`Uri`] cannot say.
///
/// A connector is a `Service<Uri>`, and so are the layers around it: TLS, time-outs, retries. For the rest of the request to come through
/// all of them, the client calls and polls the connector in a [`scope`](Self::scope), as with tokio's task-locals; and the connector that is
/// called with the URI of the request takes the request out of the scope ([`ConnectRequest::of`]). A connector that does not, goes on as if
/// there were nothing but the URI. So does one that is called from another task than the client's, as behind `tower::buffer`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectRequest {
    uri: Uri,
    epoch: Epoch,
    /// `None` is whatever the connector is set to.
    protocols: Option<Protocols>,
    /// Who is to hear how the connect gets on with TLS.
    watch: Option<HandshakeWatch>,
}

impl ConnectRequest {
    /// A request for a connection to the host of `uri`, and for nothing else.
    pub fn new(uri: Uri) -> Self {
        Self { uri, epoch: Epoch::default(), protocols: None, watch: None }
    }

    /// The request in whose scope a connector is called with `uri`. Outside a scope, and in that of a request for another URI (a connector may connect to a
    /// proxy, or ask a DNS server over HTTPS), it is a request for nothing else.
    pub fn of(uri: Uri) -> Self {
        Self::look(&uri, Self::clone).unwrap_or_else(|| Self::new(uri))
    }

    /// The epoch of the request in whose scope a connector is called with `uri`.
    #[inline]
    pub(super) fn epoch_of(uri: &Uri) -> Epoch {
        Self::look(uri, |request| request.epoch).unwrap_or_default()
    }

    /// The protocols of the request in whose scope a connector is called with `uri`, and who watches it.
    pub(super) fn security_of(uri: &Uri) -> (Option<Protocols>, Option<HandshakeWatch>) {
        Self::look(uri, Self::for_security).unwrap_or_default()
    }

    /// Looks at the request in whose scope a connector is called with `uri`, if there is one. `look` runs no foreign code.
    #[inline]
    fn look<T>(uri: &Uri, look: impl FnOnce(&Self) -> T) -> Option<T> {
        let looked = IN_SCOPE.try_with(|request| match &*request.borrow() {
            Some(request) if request.uri == *uri => Some(look(request)),
            _ => None,
        });
        // A thread that is ending has no scope.
        looked.unwrap_or_default()
    }

    /// Where to connect to.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The epoch of the client's network. A connector that has not heard of it yet forgets what it believes of the network.
    ///
    /// Defaults to an epoch before all changes.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The same request, of a client in this epoch.
    #[must_use]
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = epoch;
        self
    }

    /// The application protocols (ALPN ids) that the client speaks over the connection. Of its own, the connector uses those alone, in its
    /// own order: to choose among service records (RFC 9460 §7.1.2), and over ALPN
    /// ([`AttemptRequest::protocols`](crate::attempt::AttemptRequest::protocols)). If the two have none in common, the connect
    /// fails before anything is looked up ([`ConnectError::is_unsupported`](crate::ConnectError::is_unsupported)).
    ///
    /// They matter for `https` and `wss` URIs alone. An empty list is a client that wants nothing negotiated.
    ///
    /// Defaults to `None`: whatever the connector is set to.
    pub fn protocols(&self) -> Option<&[Vec<u8>]> {
        self.protocols.as_ref().map(Protocols::as_slice)
    }

    /// What matters for secure URIs alone: the protocols, and who watches.
    pub(super) fn for_security(&self) -> (Option<Protocols>, Option<HandshakeWatch>) {
        (self.protocols.clone(), self.watch.clone())
    }

    /// The same request, of a client that is to hear how the connect gets on with TLS.
    #[cfg(feature = "client")]
    pub(crate) fn with_watch(self, watch: Option<HandshakeWatch>) -> Self {
        Self { watch, ..self }
    }

    /// The same request, of a client that speaks these protocols. Clones share them.
    ///
    /// An id must have 1 to 255 bytes (RFC 7301 §3.1), and there may be 64 of them. Otherwise a connect to a secure URI fails before anything is looked up
    /// ([`ConnectError::is_unsupported`](crate::ConnectError::is_unsupported)).
    #[must_use]
    pub fn with_protocols(self, alpn_ids: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.with_shared_protocols(alpn_ids.into_iter().collect())
    }

    pub(crate) fn with_shared_protocols(self, protocols: Protocols) -> Self {
        Self { protocols: Some(protocols), ..self }
    }

    /// The same future, polled in the scope of this request: one that calls a connector with the [`uri`](Self::uri) of the request.
    pub fn scope<F: Future>(self, future: F) -> ConnectScope<F> {
        ConnectScope { future, request: Some(self) }
    }
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URI may have userinfo and a query, which are nobody's affair.
        let (scheme, host, port) = (self.uri.scheme_str(), self.uri.host(), self.uri.port_u16());
        f.debug_struct("ConnectRequest")
            .field("scheme", &scheme)
            .field("host", &host)
            .field("port", &port)
            .field("epoch", &self.epoch)
            .field("protocols", &self.protocols)
            .finish()
    }
}

pin_project! {
    /// A future in the scope of a [`ConnectRequest`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ConnectScope<F> {
        #[pin]
        future: F,
        // `None` while the future is polled.
        request: Option<ConnectRequest>,
    }
}

impl<F: Future> Future for ConnectScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = Entered::new(this.request);
        this.future.poll(cx)
    }
}

/// Puts a request into the scope of this thread, and takes it out again when dropped, also where a connector panics.
struct Entered<'a> {
    /// The request of the scope around this one, meanwhile.
    place: &'a mut Option<ConnectRequest>,
}

impl<'a> Entered<'a> {
    fn new(place: &'a mut Option<ConnectRequest>) -> Self {
        let mut entered = Self { place };
        entered.exchange();
        entered
    }

    fn exchange(&mut self) {
        // A thread that is ending has no scope.
        _ = IN_SCOPE.try_with(|request| mem::swap(&mut *request.borrow_mut(), self.place));
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.exchange();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;
    use std::time::Duration;

    use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

    use super::*;

    fn uri(text: &'static str) -> Uri {
        Uri::from_static(text)
    }

    /// Says which request it is called with.
    fn connector() -> impl Service<Uri, Response = ConnectRequest, Error = Infallible, Future: Send> + Clone + Send {
        service_fn(|uri| ready(Ok(ConnectRequest::of(uri))))
    }

    #[tokio::test]
    async fn a_request_comes_through_the_layers_around_a_connector() {
        let request =
            ConnectRequest::new(uri("https://origin.example/")).with_epoch(Epoch::begin()).with_protocols(["h2"]);
        let layered = ServiceBuilder::new().boxed_clone().timeout(Duration::from_secs(10)).service(connector());
        let came = request.clone().scope(layered.oneshot(request.uri().clone())).await;
        assert_eq!(came.unwrap(), request);
    }

    #[tokio::test]
    async fn a_connector_for_another_uri_and_one_outside_a_scope_are_asked_for_nothing_else() {
        let request =
            ConnectRequest::new(uri("http://origin.example/")).with_epoch(Epoch::begin()).with_protocols(["h2"]);
        let proxy = uri("http://proxy.example:3128/");
        let came = request.clone().scope(connector().oneshot(proxy.clone())).await;
        assert_eq!(came, Ok(ConnectRequest::new(proxy)));
        let came = connector().oneshot(request.uri().clone()).await;
        assert_eq!(came, Ok(ConnectRequest::new(request.uri().clone())));
        assert_eq!(ConnectRequest::security_of(request.uri()), (None, None));
    }

    #[tokio::test]
    async fn a_scope_in_a_scope_ends_with_its_own_poll_even_if_that_panics() {
        let outer = ConnectRequest::new(uri("http://outer.example/")).with_epoch(Epoch::begin());
        let inner = ConnectRequest::new(uri("http://inner.example/")).with_epoch(Epoch::begin());
        let (of_outer, asked) = (inner.clone(), outer.clone());
        outer
            .clone()
            .scope(async move {
                of_outer
                    .clone()
                    .scope(async { assert_eq!(ConnectRequest::of(of_outer.uri().clone()), of_outer) })
                    .await;
                assert_eq!(ConnectRequest::of(asked.uri().clone()), asked);
            })
            .await;
        let mut panics = Box::pin(outer.clone().scope(async { std::panic::resume_unwind(Box::new("a connector")) }));
        let poll = || panics.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).map(|never: ()| never);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).is_err());
        assert_ne!(ConnectRequest::of(outer.uri().clone()), outer);
    }

    #[test]
    fn debug_tells_neither_userinfo_nor_query() {
        let text = format!("{:?}", ConnectRequest::new(uri("http://user:secret@origin.example:81/?secret")));
        assert!(text.contains("origin.example") && text.contains("81") && !text.contains("secret"), "{text}");
    }
}
