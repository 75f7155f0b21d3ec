//! A write error never hides a response: the I/O wrapper, and the connector layer that puts it under any client.
//!
//! A server may answer before it has read the whole request, and close: `413 Content Too Large`, `401 Unauthorized`. The client
//! is still writing then. Its next write fails (`EPIPE`, `ECONNRESET`), and a client that gives up at that moment loses the
//! response that explains why. The response is there: the kernel has it.
//!
//! [`ResponseFirst`] does what RFC 9112 §9.5 asks of a client:
//!
//! 1. When a write fails because the peer has closed, writing is over: what is written from then on is swallowed, and flushing
//!    and shutting down succeed.
//! 2. Reading goes on, to the response or to the end.
//! 3. If the end comes and nothing was answered, or if there is no proper end but a reset, the error of the write is what
//!    the reader gets.
//! 4. While a request is long, it is asked now and then whether there is an answer, and that is read before more is written.
//! 5. A connection whose write has failed is broken, and not fit for another request: its reads do not wait for the runtime
//!    to notice that the peer has gone.
//!
//! # Where it belongs
//!
//! Under HTTP/1.1, and below TLS: around the TCP connection. Not under HTTP/2, which has its own way to say "I have read
//! enough". [`Client`](crate::client::Client) has it built in; for hyper-util's client, [`ResponseFirstLayer`] is one line:
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_happy_eyeballs::HappyEyeballsConnector;
//! use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//!
//! let connector = ServiceBuilder::new().layer(ResponseFirstLayer::new()).service(HappyEyeballsConnector::new());
//! let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
//! ```
//!
//! # Upgrades
//!
//! A stream that was upgraded (`101`, `CONNECT`) must not swallow anything. The wrapper sees a request for an upgrade go by
//! and disarms itself. Under TLS it sees nothing but noise: there, call [`Control::disarm`] when the upgrade has happened.
//! `Control` is an extension of the response.

mod control;
mod layer;
mod request_head;

use std::any::Any;
use std::fmt;
use std::io::{self, IoSlice, Read as _};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub use self::control::Control;
pub use self::layer::{ResponseFirstConnecting, ResponseFirstConnector, ResponseFirstLayer};
use self::request_head::RequestHead;
use crate::connect::HappyEyeballsStream;
use crate::tcp::TcpConnection;

/// The connection of a [`ResponseFirstConnector`]: hyper's I/O, wrapped where tokio's traits are.
pub type ResponseFirstStream<T> = TokioIo<ResponseFirst<TokioIo<T>>>;

pin_project! {
    /// A stream on which a write error never hides a response; see the [module](self).
    ///
    /// It wraps at the level of tokio's traits: `TokioIo<ResponseFirst<TcpStream>>`. A stream with hyper's traits is wrapped as
    /// `TokioIo<ResponseFirst<TokioIo<T>>>`.
    pub struct ResponseFirst<T: 'static> {
        #[pin]
        inner: T,
        control: Control,
        // Why writing is over, until somebody is told.
        write_error: Option<io::Error>,
        // The next write is the first since something was read: it may begin a request.
        between_messages: bool,
        // Who is told of the socket, whoever polls.
        waker: Option<Waker>,
        // Bytes written since it was last asked whether there is an answer.
        unasked: usize,
        // There is one, and it is to be read before more is written; so often that has been said.
        answered: Option<u8>,
        // What is swallowed next is swallowed at once.
        has_yielded: bool,
    }

    impl<T: 'static> PinnedDrop for ResponseFirst<T> {
        fn drop(this: Pin<&mut Self>) {
            // A stream that is no longer HTTP ends as its user ends it.
            if this.control.resets_on_close() && this.control.is_armed() {
                let this = this.project();
                if let Some(stream) = tcp_stream(&*this.inner) {
                    // The worst that a failure does is a graceful close.
                    let _ignored = socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
                }
            }
        }
    }
}

