//! The request of a client to its connector.

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
    /// The request whose scope this thread is in.
    static IN_SCOPE: RefCell<Option<ConnectRequest>> = const { RefCell::new(None) };
}

/// The request of a client to its connector: where to connect to, and what a [`Uri`] cannot say.
///
/// A connector is a `Service<Uri>`, and so are the layers around it, such as TLS, time-outs and retries. They pass on nothing but the URI. So the
/// client calls and polls the connector in a [`scope`](Self::scope), as with tokio's task-locals. A connector that is called with the URI of the
/// request finds the request in the scope with [`ConnectRequest::of`]. A connector that does not look sees only the URI, as does one that is called
/// in another task than the client's, behind `tower::buffer` for example.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectRequest {
    uri: Uri,
    epoch: Epoch,
    /// `None` if the client does not say. The connector uses its own then.
    protocols: Option<Protocols>,
    /// Is told how far TLS is. `None` if the client does not want to know.
    watch: Option<HandshakeWatch>,
}

impl ConnectRequest {
    /// A request that says nothing but the URI.
    pub fn new(uri: Uri) -> Self {
        Self { uri, epoch: Epoch::default(), protocols: None, watch: None }
    }

    /// Returns the request of the present scope, if its URI is `uri`. Otherwise returns a request that says nothing but the URI. That is so outside a
    /// scope, and where a connector calls another one for a proxy, or for a DNS server over HTTPS.
    pub fn of(uri: Uri) -> Self {
        Self::look(&uri, Self::clone).unwrap_or_else(|| Self::new(uri))
    }

    /// Returns the epoch of the request of the present scope, if its URI is `uri`.
    #[inline]
    pub(super) fn epoch_of(uri: &Uri) -> Epoch {
        Self::look(uri, |request| request.epoch).unwrap_or_default()
    }

    /// Returns the protocols and the watch of the request of the present scope, if its URI is `uri`.
    pub(super) fn security_of(uri: &Uri) -> (Option<Protocols>, Option<HandshakeWatch>) {
        Self::look(uri, Self::for_security).unwrap_or_default()
    }

    /// Calls `look` with the request of the present scope, if its URI is `uri`. `look` must not run foreign code, which might enter a scope.
    #[inline]
    fn look<T>(uri: &Uri, look: impl FnOnce(&Self) -> T) -> Option<T> {
        let looked = IN_SCOPE.try_with(|request| match &*request.borrow() {
            Some(request) if request.uri == *uri => Some(look(request)),
            _ => None,
        });
        // A thread that is ending has no thread-locals.
        looked.unwrap_or_default()
    }

    /// The URI to connect to.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The epoch of the client. If it is newer than that of the connector, the connector forgets what it believes of the network.
    ///
    /// Defaults to an epoch before all changes of the network.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Sets the epoch.
    #[must_use]
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = epoch;
        self
    }

    /// The application protocols (ALPN ids) that the client speaks. The connector uses those of its own protocols that are among them, in its own
    /// order: to choose among service records (RFC 9460 §7.1.2), and for ALPN
    /// ([`AttemptRequest::protocols`](crate::attempt::AttemptRequest::protocols)). If none is, the connect fails before anything is looked up
    /// ([`ConnectError::is_unsupported`](crate::ConnectError::is_unsupported)).
    ///
    /// They matter only for `https` and `wss` URIs. With an empty list nothing is negotiated.
    ///
    /// Defaults to `None`: the connector uses its own protocols.
    pub fn protocols(&self) -> Option<&[Vec<u8>]> {
        self.protocols.as_ref().map(Protocols::as_slice)
    }

    /// What matters only for secure URIs: the protocols and the watch.
    pub(super) fn for_security(&self) -> (Option<Protocols>, Option<HandshakeWatch>) {
        (self.protocols.clone(), self.watch.clone())
    }

    /// Sets who is told how far TLS is.
    #[cfg(feature = "client")]
    pub(crate) fn with_watch(self, watch: Option<HandshakeWatch>) -> Self {
        Self { watch, ..self }
    }

    /// Sets the [`protocols`](Self::protocols). Clones share them.
    ///
    /// An id must have 1 to 255 bytes (RFC 7301 §3.1), and there may be at most 64 ids. Otherwise a connect to a secure URI fails before anything is
    /// looked up ([`ConnectError::is_unsupported`](crate::ConnectError::is_unsupported)).
    #[must_use]
    pub fn with_protocols(self, alpn_ids: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.with_shared_protocols(alpn_ids.into_iter().collect())
    }

    pub(crate) fn with_shared_protocols(self, protocols: Protocols) -> Self {
        Self { protocols: Some(protocols), ..self }
    }

    /// Wraps a future so that it is polled in the scope of this request. The future calls a connector with the [`uri`](Self::uri) of the request.
    pub fn scope<F: Future>(self, future: F) -> ConnectScope<F> {
        ConnectScope { future, request: Some(self) }
    }
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Userinfo, path and query of a URI are never printed.
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

/// Makes a request that of the present scope, and restores the scope before when dropped, also if a connector panics.
struct Entered<'a> {
    /// Holds the request of the scope around this one while this scope lasts, and the request of this scope afterwards.
    place: &'a mut Option<ConnectRequest>,
}

impl<'a> Entered<'a> {
    fn new(place: &'a mut Option<ConnectRequest>) -> Self {
        let mut entered = Self { place };
        entered.exchange();
        entered
    }

    fn exchange(&mut self) {
        // A thread that is ending has no thread-locals.
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
