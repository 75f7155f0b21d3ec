//! A network in memory.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::Builder;
use hyper_happy_eyeballs::{Attempt, AttemptError, FixedResolver, HappyEyeballsConnector};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::time::sleep;
use tower::{Service, service_fn};

use crate::support::names::Names;
use crate::tls::clients::resolver;
use crate::tls::conduct::Conduct;
use crate::tls::memory;
use crate::tls::seen::Seen;

pub(crate) type Transport = TokioIo<DuplexStream>;

/// How long an address takes to accept a connection, in milliseconds, and what it does then.
#[derive(Clone)]
pub(crate) enum Path {
    Leads(u64, Conduct),
    Refuses(u64),
}

/// Addresses in the order in which they are tried. A clone is the same world.
#[derive(Clone)]
pub(crate) struct World {
    order: Vec<SocketAddr>,
    paths: Arc<BTreeMap<SocketAddr, Path>>,
    seen: Arc<Seen>,
    /// How many bytes a connection holds.
    buffer: usize,
}

impl World {
    /// `A6` is an IPv6 address, `B4` another one of IPv4.
    pub(crate) fn new<const N: usize>(paths: [(&str, Path); N]) -> Self {
        let paths = paths.map(|(name, path)| (Names::default().address(name).unwrap(), path));
        let order = paths.iter().map(|(address, _)| *address).collect();
        Self { order, paths: Arc::new(paths.into_iter().collect()), seen: Arc::default(), buffer: memory::BUFFER }
    }

    /// With connections that hold so many bytes.
    pub(crate) fn buffer(self, buffer: usize) -> Self {
        Self { buffer, ..self }
    }

    /// What all servers have seen.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(crate) fn builder(
        &self,
    ) -> Builder<
        FixedResolver,
        impl Service<AttemptRequest, Response = Transport, Error = AttemptError, Future: Send> + Clone + use<>,
    > {
        let world = self.clone();
        let attempt = service_fn(move |request: AttemptRequest| {
            let world = world.clone();
            async move { world.attempt(request.endpoint().address()).await }
        });
        HappyEyeballsConnector::builder().resolver(resolver(self.order.clone())).attempt(attempt)
    }

    async fn attempt(&self, address: SocketAddr) -> Result<Transport, AttemptError> {
        match &self.paths[&address] {
            Path::Leads(after, conduct) => {
                sleep(ms(*after)).await;
                Ok(TokioIo::new(memory::dial(self.buffer, conduct, &self.seen)))
            }
            Path::Refuses(after) => {
                sleep(ms(*after)).await;
                Err(AttemptError::new(io::Error::from(io::ErrorKind::ConnectionRefused)))
            }
        }
    }
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// `A6 at 0, first: connected at 300`, in milliseconds since the beginning of the race.
pub(crate) fn lines(attempts: &[Attempt]) -> Vec<String> {
    let line = |attempt: &Attempt| {
        let name = Names::default().name(attempt.endpoint().address());
        let (start, end) = (attempt.offset().as_millis(), (attempt.offset() + attempt.duration()).as_millis());
        format!("{name} at {start}, {}: {} at {end}", attempt.reason(), attempt.outcome())
    };
    attempts.iter().map(line).collect()
}
