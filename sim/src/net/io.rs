//! The client's end of a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

use super::{Ended, World};
use crate::peer;

/// The transport of one connection.
#[derive(Debug)]
pub(crate) struct Transport {
    world: Arc<World>,
    id: usize,
}

impl Transport {
    pub(crate) fn new(world: Arc<World>, id: usize) -> Self {
        Self { world, id }
    }
}

impl Read for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.world.with(|state| {
            if state.is_gone(state.connections[self.id].runtime) {
                return Poll::Ready(Err(io::Error::other("the runtime of the socket is gone")));
            }
            let connection = &mut state.connections[self.id];
            let bytes = connection.readable.len().min(buf.remaining());
            if bytes > 0 {
                buf.put_slice(&connection.readable[..bytes]);
                connection.readable.drain(..bytes);
                connection.read += bytes as u64;
                peer::on_read(state, self.id);
                return Poll::Ready(Ok(()));
            }
            match connection.read_end {
                Some(Ended::Properly) => Poll::Ready(Ok(())),
                Some(Ended::ByReset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                None => {
                    connection.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}

impl Write for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.world.with(|state| {
            if state.is_gone(state.connections[self.id].runtime) {
                return Poll::Ready(Err(io::Error::other("the runtime of the socket is gone")));
            }
            let now = state.stamp();
            let connection = &mut state.connections[self.id];
            if let Some(kind) = connection.write_error {
                connection.write_failed.get_or_insert(now);
                return Poll::Ready(Err(kind.into()));
            }
            let room = if connection.is_deserted { buf.len() } else { connection.room() };
            let bytes = buf.len().min(room);
            if bytes == 0 && !buf.is_empty() {
                connection.was_blocked = true;
                connection.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if connection.is_deserted {
                connection.write_error = Some(io::ErrorKind::BrokenPipe);
            }
            peer::accept(state, self.id, buf, bytes);
            Poll::Ready(Ok(bytes))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.world.with(|state| {
            if let Some(kind) = state.connections[self.id].write_error {
                return Poll::Ready(Err(kind.into()));
            }
            state.connections[self.id].has_shut_down = true;
            peer::on_client_end(state, self.id);
            Poll::Ready(Ok(()))
        })
    }
}

impl Connection for Transport {
    fn connected(&self) -> Connected {
        let is_negotiated = self.world.with(|state| state.plan.client.alpn && state.connections[self.id].is_http2);
        if is_negotiated { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.world.with(|state| {
            state.connections[self.id].is_dropped = true;
            state.connections[self.id].let_go = Some(state.ms());
            peer::on_client_end(state, self.id);
        });
    }
}
