//! The connector of the client under test.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use tower_service::Service;

use super::io::Transport;
use super::{Connection, Event, World, current_runtime};
use crate::judge;

/// Makes connections in a [`World`].
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    world: Arc<World>,
}

impl Connector {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

impl Service<Uri> for Connector {
    type Response = Transport;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().and_then(|host| host.strip_prefix('h')?.strip_suffix(".test")?.parse().ok()).unwrap_or(0);
        let id = self.world.with(|state| {
            let id = state.connections.len();
            let script = state.scripts.get(id).unwrap_or(&state.fallback).clone();
            let pause = script.connect;
            let is_http2 = state.plan.client.http2 && !script.http1;
            let dialled = state.stamp();
            let mut connection = Connection::new(host, current_runtime(), script, dialled, is_http2);
            judge::on_dial(state, &mut connection);
            state.connections.push(connection);
            state.schedule(pause, Event::Connected(id));
            state.ledger.note(0x10_0000 + host as u64);
            id
        });
        Connecting { world: Arc::clone(&self.world), id: Some(id) }
    }
}

/// A connect under way.
#[derive(Debug)]
pub(crate) struct Connecting {
    world: Arc<World>,
    /// `None` once it has ended.
    id: Option<usize>,
}

impl Future for Connecting {
    type Output = Result<Transport, io::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(id) = self.id else {
            return Poll::Ready(Err(io::Error::other("polled after its end")));
        };
        let refused = self.world.with(|state| {
            let now = state.stamp();
            let connection = &mut state.connections[id];
            if !connection.is_connected {
                connection.reader = Some(cx.waker().clone());
                return None;
            }
            connection.dial_ended = Some(now);
            if connection.script.refused {
                connection.is_dropped = true;
                return Some(true);
            }
            Some(false)
        });
        let Some(refused) = refused else { return Poll::Pending };
        self.id = None;
        if refused {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        self.world.with(|state| crate::peer::on_connected(state, id));
        Poll::Ready(Ok(Transport::new(Arc::clone(&self.world), id)))
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.world.with(|state| state.connections[id].is_dropped = true);
        }
    }
}
