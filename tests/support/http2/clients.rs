//! The clients that a scenario in HTTP/2 can be put to.

use std::error::Error as StdError;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::client::RetryPolicy;
use hyper_happy_eyeballs::resolve::GaiResolver;
use hyper_happy_eyeballs::tls::{TlsConnector, TlsOptions};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;

use super::frame::code_name;
use super::script::Settings;
use super::tls::{Tls, provider};
use crate::exchange::body::ScriptedBody;
use crate::exchange::clients::{AnyResponse, Ask, Problem, their_kind};
use crate::exchange::scenario::Failure;

pub(crate) type Connector = HappyEyeballsConnector<GaiResolver, TlsConnector>;

pub(crate) enum Http2Client {
    HyperUtil(Box<legacy::Client<Connector, ScriptedBody>>),
}

impl Http2Client {
    /// A client that trusts this server alone.
    pub(crate) fn new(settings: &Settings, tls: &Tls) -> Result<Self, Failure> {
        let options = TlsOptions::new().provider(provider()).root_certificates([tls.trusted.clone()]);
        let connector = HappyEyeballsConnector::builder().protocols(["h2"]).tls(options).build()?;
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.http2_only(true).retry_canceled_requests(settings.replay != RetryPolicy::Never);
        Ok(Self::HyperUtil(Box::new(builder.build(connector))))
    }
}

impl Ask for Http2Client {
    fn request(&self, request: Request<ScriptedBody>) -> AnyResponse {
        match self {
            Self::HyperUtil(client) => {
                let responding = client.request(request);
                in_time(Box::pin(async {
                    let problem = |error| Problem::new(with_code(their_kind(&error), &error), &error);
                    let response = responding.await.map_err(problem)?;
                    let problem = |error| Problem::new(with_code("response-body", &error), &error);
                    Ok(response.map(|body| body.map_err(problem).boxed_unsync()))
                }))
            }
        }
    }

    fn close_idle(&self) {}
}

/// The watchdog: a response that takes longer than fifteen seconds, which is long also on a busy machine, does not come.
fn in_time(responding: AnyResponse) -> AnyResponse {
    Box::pin(async {
        let hangs = |_| Problem { kind: "hangs".into(), cause: None };
        tokio::time::timeout(Duration::from_secs(15), responding).await.map_err(hangs)?
    })
}

/// With the code that is the cause of an error, if there is one.
fn with_code(kind: &str, error: &(dyn StdError + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let code = causes.find_map(|error| error.downcast_ref::<h2::Error>().and_then(h2::Error::reason));
    code.map_or_else(|| kind.to_owned(), |code| format!("{kind}, {}", code_name(code.into())))
}
