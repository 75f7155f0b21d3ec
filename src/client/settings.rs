//! The settings of a client, and their defaults.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use hyper::client::conn::http1;

use super::http2;
use super::pool;
use super::protocol::PriorKnowledge;
use super::request::after_response::AfterResponse;
use super::retry::RetryPolicy;
use super::time_limits::Limits;

/// The settings of a client.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) pool: pool::Settings,
    pub(super) requests: RequestSettings,
}

/// The settings of the client that each request uses.
#[derive(Clone)]
pub(super) struct RequestSettings {
    pub(super) limits: Limits,
    /// `None` if there are none.
    pub(super) default_headers: Option<Arc<HeaderMap>>,
    pub(super) retry_policy: RetryPolicy,
    pub(super) retries_on_request_timeout: bool,
    pub(super) late_binding: bool,
    pub(super) continue_timeout: Duration,
    pub(super) upload_after_response: AfterResponse,
    pub(super) prior_knowledge: PriorKnowledge,
    pub(super) connections: ConnectionSettings,
}

/// The settings of the client that a dial gives to its connection.
#[derive(Clone)]
pub(super) struct ConnectionSettings {
    pub(super) http1: http1::Builder,
    /// How many bytes the heads of a response may have together.
    pub(super) max_response_head: u64,
    pub(super) http2: http2::settings::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool: pool::Settings {
                idle_timeout: Some(Duration::from_secs(90)),
                max_age: None,
                max_idle_per_host: usize::MAX,
                max_connections_per_host: usize::MAX,
                max_shared_per_host: 4,
            },
            requests: RequestSettings {
                limits: Limits::default(),
                default_headers: None,
                retry_policy: RetryPolicy::default(),
                retries_on_request_timeout: false,
                late_binding: false,
                continue_timeout: Duration::from_secs(1),
                upload_after_response: AfterResponse { bytes: 1024 * 1024, time: Duration::from_secs(5) },
                prior_knowledge: PriorKnowledge::default(),
                connections: ConnectionSettings {
                    http1: http1::Builder::new(),
                    max_response_head: 1024 * 1024,
                    http2: http2::settings::Settings::default(),
                },
            },
        }
    }
}

impl fmt::Debug for RequestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSettings")
            .field("limits", &self.limits)
            // Only the names are shown, since the values may be secret.
            .field("default_headers", &self.default_headers.iter().flat_map(|fields| fields.keys()).collect::<Vec<_>>())
            .field("retry_policy", &self.retry_policy)
            .field("retries_on_request_timeout", &self.retries_on_request_timeout)
            .field("late_binding", &self.late_binding)
            .field("continue_timeout", &self.continue_timeout)
            .field("upload_after_response", &self.upload_after_response)
            .field("max_response_head", &self.connections.max_response_head)
            .field("prior_knowledge", &self.prior_knowledge)
            .field("http2", &self.connections.http2)
            .finish_non_exhaustive()
    }
}
