//! Resolvers: a name in, a stream of answers out. The resolver and the attempt service are the two parts that users can replace.
//!
//! A resolver is a [`tower_service::Service`] that takes a [`Name`] and returns [`Answers`]. Answers arrive one by one, so that an AAAA answer can
//! start a race while the A answer is still pending.
//!
//! 1. [`Answers`] first says which queries were made, so that the race knows what it may wait for.
//! 2. Each item of the stream answers one query: with addresses, with none ([`Answer::negative`]), or with the error that prevented an answer
//!    ([`QueryError`]; [`Answer::failed`] is the same without a cause). An empty answer, a failure and no answer at all are three different results.
//! 3. A query without an answer at the end of the stream counts as failed.
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
/// The hickory crate that [`HickoryResolver`] uses, in its version.
#[cfg(feature = "hickory")]
pub use hickory_resolver;

/// The name to resolve, as it is written in the URI.
#[derive(Clone)]
pub struct Name {
    host: Arc<str>,
    https_port: Option<NonZeroU16>,
    families: Families,
    /// What the caller has heard of the network. Only its epoch is part of the name's identity.
    heard: Heard,
}

impl Name {
    /// Makes the name that a connector asks for.
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

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.host
    }

    /// Returns the port of the URI, if its scheme is `https` or `wss`. Only then may [`Query::Https`] records be queried (RFC 9460 §9.1: those of
    /// `_8443._https.example.com` for any port but 443).
    pub fn https_port(&self) -> Option<u16> {
        self.https_port.map(NonZeroU16::get)
    }

    /// Sets the port, as in an `https` URI. 0 is no port.
    #[must_use]
    pub fn with_https_port(mut self, port: u16) -> Self {
        self.https_port = NonZeroU16::new(port);
        self
    }

    /// Returns the address families that can be used: those of the connector's configuration with a local address, or all of them if no local address
    /// is set. A resolver need not look up the other family, unless these have no addresses.
    ///
    /// Defaults to both.
    pub fn families(&self) -> Families {
        self.families
    }

    /// Sets the address families that can be used.
    #[must_use]
    pub fn with_families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// Returns the epoch of the caller's network. What a resolver has learned in an earlier epoch (cached answers, servers, look-ups under way) may
    /// be wrong for this caller.
    ///
    /// Defaults to an epoch before all changes.
    pub fn epoch(&self) -> Epoch {
        self.heard.epoch
    }

    /// Sets the epoch.
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

/// The response of a resolver: the queries that it made, and their answers as they arrive.
#[derive(Debug)]
pub struct Answers<S = NoStream> {
    queries: Queries,
    first: Option<Answer>,
    stream: Option<S>,
}

impl Answers {
    /// Returns one immediate answer for both families, in order of preference.
    pub fn list(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::immediate(Answer::list(addresses))
    }
}

impl<S> Answers<S> {
    /// Returns the immediate answer to the only query.
    pub fn immediate(answer: Answer) -> Self {
        Self { queries: answer.query().into(), first: Some(answer), stream: None }
    }
}

impl<S> Answers<S> {
    /// Returns the answers to `queries` from a stream: a [`Stream`] of `Result<Answer, QueryError>`.
    pub fn new(queries: Queries, stream: S) -> Self {
        Self { queries, first: None, stream: Some(stream) }
    }

    /// Puts together what [`Answers::into_parts`] has taken apart.
    pub fn from_parts(queries: Queries, first: Option<Answer>, stream: Option<S>) -> Self {
        Self { queries, first, stream }
    }

    /// Returns the queries that were made.
    pub fn queries(&self) -> Queries {
        self.queries
    }

    /// Replaces the stream by one that `map` makes of it. A resolver that needs the immediate answer too uses [`Answers::into_parts`].
    pub fn map_stream<T>(self, map: impl FnOnce(S) -> T) -> Answers<T> {
        Answers { queries: self.queries, first: self.first, stream: self.stream.map(map) }
    }

    /// Returns the queries, the immediate answer, and the stream of the others, for a resolver that wraps another.
    pub fn into_parts(self) -> (Queries, Option<Answer>, Option<S>) {
        (self.queries, self.first, self.stream)
    }
}

/// The stream type of a resolver with an immediate answer only.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is none")]
pub enum NoStream {}

impl Stream for NoStream {
    type Item = Result<Answer, QueryError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match *self {}
    }
}

/// The trait of resolvers: an alias, implemented for every service that fits. Do not implement it by hand.
///
/// It is implemented for each [`Service`] that takes a [`Name`] and returns [`Answers`].
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
