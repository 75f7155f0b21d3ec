//! The read half, which goes on to the response or to the end after a write has failed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;

use tokio::io::{AsyncRead, ReadBuf};

use super::handle::ResponseFirstHandle;
use super::{CHANCES, QUICK, ResponseFirst, socket, there, told};
use crate::wake_later::wake_later;

impl<T: AsyncRead> AsyncRead for ResponseFirst<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let mut inner = there(this.inner.as_pin_mut());
        let flags = this.handle.flags();
        let before = buf.filled().len();
        if flags.only_swallows() && this.waker.is_none() && *this.put_off == 0 {
            // A shortcut for most reads of HTTP/2.
            let read = ready!(inner.as_mut().poll_read(cx, buf));
            let bytes = buf.filled().len() - before;
            if read.is_ok() && bytes > 0 {
                this.handle.on_read(bytes);
                return Poll::Ready(Ok(()));
            }
            return end(this.handle, read, buf);
        }
        let mut cx = told(this.waker.as_ref(), flags, cx.waker());
        if flags.holds_reads() {
            // The first write wakes the reader again.
            this.handle.hold_back();
            return Poll::Pending;
        }
        let most = this.handle.allowance().readable();
        if most == 0 {
            wake_later(cx.waker());
            return Poll::Pending;
        }
        let goes_first = *this.put_off > 0;
        if goes_first {
            *this.put_off = 0;
        }
        let mut read = if buf.remaining() <= most {
            inner.as_mut().poll_read(&mut cx, buf)
        } else {
            read_part(inner.as_mut(), &mut cx, buf, most)
        };
        if read.is_pending() {
            if !goes_first && !flags.is_broken_or_looks() {
                return Poll::Pending;
            }
            // Ask the system: the runtime may not have noticed the data or the end yet.
            let most = if goes_first || flags.is_broken() { most } else { most.min(A_LOOK) };
            let read_at_once = |stream| socket::read_at_once(stream, buf, most);
            match socket(&*inner, this.below.as_ref()).map(read_at_once) {
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Some(result) => read = Poll::Ready(result),
                None => read = wait_for_reads(this.handle, this.chances, &cx),
            }
        }
        match ready!(read) {
            Ok(()) if buf.filled().len() > before => {
                *this.unasked = 0;
                if *this.chances > 0 {
                    *this.chances = CHANCES;
                }
                this.handle.on_read(buf.filled().len() - before);
                this.recognition.on_read(&buf.filled()[before..], this.handle);
                Poll::Ready(Ok(()))
            }
            read => end(this.handle, read, buf),
        }
    }
}

/// Handles a read that has given no bytes: the end, or an error.
fn end(handle: &ResponseFirstHandle, read: io::Result<()>, buf: &ReadBuf<'_>) -> Poll<io::Result<()>> {
    if read.is_ok() && buf.remaining() == 0 {
        // The caller's buffer was empty.
        return Poll::Ready(read);
    }
    handle.on_read_end();
    let nothing_read = handle.bytes_read() == 0;
    let write_error = handle.take_write_error_if(|kind| nothing_read || !follows_an_end(kind));
    Poll::Ready(write_error.map_or(read, Err))
}

/// Reads at most `most` bytes.
#[cold]
fn read_part<T: AsyncRead>(
    inner: Pin<&mut T>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    most: usize,
) -> Poll<io::Result<()>> {
    let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
    ready!(inner.poll_read(cx, &mut part))?;
    let bytes = part.filled().len();
    buf.advance(bytes);
    Poll::Ready(Ok(()))
}

/// Handles a read without data of a transport whose socket is not known. After a write error it is polled some more times, each after the runtime has
/// polled its sockets. Then the reader gets the write error.
#[cold]
fn wait_for_reads(handle: &ResponseFirstHandle, chances: &mut u16, cx: &Context<'_>) -> Poll<io::Result<()>> {
    if *chances == 0 {
        return Poll::Pending;
    }
    *chances -= 1;
    if *chances == 0 {
        if let Some(error) = handle.take_write_error() {
            return Poll::Ready(Err(error));
        }
    }
    if *chances < CHANCES - QUICK {
        thread::yield_now();
    }
    wake_later(cx.waker());
    Poll::Pending
}

/// Whether the end that a read sees is real although a write has failed with this error. After a broken pipe it is: the peer has ended its side
/// first, and then reset the connection. Any other write error was taken from the socket instead of by a read, so that without it a response that
/// was cut off would seem to be complete.
fn follows_an_end(error: io::ErrorKind) -> bool {
    error == io::ErrorKind::BrokenPipe
}

/// The most bytes that a look at an idle connection reads. Usually there is nothing, and the buffer has to be zeroed for the read.
const A_LOOK: usize = 1024;
