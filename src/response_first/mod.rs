//! A write error never hides a response: the I/O wrapper, and the connector layer that puts it under any client.
//!
//! A server may answer before it has read the whole request, and close: `413 Content Too Large`, `401 Unauthorized`. The client
//! is still writing then. Its next write fails (`EPIPE`, `ECONNRESET`), and a client that gives up at that moment loses the
//! response that explains why. The response is there: the kernel has it.
//!
//! [`ResponseFirst`] does what RFC 9112 §9.5 asks of a client:
//!
//! 1. When a write fails because the peer has closed, writing is over. Further writes are discarded, and flush and shutdown succeed.
//! 2. Reading goes on, to the response or to the end.
//! 3. If the end comes before any byte of a response, or if the connection was reset, the reader gets the error of the write.
//! 4. During a long request the wrapper checks now and then whether a response has arrived, and has it read before more is written.
//! 5. A connection whose write has failed is broken, and cannot have another request. Its reads do not wait for the runtime to notice that the peer
//!    has gone. This needs a socket that the wrapper knows: tokio's, that of a connection of this crate or of hyper-util, or that of any connection which
//!    shows it ([`SocketBelow`]). Any other transport is polled for a while, without a timer. If it then has neither bytes nor an end, the reader gets the
//!    error of the write.
//!
//! # Where it belongs
//!
//! Under HTTP/1.1 it belongs around the TCP connection, below TLS. HTTP/2 has its own way to stop an upload, so that only rules 1 to 3 and 5 are of
//! use: see [`ResponseFirstHandle::swallow_write_errors`]. [`Client`](crate::client::Client) has the wrapper built in. For hyper-util's client,
//! [`ResponseFirstLayer`] is one line:
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
//! Writes to a stream that was upgraded must not be discarded. The wrapper recognises an upgrade (`101`, or success of `CONNECT`) and disarms
//! itself. An upgrade that the server declines changes nothing. Below TLS the wrapper sees only encrypted bytes: TLS of this crate's connector
//! disarms it for an upgrade. With any other TLS, and for a protocol that is not HTTP, call [`ResponseFirstHandle::disarm`]. The handle is an
//! extra of the connection ([`Connected`]), which hyper-util's client makes an extension of every response. [`Client`](crate::client::Client) keeps it to itself.

mod allowance;
#[cfg(feature = "client")]
mod driving;
mod flags;
mod handle;
mod layer;
mod read;
mod recognition;
mod request_head;
mod response_head;
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "only the client takes a socket out of its connection"))]
mod socket;
mod stream;

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use hyper_util::client::legacy::connect::{Connected, Connection};
use pin_project_lite::pin_project;
use tokio::io::AsyncWrite;

#[cfg(feature = "client")]
pub(crate) use self::allowance::Allowance;
use self::flags::Flags;
pub use self::handle::ResponseFirstHandle;
pub use self::layer::{ResponseFirstConnecting, ResponseFirstConnector, ResponseFirstLayer};
pub(crate) use self::recognition::Recognition;
#[cfg(feature = "client")]
pub(crate) use self::socket::into_tcp_stream;
use self::socket::socket;
pub use self::stream::ResponseFirstStream;
pub use crate::connection::SocketBelow;
use crate::tcp::forward_socket;
use crate::wake_later::wake_later;

pin_project! {
    /// A stream on which a write error never hides a response; see the [module](self).
    ///
    /// It implements tokio's I/O traits around a stream with tokio's I/O traits: `TokioIo<ResponseFirst<TcpStream>>`. A stream with hyper's traits is
    /// wrapped as `TokioIo<ResponseFirst<TokioIo<T>>>`.
    pub struct ResponseFirst<T: 'static> {
        // `None` after `into_inner`, which drops the wrapper.
        #[pin]
        inner: Option<T>,
        // What the connection says of its socket, if its type does not.
        below: Option<SocketBelow>,
        handle: ResponseFirstHandle,
        recognition: Recognition,
        // Waker for socket events; overrides the caller's.
        waker: Option<Waker>,
        // Bytes written since the last read, or since the wrapper last asked whether there is an answer.
        unasked: usize,
        // The system was told to hold no more than `MOST_UNSENT` bytes unsent.
        limits_unsent: bool,
        // How many more writes are put off, so that reads go first.
        put_off: u8,
        // How many more polls wait for the read side, after a write has failed on a transport whose socket is not known.
        chances: u16,
        // Every other discarded write yields, so that reads still run under a writer that never blocks.
        has_yielded: bool,
    }

    impl<T: 'static> PinnedDrop for ResponseFirst<T> {
        fn drop(this: Pin<&mut Self>) {
            // A stream that was upgraded is closed as its user closes it.
            if this.handle.resets_on_close() && this.handle.is_armed() {
                let this = this.project();
                let inner = this.inner.as_ref().as_pin_ref().map(Pin::get_ref);
                if let Some(stream) = inner.and_then(|inner| socket(inner, this.below.as_ref())) {
                    socket::reset_on_close(stream);
                }
            }
        }
    }
}

