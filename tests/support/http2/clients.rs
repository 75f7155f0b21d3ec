//! The clients that run a scenario over HTTP/2.

use std::error::Error as StdError;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use hyper_happy_eyeballs::client::{ClientError, Connector, Processing, RetryBody, RetryPolicy};
use hyper_happy_eyeballs::resolve::GaiResolver;
use hyper_happy_eyeballs::tls::{TlsConnector, TlsOptions};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;

use super::frame::code_name;
use super::script::Settings;
use super::tls::{Tls, provider};
use crate::exchange::body::ScriptedBody;
use crate::exchange::clients::{AnyResponse, Ask, Problem, Which, our_kind, their_kind};
use crate::exchange::scenario::Failure;

type Secure = HappyEyeballsConnector<GaiResolver, TlsConnector>;

pub(crate) enum Http2Client {
    /// The client, and whether bodies can be copied for a retry.
    OverTcp(Client<HappyEyeballsConnector>, bool),
    OverTls(Client<Secure>, bool),
    HyperUtil(Box<legacy::Client<Secure, ScriptedBody>>),
}

impl Http2Client {
    /// Makes a client that trusts only this server.
    pub(crate) fn new(which: Which, settings: &Settings, tls: &Tls, over_tls: bool) -> Result<Self, Failure> {
        let options = TlsOptions::new().provider(provider()).root_certificates([tls.trusted.clone()]);
        let secure = HappyEyeballsConnector::builder().tls(options);
        if which == Which::HyperUtil {
            let mut builder = legacy::Client::builder(TokioExecutor::new());
            builder.http2_only(true).retry_canceled_requests(settings.replay != RetryPolicy::Never);
            return Ok(Self::HyperUtil(Box::new(builder.build(secure.protocols(["h2"]).build()?))));
        }
        let mut builder = Client::builder().retry_policy(settings.replay).http2_prior_knowledge(!settings.alpn);
        if let Some((bytes, time)) = settings.upload_after_response {
            builder = builder.upload_after_response(bytes, time);
        }
        Ok(match over_tls {
            true => Self::OverTls(builder.build(secure.build()?)?, settings.retry_bodies),
            false => Self::OverTcp(builder.build(HappyEyeballsConnector::new())?, settings.retry_bodies),
        })
    }
}

impl Ask for Http2Client {
    fn request(&self, request: Request<ScriptedBody>) -> AnyResponse {
        in_time(match self {
            Self::OverTcp(client, retry_bodies) => ask(client, request, *retry_bodies),
            Self::OverTls(client, retry_bodies) => ask(client, request, *retry_bodies),
            Self::HyperUtil(client) => {
                let responding = client.request(request);
                Box::pin(async {
                    let problem = |error| Problem::new(with_code(their_kind(&error), their_code(&error)), &error);
                    let response = responding.await.map_err(problem)?;
                    let problem = |error| Problem::new(with_code("response-body", their_code(&error)), &error);
                    Ok(response.map(|body| body.map_err(problem).boxed_unsync()))
                })
            }
        })
    }

    fn close_idle(&self) {
        match self {
            Self::OverTcp(client, _) => client.close_idle(),
            Self::OverTls(client, _) => client.close_idle(),
            // This client has no such setting.
            Self::HyperUtil(_) => {}
        }
    }
}

fn ask<C: Connector>(client: &Client<C>, request: Request<ScriptedBody>, retry_bodies: bool) -> AnyResponse {
    let responding = match retry_bodies {
        true => client.request(request.map(|body| RetryBody::with(body, ScriptedBody::copy))),
        false => client.request(request),
    };
    Box::pin(async {
        let response = responding.await.map_err(|error| Problem::new(in_words(&error), &error))?;
        let problem = |error| Problem::new(with_code(our_kind(&error), error.http2_reason()), &error);
        Ok(response.map(|body| body.map_err(problem).boxed_unsync()))
    })
}

/// The watchdog: a response that takes longer than fifteen seconds is lost, even on a busy machine.
fn in_time(responding: AnyResponse) -> AnyResponse {
    Box::pin(async {
        let hangs = |_| Problem { kind: "hangs".into(), cause: None };
        tokio::time::timeout(Duration::from_secs(15), responding).await.map_err(hangs)?
    })
}

/// Returns the words for a request without a response, by this crate's client.
#[expect(clippy::print_stderr, reason = "it is for whoever reads a failed test")]
fn in_words(error: &ClientError) -> String {
    let processing = match error.processing() {
        Processing::Unsent => "unsent",
        Processing::Unprocessed => "unprocessed",
        Processing::Unknown => "unknown",
        Processing::Answered => "answered",
        _ => "something new",
    };
    if error.is_connect() {
        // The log of a scenario has the kind of the error alone.
        eprintln!("no connection in a scenario: {error:?}");
    }
    with_code(&format!("{}, {processing}", our_kind(error)), error.http2_reason())
}

/// Returns the error code that caused an error of hyper-util's client.
fn their_code(error: &(dyn StdError + 'static)) -> Option<u32> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.find_map(|error| error.downcast_ref::<h2::Error>().and_then(h2::Error::reason)).map(u32::from)
}

/// Returns the kind of an error, with its error code if there is one.
fn with_code(kind: &str, code: Option<u32>) -> String {
    code.map_or_else(|| kind.to_owned(), |code| format!("{kind}, {}", code_name(code)))
}