impl<T: 'static> ResponseFirst<T> {
    /// Wraps a connection on which nothing has been sent yet.
    pub fn new(inner: T) -> Self {
        Self::with_control(inner, Control::new())
    }

    pub(crate) fn with_control(inner: T, control: Control) -> Self {
        Self {
            inner,
            control,
            write_error: None,
            between_messages: true,
            waker: None,
            unasked: 0,
            answered: None,
            has_yielded: false,
        }
    }

    /// Whoever polls it, `waker` is told of what happens on the socket, as long as the stream is HTTP.
    pub(crate) fn waking(mut self, waker: Waker) -> Self {
        self.waker = Some(waker);
        self
    }

    /// What else there is to know of the connection, and to tell it.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The inner stream.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The inner stream, mutably.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: AsyncRead> AsyncRead for ResponseFirst<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let before = buf.filled().len();
        let answered = this.answered.take().is_some();
        let mut read = this.inner.as_mut().poll_read(&mut told(this.waker.as_ref(), this.control, cx.waker()), buf);
        if read.is_pending() {
            if !answered && !this.control.is_broken_or_looks() {
                return Poll::Pending;
            }
            if answered || this.control.is_broken() {
                // Whatever there is, is there.
                read = read_at_once(&*this.inner, buf);
            } else {
                this.control.looked(peek(&*this.inner).unwrap_or(true));
            }
        }
        match ready!(read) {
            Ok(()) if buf.filled().len() > before => {
                *this.between_messages = true;
                this.control.on_read(buf.filled().len() - before);
                Poll::Ready(Ok(()))
            }
            // Nothing was asked for.
            Ok(()) if buf.remaining() == 0 => Poll::Ready(Ok(())),
            end => {
                this.control.on_read_end();
                let nothing_read = this.control.bytes_read() == 0;
                let write_error = this.write_error.take_if(|error| nothing_read || !follows_an_end(error));
                Poll::Ready(write_error.map_or(end, Err))
            }
        }
    }
}

impl<T: AsyncWrite> AsyncWrite for ResponseFirst<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let buf = at_most(buf);
        self.write(cx, buf.len(), buf, |inner, cx| inner.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(cx, T::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(cx, T::poll_shutdown)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        let len = bufs.iter().map(|buf| buf.len()).sum();
        if len > ASK_AFTER {
            let first = at_most(first);
            return self.write(cx, first.len(), first, |inner, cx| inner.poll_write(cx, first));
        }
        self.write(cx, len, first, |inner, cx| inner.poll_write_vectored(cx, bufs))
    }
}

impl<T: AsyncWrite> ResponseFirst<T> {
    /// Writes `len` bytes, of which `first` are the first, unless writing is over.
    #[inline]
    fn write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        len: usize,
        first: &[u8],
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        if this.control.is_broken() {
            if this.control.read_ended() && len > 0 {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            // A writer that never has to wait would never get to read.
            *this.has_yielded = !*this.has_yielded;
            if *this.has_yielded {
                told(this.waker.as_ref(), this.control, cx.waker()).waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Ok(len));
        }
        if *this.between_messages {
            *this.between_messages = false;
            this.control.on_first_write(|| RequestHead::of(first));
        }
        let mut cx = told(this.waker.as_ref(), this.control, cx.waker());
        let mut asked = Ok(());
        if *this.unasked >= ASK_AFTER && this.control.is_armed() && this.control.bytes_read() == 0 {
            *this.unasked = 0;
            asked = peek(&*this.inner).map(|is_there| *this.answered = is_there.then_some(0));
        }
        // Whoever does not read for so long, does not want to.
        let to_be_read = this.answered.as_mut().filter(|said| **said < PUT_OFF).map(|said| *said += 1).is_some();
        let written = match asked {
            // To ask for an error is to take it: the write would not meet it any more.
            Err(error) => Poll::Ready(Err(error)),
            Ok(()) if to_be_read || this.control.is_put_off() => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(()) => write(this.inner, &mut cx),
        };
        match written {
            Poll::Ready(Ok(written)) => {
                *this.unasked += written;
                this.control.on_write(written, len);
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) if this.control.is_armed() && peer_has_gone(&error) => {
                this.control.stop_writing();
                *this.write_error = Some(error);
                Poll::Ready(Ok(len))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                this.control.on_write(0, len);
                Poll::Pending
            }
        }
    }

