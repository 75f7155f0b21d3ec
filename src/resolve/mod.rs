//! A name in, a stream of answers out: the first of the two seams.
//!
//! A resolver is a [`tower_service::Service`] that takes a [`Name`] and gives [`Answers`]. Answers come one by one, so that
//! an AAAA answer can start a race while the A answer is still pending.
//!
//! 1. [`Answers`] says first which queries were asked, so that the race knows what it may wait for.
//! 2. Each item of the stream answers one query: with addresses, with none ([`Answer::negative`]), or with the error that
//!    kept it from being answered ([`QueryError`]; [`Answer::failed`] is the same without a cause). An empty answer, a failure
//!    and silence are three different things.
//! 3. A query that is not answered when the stream ends counts as failed.
//! 4. If the service itself fails, there is no race.
//!
//! A port that is not zero in an answer is used, unless the URI names one.
//!
//! | resolver | answers from |
//! |---|---|
//! | [`GaiResolver`] | the system (getaddrinfo); the default |
//! | [`FixedResolver`] | a table of names, in front of another resolver if there is one |
//! | [`HyperUtilResolver`] | any resolver made for hyper-util's connector |
//! | `HickoryResolver` | DNS servers, which it asks itself, HTTPS records included (feature `hickory`) |
//!
//! # Example
//!
//! A closure can be a resolver:
//!
//! ```
//! use hyper_happy_eyeballs::connect::HappyEyeballsConnector;
//! use hyper_happy_eyeballs::resolve::{Answers, Name};
//!
//! let resolver = tower::service_fn(|name: Name| async move {
//!     let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
//!     Ok::<_, std::io::Error>(Answers::list(addresses))
//! });
//! let connector = HappyEyeballsConnector::builder().resolver(resolver).build()?;
//! # Ok::<_, hyper_happy_eyeballs::race::ConfigError>(())
//! ```

mod connectivity;
mod fixed;
mod flights;
mod gai;
#[cfg(feature = "hickory")]
mod hickory;
mod hyper_util;
mod kept_file;
mod platform;
mod system;
mod system_files;
mod threads;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tower_service::Service;

pub use self::fixed::{FixedFuture, FixedResolver, NoFallback};
pub use self::gai::{GaiAnswers, GaiFuture, GaiResolver};
#[cfg(feature = "hickory")]
pub use self::hickory::{HickoryAnswers, HickoryResolver};
pub use self::hyper_util::{HyperUtilAnswers, HyperUtilResolver};
pub use crate::network::Epoch;
use crate::network::{Heard, Network};
use crate::outcome::BoxError;
pub use crate::outcome::{QueryError, QueryErrorKind};
use crate::race::Families;
pub use crate::race::{Answer, Queries, Query};
/// What [`HickoryResolver`] is made of, in the version that it takes.
#[cfg(feature = "hickory")]
pub use hickory_resolver;

/// The name to resolve, as it stood in the URI.
#[derive(Clone)]
pub struct Name {
    host: Arc<str>,
    https_port: Option<NonZeroU16>,
    families: Families,
    /// What the caller has heard of the network. Of that, only the epoch is part of the name's identity.
    heard: Heard,
}

impl Name {
    /// The name that a connector asks for.
    #[inline]
    pub(crate) fn of_connect(
        host: Arc<str>,
        https_port: Option<NonZeroU16>,
        families: Families,
        network: &Network,
    ) -> Self {
        Self { host, https_port, families, heard: network.heard() }
    }

    fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.host
    }

    /// The port of the URI, if its scheme is `https` or `wss`: then, and only then, [`Query::Https`] records may be asked for
    /// (RFC 9460 §9.1: those of `_8443._https.example.com` for any port but 443).
    pub fn https_port(&self) -> Option<u16> {
        self.https_port.map(NonZeroU16::get)
    }

    /// The same name, as it stands in an `https` URI with this port. 0 is no port.
    #[must_use]
    pub fn with_https_port(mut self, port: u16) -> Self {
        self.https_port = NonZeroU16::new(port);
        self
    }

    /// The address families that can be used: those of the connector's configuration for which it has a local address, if it has any
    /// at all. A resolver need not look for addresses of the other family, unless these have none.
    ///
    /// Defaults to both.
    pub fn families(&self) -> Families {
        self.families
    }

    /// The same name, for a caller who can use these address families.
    #[must_use]
    pub fn with_families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// The epoch of the caller's network. What a resolver has learned in an earlier one (cached answers, servers, look-ups that are under way) may no
    /// longer be true of a caller who has heard of the change.
    ///
    /// Defaults to an epoch before all changes.
    pub fn epoch(&self) -> Epoch {
        self.heard.epoch
    }

    /// The same name, for a caller in this epoch.
    #[must_use]
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.heard.epoch = epoch;
        self
    }

    fn heard(&self) -> Heard {
        self.heard
    }

    fn identity(&self) -> (&str, Option<NonZeroU16>, Families, Epoch) {
        (&self.host, self.https_port, self.families, self.heard.epoch)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl From<&str> for Name {
    fn from(host: &str) -> Self {
        Self { host: host.into(), https_port: None, families: Families::Both, heard: Heard::default() }
    }
}

impl FromStr for Name {
    type Err = std::convert::Infallible;

    fn from_str(host: &str) -> Result<Self, Self::Err> {
        Ok(host.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.host, f)
    }
}

/// What a resolver gives: the queries that it asked, and their answers as they come.
#[derive(Debug)]
pub struct Answers<S = NoStream> {
    queries: Queries,
    first: Option<Answer>,
    stream: Option<S>,
}

impl Answers {
    /// Both families in one answer that is there at once. The order is the order of preference.
    pub fn list(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::immediate(Answer::list(addresses))
    }
}

impl<S> Answers<S> {
    /// The answer to the only query, which is there at once.
    pub fn immediate(answer: Answer) -> Self {
        Self { queries: answer.query().into(), first: Some(answer), stream: None }
    }
}

impl<S> Answers<S> {
    /// The answers to `queries`, as they come: `stream` is a [`Stream`] of `Result<Answer, QueryError>`.
    pub fn new(queries: Queries, stream: S) -> Self {
        Self { queries, first: None, stream: Some(stream) }
    }

    /// What [`Answers::into_parts`] took apart.
    pub fn from_parts(queries: Queries, first: Option<Answer>, stream: Option<S>) -> Self {
        Self { queries, first, stream }
    }

    /// The queries that were asked.
    pub fn queries(&self) -> Queries {
        self.queries
    }

    /// The same answers from another stream, made of this one. [`Answers::into_parts`] is for a resolver that also wants to
    /// see the answer that is there at once.
    pub fn map_stream<T>(self, map: impl FnOnce(S) -> T) -> Answers<T> {
        Answers { queries: self.queries, first: self.first, stream: self.stream.map(map) }
    }

    /// The queries, the answer that is there at once, and the stream of the others: for a resolver around a resolver.
    pub fn into_parts(self) -> (Queries, Option<Answer>, Option<S>) {
        (self.queries, self.first, self.stream)
    }
}

/// The stream of a resolver whose only answer is there at once.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum NoStream {}

impl Stream for NoStream {
    type Item = Result<Answer, QueryError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match *self {}
    }
}

/// What every service that can resolve implements: an alias, not to be implemented by hand.
///
/// A [`Service`] that takes a [`Name`] and responds with [`Answers`] has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot resolve names",
    label = "no resolver",
    note = "a resolver is a `tower::Service<Name>` whose response is `Answers`, and whose error goes `Into<Box<dyn Error + Send + Sync>>`: a `GaiResolver`, a `FixedResolver`, `tower::service_fn` of a function; `resolve::HyperUtilResolver` makes one of a resolver for hyper-util"
)]
pub trait Resolve: Service<Name, Response = Answers<<Self as Resolve>::Stream>, Error: Into<BoxError>> {
    /// The stream of answers.
    type Stream: Stream<Item = Result<Answer, QueryError>>;
}

impl<R, S> Resolve for R
where
    R: Service<Name, Response = Answers<S>, Error: Into<BoxError>>,
    S: Stream<Item = Result<Answer, QueryError>>,
{
    type Stream = S;
}