impl<T: 'static> ResponseFirst<T> {
    /// Wraps a connection on which nothing has been sent yet.
    pub fn new(inner: T) -> Self {
        Self::with_handle(inner, ResponseFirstHandle::new())
    }

    pub(crate) fn with_handle(inner: T, handle: ResponseFirstHandle) -> Self {
        Self {
            inner: Some(inner),
            below: None,
            handle,
            recognition: Recognition::new(),
            waker: None,
            unasked: 0,
            limits_unsent: false,
            put_off: 0,
            chances: 0,
            has_yielded: false,
        }
    }

    /// Says where the socket below the stream is, if the type of the stream is a foreign one.
    ///
    /// Defaults to `None`, with which the socket of a foreign type is not known.
    #[must_use]
    pub fn socket_below(mut self, below: impl Into<Option<SocketBelow>>) -> Self {
        self.below = below.into();
        self
    }

    /// The handle of the connection.
    pub fn handle(&self) -> &ResponseFirstHandle {
        &self.handle
    }

    /// The inner stream.
    pub fn get_ref(&self) -> &T {
        there(self.inner.as_ref())
    }

    /// The inner stream, mutably.
    pub fn get_mut(&mut self) -> &mut T {
        there(self.inner.as_mut())
    }

    /// Removes the wrapper, after an upgrade, say. The wrapper does not see further writes of the inner stream, and does not swallow its errors. It has
    /// buffered nothing.
    pub fn into_inner(mut self) -> T {
        there(self.inner.take())
    }
}

/// The stream: only [`ResponseFirst::into_inner`] takes it out, and the wrapper with it.
#[inline]
fn there<T>(inner: Option<T>) -> T {
    inner.expect("the stream was not taken out")
}

impl<T: AsyncWrite> AsyncWrite for ResponseFirst<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let most = self.most_at_once();
        if most == 0 {
            return self.write_later(cx, buf.len());
        }
        let buf = &buf[..buf.len().min(most)];
        self.write(cx, buf.len(), buf, |inner, cx| inner.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(cx, T::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(cx, T::poll_shutdown)
    }

    fn is_write_vectored(&self) -> bool {
        self.get_ref().is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = first_of(bufs);
        let len = bufs.iter().map(|buf| buf.len()).sum();
        let most = self.most_at_once();
        if most == 0 {
            return self.write_later(cx, len);
        }
        if len > most {
            let first = &first[..first.len().min(most)];
            return self.write(cx, first.len(), first, |inner, cx| inner.poll_write(cx, first));
        }
        self.write(cx, len, first, |inner, cx| inner.poll_write_vectored(cx, bufs))
    }
}

impl<T: AsyncWrite> ResponseFirst<T> {
    /// Returns the most bytes of one write. The system might take megabytes at once, and a response could only be read after that.
    #[inline]
    fn most_at_once(&self) -> usize {
        self.handle.allowance().writable().min(ASK_AFTER)
    }

    /// Puts a write off, since this poll has written as much as it may.
    #[cold]
    fn write_later(self: Pin<&mut Self>, cx: &Context<'_>, len: usize) -> Poll<io::Result<usize>> {
        let this = self.project();
        this.handle.on_write(0, len);
        wake_later(told(this.waker.as_ref(), this.handle.flags(), cx.waker()).waker());
        Poll::Pending
    }

