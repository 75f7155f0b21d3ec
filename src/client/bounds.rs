//! The trait bounds that a [`Client`](super::Client) has for connectors and bodies.

use http::Uri;
use http_body::Body;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use tower_service::Service;

use crate::outcome::BoxError;

/// The trait of connectors for a [`Client`](super::Client): an alias, implemented for every service that fits. Do not implement it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make the connections of a `Client`",
    label = "no connector for a `Client`",
    note = "a connector is a `tower::Service<Uri>` that is `Clone + Send + 'static`, and whose future is `Send + 'static`: a `HappyEyeballsConnector`, or `tower::service_fn` of a function",
    note = "its error goes `Into<Box<dyn Error + Send + Sync>>`; its connections are `hyper::rt::Read + hyper::rt::Write + hyper_util::client::legacy::connect::Connection + Unpin + Send + 'static`: `hyper_util::rt::TokioIo` makes such a one of a `TcpStream`"
)]
pub trait Connector:
    Service<
        Uri,
        Response: Read + Write + Connection + Unpin + Send + 'static,
        Error: Into<BoxError>,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
}

impl<C> Connector for C where
    C: Service<
            Uri,
            Response: Read + Write + Connection + Unpin + Send + 'static,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static
{
}

/// The trait of request bodies for a [`Client`](super::Client): an alias, implemented for every body that fits. Do not implement it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the body of a request",
    label = "no body of a request",
    note = "a body is an `http_body::Body` that is `Send + 'static`, whose data is `Send` and whose error goes `Into<Box<dyn Error + Send + Sync>>`: a `String`, or `Empty`, `Full` and `StreamBody` of the crate http-body-util"
)]
pub trait RequestBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static {}

impl<B> RequestBody for B where B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static {}
