//! The connection that won, with the record of its race.

use hyper_util::client::legacy::connect::{Connected, Connection};
use pin_project_lite::pin_project;

use super::info::ConnectInfo;
use super::socket_below::SocketBelow;
use crate::forward_io::{forward_hyper_io, forward_tokio_io};
use crate::tcp::forward_socket;

pin_project! {
    /// A connection made by [`HappyEyeballsConnector`](crate::HappyEyeballsConnector): the connection of the attempt service, and [the record of its
    /// race](ConnectInfo).
    ///
    /// It implements those of hyper's and tokio's I/O traits that the inner connection implements, and `AsFd` or `AsSocket` if the inner connection
    /// does. As hyper-util's [`Connection`] it adds [`ConnectInfo`] to the extras of the inner connection.
    #[derive(Debug)]
    pub struct HappyEyeballsStream<T> {
        #[pin]
        inner: T,
        info: ConnectInfo,
    }
}

impl<T> HappyEyeballsStream<T> {
    pub(crate) fn new(inner: T, info: ConnectInfo) -> Self {
        Self { inner, info }
    }

    /// Returns the record of the race.
    pub fn info(&self) -> &ConnectInfo {
        &self.info
    }

    /// Returns the inner connection.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns the inner connection, mutably.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Unwraps the inner connection.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: Connection + 'static> Connection for HappyEyeballsStream<T> {
    fn connected(&self) -> Connected {
        let connected = SocketBelow::pass_on(self.inner.connected(), |stream: &Self| &stream.inner);
        connected.extra(self.info.clone())
    }
}

forward_hyper_io!([T] HappyEyeballsStream<T>, |this| this.project().inner, &this.inner);
forward_tokio_io!([T] HappyEyeballsStream<T>, |this| this.project().inner, &this.inner);
forward_socket!([T] HappyEyeballsStream<T>, |this| &this.inner);
