//! The connection of a connector under [`ResponseFirstLayer`](super::ResponseFirstLayer).

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;

use super::ResponseFirst;
use super::handle::ResponseFirstHandle;
use crate::connection::SocketBelow;
use crate::forward_io::forward_hyper_io;
use crate::tcp::forward_socket;

pin_project! {
    /// The connection of a [`ResponseFirstConnector`](super::ResponseFirstConnector), on which a write error never hides a response. It has hyper's
    /// I/O traits, as the inner connection has, and `AsFd` or `AsSocket` if that has them.
    ///
    /// As hyper-util's [`Connection`] it adds a [`ResponseFirstHandle`] to the extras of the inner connection.
    #[derive(Debug)]
    pub struct ResponseFirstStream<T: 'static> {
        #[pin]
        io: TokioIo<ResponseFirst<TokioIo<T>>>,
    }
}

impl<T: Connection> ResponseFirstStream<T> {
    /// Wraps a connection on which nothing was sent yet.
    pub fn new(inner: T) -> Self {
        let below = SocketBelow::of(&inner.connected());
        Self { io: TokioIo::new(ResponseFirst::new(TokioIo::new(inner)).socket_below(below)) }
    }
}

impl<T> ResponseFirstStream<T> {
    /// The handle of the connection.
    pub fn handle(&self) -> &ResponseFirstHandle {
        self.io.inner().handle()
    }

    /// The inner connection.
    pub fn get_ref(&self) -> &T {
        self.io.inner().get_ref().inner()
    }

    /// The inner connection, mutably.
    pub fn get_mut(&mut self) -> &mut T {
        self.io.inner_mut().get_mut().inner_mut()
    }

    /// Removes the wrapper, and returns the inner connection.
    pub fn into_inner(self) -> T {
        self.io.into_inner().into_inner().into_inner()
    }
}

impl<T: Connection> Connection for ResponseFirstStream<T> {
    fn connected(&self) -> Connected {
        self.io.connected()
    }
}

forward_socket!([T: 'static] ResponseFirstStream<T>, |this| this.get_ref());
forward_hyper_io!([T: 'static] ResponseFirstStream<T>, |this| this.project().io, &this.io);