    #[inline]
    fn finish(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        finish: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        if this.control.is_broken() {
            return Poll::Ready(Ok(()));
        }
        match finish(this.inner, &mut told(this.waker.as_ref(), this.control, cx.waker())) {
            Poll::Ready(Err(error)) if this.control.is_armed() && peer_has_gone(&error) => {
                this.control.stop_writing();
                *this.write_error = Some(error);
                Poll::Ready(Ok(()))
            }
            result => result,
        }
    }
}

impl<T: Connection> Connection for ResponseFirst<T> {
    fn connected(&self) -> Connected {
        self.inner.connected().extra(self.control.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for ResponseFirst<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFirst").field("inner", &self.inner).field("control", &self.control).finish()
    }
}

/// As much of `buf` as is written at once: a system may take megabytes, and the peer's answer would come after them.
fn at_most(buf: &[u8]) -> &[u8] {
    &buf[..buf.len().min(ASK_AFTER)]
}

/// Who is told of what happens on the socket.
#[inline]
fn told<'a>(waker: Option<&'a Waker>, control: &Control, caller: &'a Waker) -> Context<'a> {
    Context::from_waker(waker.filter(|_| control.is_armed()).unwrap_or(caller))
}

/// A peer that reads as fast as it is written to never makes a writer wait, and a writer that never waits never reads. So
/// after as many bytes it is asked whether there is an answer already (RFC 9112 §9.5): about what a socket takes at once.
const ASK_AFTER: usize = 256 * 1024;

/// So often a write is put off for an answer that is to be read first.
const PUT_OFF: u8 = 8;

/// The errors of a write that say that the peer reads no more. They say nothing of what it has sent before.
fn peer_has_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected)
}

/// A broken pipe is what is left after the peer has ended its side and reset the connection then. Any other error of a write
/// took the place of the error that a read would have met: without it, a response that was cut off would seem to have ended.
fn follows_an_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// The socket under the connections of this crate and of hyper-util. Of any other it is not known.
fn tcp_stream(io: &dyn Any) -> Option<&TcpStream> {
    fn of<T: 'static>(io: &dyn Any) -> Option<&T> {
        io.downcast_ref::<T>().or_else(|| io.downcast_ref::<TokioIo<T>>().map(TokioIo::inner))
    }
    type Raced = HappyEyeballsStream<TcpConnection>;
    of::<TcpStream>(io)
        .or_else(|| of::<TokioIo<TcpStream>>(io).map(TokioIo::inner))
        .or_else(|| of::<TcpConnection>(io).map(TcpConnection::get_ref))
        .or_else(|| of::<Raced>(io).map(|raced| raced.get_ref().get_ref()))
}

/// Reads what the kernel has, whether or not the runtime has heard of it.
fn read_at_once(io: &dyn Any, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    let Some(stream) = tcp_stream(io) else {
        return Poll::Pending;
    };
    match (&*socket2::SockRef::from(stream)).read(buf.initialize_unfilled()) {
        Ok(bytes) => {
            buf.advance(bytes);
            Poll::Ready(Ok(()))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        Err(error) => Poll::Ready(Err(error)),
    }
}

/// Whether there is anything to read, or the end, as the kernel has it.
fn peek(io: &dyn Any) -> io::Result<bool> {
    let Some(stream) = tcp_stream(io) else {
        return Ok(false);
    };
    let mut byte = [mem::MaybeUninit::uninit()];
    match socket2::SockRef::from(stream).peek(&mut byte) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