    /// Writes `len` bytes, of which `first` are the first, unless writing is over.
    #[inline]
    fn write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        len: usize,
        first: &[u8],
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut this = self.project();
        let mut inner = there(this.inner.as_mut().as_pin_mut());
        let flags = this.handle.flags();
        let mut cx = told(this.waker.as_ref(), flags, cx.waker());
        if flags.is_broken() {
            if this.handle.read_ended() && len > 0 {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            *this.has_yielded = !*this.has_yielded;
            if *this.has_yielded {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Ok(len));
        }
        if this.handle.begin_write() {
            cx.waker().wake_by_ref();
        }
        this.recognition.on_write(first, this.handle);
        let mut asked = Ok(());
        if *this.unasked >= ASK_AFTER && this.handle.asks_for_answers() {
            *this.unasked = 0;
            if !*this.limits_unsent {
                *this.limits_unsent = true;
                if let Some(stream) = socket(&*inner, this.below.as_ref()) {
                    socket::limit_unsent(stream, MOST_UNSENT);
                }
            }
            asked = socket::ask(socket(&*inner, this.below.as_ref())).map(|put_off| *this.put_off = put_off);
        }
        let written = match asked {
            // The check has taken the error from the socket. The write would not get it any more.
            Err(error) => Poll::Ready(Err(error)),
            Ok(()) if *this.put_off > 0 || this.handle.is_put_off() => {
                // A bounded number of times: a caller that has not read by then does not want to.
                *this.put_off = this.put_off.saturating_sub(1);
                if socket(&*inner, this.below.as_ref()).is_some() {
                    cx.waker().wake_by_ref();
                } else {
                    // The reader cannot look at the socket. It learns of the response after the runtime has.
                    wake_later(cx.waker());
                }
                Poll::Pending
            }
            Ok(()) => write(inner.as_mut(), &mut cx),
        };
        match written {
            Poll::Ready(Ok(written)) => {
                *this.unasked += written;
                this.handle.on_write(written, len);
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) if this.handle.is_armed() && peer_has_gone(&error) => {
                if this.handle.counts_failed_writes() && socket(&*inner, this.below.as_ref()).is_none() {
                    // TLS may have sent a part of a write that it reports as failed: count all of it.
                    this.handle.on_write(len, len);
                }
                this.handle.fail_writing(error);
                *this.chances = CHANCES;
                // The reader may be waiting for an event that never comes from a transport whose socket is not known.
                cx.waker().wake_by_ref();
                Poll::Ready(Ok(len))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                this.handle.on_write(0, len);
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
        let flags = this.handle.flags();
        if flags.is_broken() {
            return Poll::Ready(Ok(()));
        }
        let mut cx = told(this.waker.as_ref(), flags, cx.waker());
        match finish(there(this.inner.as_pin_mut()), &mut cx) {
            Poll::Ready(Err(error)) if this.handle.is_armed() && peer_has_gone(&error) => {
                this.handle.fail_writing(error);
                *this.chances = CHANCES;
                cx.waker().wake_by_ref();
                Poll::Ready(Ok(()))
            }
            result => {
                if result.is_pending() || flags.is_unflushed() {
                    this.handle.on_flush(result.is_ready());
                }
                result
            }
        }
    }
}

impl<T: Connection> Connection for ResponseFirst<T> {
    fn connected(&self) -> Connected {
        self.get_ref().connected().extra(self.handle.clone())
    }
}

forward_socket!([T: 'static] ResponseFirst<T>, |this| this.get_ref());

impl<T: fmt::Debug> fmt::Debug for ResponseFirst<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFirst").field("inner", self.get_ref()).field("handle", &self.handle).finish()
    }
}

/// Returns the first buffer that is not empty.
#[inline]
pub(crate) fn first_of<'a>(bufs: &'a [IoSlice<'a>]) -> &'a [u8] {
    bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf)
}

/// Returns the context for a poll of the socket: with the waker of the client, if there is one and the wrapper is armed, or else with that of the
/// caller.
#[inline]
fn told<'a>(waker: Option<&'a Waker>, flags: Flags, caller: &'a Waker) -> Context<'a> {
    Context::from_waker(waker.filter(|_| flags.is_armed()).unwrap_or(caller))
}

/// After how many bytes without a read the wrapper checks whether a response has arrived (RFC 9112 §9.5). If a peer reads as fast as the client
/// writes, the writer never waits, and so hyper never reads. It is about what a socket takes at once.
const ASK_AFTER: usize = 256 * 1024;

/// How much of a long request the system may hold unsent. Otherwise it takes megabytes, which are still sent to a server that has refused the
/// request, while the refusal is on its way back.
const MOST_UNSENT: u32 = 256 * 1024;

/// How often the read side of a transport whose socket is not known is polled after a write has failed: some milliseconds. If there is a socket
/// below, the system knows of its end by then. But another thread may have to notice that and wake this one, and may wait for a processor.
const CHANCES: u16 = 4096;

/// After how many of these polls the thread yields its processor each time.
const QUICK: u16 = 16;

/// Whether a write error says that the peer does not read any more. It says nothing of what the peer has sent before.
fn peer_has_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected)
}
