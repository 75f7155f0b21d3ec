//! Requests one after the other through a client with its pool, in plain text or over TLS.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt};

use crate::Failure;
use crate::arguments::Arguments;
use crate::report::Report;

/// Sends `n` requests, one after the other, and reads each response to its end.
pub(crate) async fn send<S, B>(arguments: &Arguments, client: S) -> Result<(), Failure>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone,
    S::Error: Into<Failure>,
    B: Body,
    B::Error: Into<Failure>,
{
    let limit = arguments.outer.unwrap_or(arguments.limit);
    for i in 0..arguments.count {
        let request = Request::builder().method(arguments.method.clone()).uri(arguments.uri(i)?);
        let request = request.body(Empty::new())?;
        let mut report = Report::begin(&arguments.who, i, request.uri());
        let exchange = async {
            let response = client.clone().oneshot(request).await.map_err(Into::into)?;
            let (parts, body) = response.into_parts();
            body.collect().await.map_err(Into::into)?;
            Ok::<_, Failure>(parts)
        };
        let outcome = timeout(limit, exchange).await;
        report.stop();
        match outcome {
            Ok(Ok(parts)) => {
                report.set("status", json!(parts.status.as_u16()));
                report.succeeded(&parts.extensions);
            }
            Ok(Err(error)) => report.failed(&*error),
            Err(_) => report.gave_up(),
        }
        report.print();
        sleep(arguments.gap).await;
    }
    Ok(())
}
