//! Informational responses: `103 Early Hints`, `102 Processing`, `100 Continue`.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Request, StatusCode};

use super::upload::{Progress, Upload};

/// Calls `callback` with every informational response (1xx, RFC 9110 §15.2) to `request`, in order, before the final one.
///
/// hyper's `hyper::ext::on_informational` works as well, but not for a request with `Expect: 100-continue`: there the client itself uses hyper's
/// callback, and passes the responses on only to this one.
///
/// `101 Switching Protocols` is a final response, and not passed on.
///
/// # Example
///
/// ```
/// use hyper_happy_eyeballs::client;
///
/// let mut request = http::Request::get("http://example.com/").body(())?;
/// client::on_informational(&mut request, |response| println!("{}", response.status()));
/// # Ok::<_, http::Error>(())
/// ```
pub fn on_informational<B>(request: &mut Request<B>, callback: impl Fn(Informational<'_>) + Send + Sync + 'static) {
    request.extensions_mut().insert(Callback(Arc::new(callback)));
}

/// An informational response.
#[derive(Clone, Copy, Debug)]
pub struct Informational<'a> {
    pub(in crate::client) status: StatusCode,
    pub(in crate::client) headers: &'a HeaderMap,
}

impl<'a> Informational<'a> {
    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the fields.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }
}

#[derive(Clone)]
pub(in crate::client) struct Callback(Arc<dyn Fn(Informational<'_>) + Send + Sync>);

impl Callback {
    pub(in crate::client) fn take(extensions: &mut Extensions) -> Option<Self> {
        if extensions.is_empty() { None } else { extensions.remove() }
    }

    pub(in crate::client) fn call(&self, response: Informational<'_>) {
        (self.0)(response);
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}

/// Has hyper call the caller's callback, and release an upload that waits for `100 Continue`.
pub(in crate::client) fn listen(
    request: &mut Request<Upload>,
    callback: Option<Callback>,
    held: Option<Arc<Progress>>,
) {
    if callback.is_none() && held.is_none() {
        return;
    }
    hyper::ext::on_informational(request, move |response| {
        if let Some(callback) = &callback {
            callback.call(Informational { status: response.status(), headers: response.headers() });
        }
        if let Some(held) = held.as_ref().filter(|_| response.status() == StatusCode::CONTINUE) {
            held.release();
        }
    });
}
