//! The clients that run a scenario, with a common interface.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_happy_eyeballs::client::{ClientError, RetryBody, RetryPolicy};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;

use super::body::{Boom, ScriptedBody};
use super::scenario::Failure;
use super::script::Settings;

/// A client that a script can call.
pub(crate) trait Ask {
    /// Returns the future of the response, not yet polled.
    fn request(&self, request: Request<ScriptedBody>) -> AnyResponse;

    fn close_idle(&self);
}

/// The client that runs a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Ours,
    /// hyper-util's legacy client, over the same connector.
    HyperUtil,
}

pub(crate) enum AnyClient {
    /// The client, and whether bodies can be copied for a retry.
    Ours(Client<HappyEyeballsConnector>, bool),
    HyperUtil(Box<legacy::Client<HappyEyeballsConnector, ScriptedBody>>),
}

pub(crate) type AnyBody = UnsyncBoxBody<Bytes, Problem>;
pub(crate) type AnyResponse = Pin<Box<dyn Future<Output = Result<Response<AnyBody>, Problem>> + Send>>;

/// A failure, in the words of the log.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: String,
    pub(crate) cause: Option<String>,
}

impl AnyClient {
    pub(crate) fn new(which: Which, settings: &Settings) -> Result<Self, Failure> {
        let connector = HappyEyeballsConnector::new();
        Ok(match which {
            Which::Ours => {
                let mut builder = Client::builder()
                    .retry_policy(settings.replay)
                    .max_connections_per_host(settings.max_connections)
                    .retry_on_request_timeout(settings.repeat_408);
                if let Some(max) = settings.max_idle {
                    builder = builder.max_idle_per_host(max);
                }
                if let Some(timeout) = settings.continue_timeout {
                    builder = builder.continue_timeout(timeout);
                }
                Self::Ours(builder.build(connector)?, settings.retry_bodies)
            }
            Which::HyperUtil => {
                let mut builder = legacy::Client::builder(TokioExecutor::new());
                builder.retry_canceled_requests(settings.replay != RetryPolicy::Never);
                if let Some(max) = settings.max_idle {
                    builder.pool_max_idle_per_host(max);
                }
                Self::HyperUtil(Box::new(builder.build(connector)))
            }
        })
    }
}

impl Ask for AnyClient {
    fn request(&self, request: Request<ScriptedBody>) -> AnyResponse {
        match self {
            Self::Ours(client, retry_bodies) => {
                let responding = match retry_bodies {
                    true => client.request(request.map(|body| RetryBody::with(body, ScriptedBody::copy))),
                    false => client.request(request),
                };
                Box::pin(async {
                    let response = responding.await.map_err(|error| Problem::new(our_kind(&error), &error))?;
                    Ok(response.map(|body| body.map_err(|error| Problem::new(our_kind(&error), &error)).boxed_unsync()))
                })
            }
            Self::HyperUtil(client) => {
                let responding = client.request(request);
                Box::pin(async {
                    let response = responding.await.map_err(|error| Problem::new(their_kind(&error), &error))?;
                    let problem = |error| Problem::new("response-body", &error);
                    Ok(response.map(|body| body.map_err(problem).boxed_unsync()))
                })
            }
        }
    }

    fn close_idle(&self) {
        // hyper-util's client has no such method.
        if let Self::Ours(client, _) = self {
            client.close_idle();
        }
    }
}

impl Problem {
    pub(crate) fn new(kind: impl Into<String>, error: &(dyn StdError + 'static)) -> Self {
        let cause = std::iter::successors(Some(error), |&error| error.source()).find_map(cause);
        Self { kind: kind.into(), cause }
    }
}

pub(crate) fn our_kind(error: &ClientError) -> &'static str {
    if error.is_closed_before_response() {
        "closed-before-response"
    } else if error.is_request_body() {
        "request-body"
    } else if error.is_body() {
        "response-body"
    } else if error.is_invalid_response() {
        "invalid-response"
    } else if error.is_connect() {
        "connect"
    } else {
        "invalid-request"
    }
}

pub(crate) fn their_kind(error: &legacy::Error) -> &'static str {
    if error.is_connect() {
        return "connect";
    }
    match error.source().and_then(|error| error.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_parse() => "invalid-response",
        Some(error) if error.is_user() && !error.is_canceled() => "request-body",
        _ => "closed-before-response",
    }
}

/// Returns the log's words for this error, if it is the root cause.
fn cause(error: &(dyn StdError + 'static)) -> Option<String> {
    if error.is::<Boom>() {
        return Some(error.to_string());
    }
    error.downcast_ref().map(|error: &io::Error| error_kind(error.kind()))
}

/// Returns `broken-pipe` for `BrokenPipe`, and so on.
pub(crate) fn error_kind(kind: io::ErrorKind) -> String {
    let mut out = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Longer than anything takes, even on a busy machine.
pub(crate) fn patience(which: Which) -> Duration {
    match which {
        Which::Ours => Duration::from_secs(20),
        // This client is known to hang.
        Which::HyperUtil => Duration::from_secs(5),
    }
}
