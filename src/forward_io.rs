//! Macros that implement I/O traits by forwarding to an inner connection.
//!
//! Each macro takes the type parameter of the connection in brackets, its type, and two expressions that reach the inner connection from `this`:
//! pinned, and shared.

/// Implements hyper's `Read` and `Write`.
macro_rules! forward_hyper_io {
    ([$($T:ident $(: $bound:lifetime)?)?] $type:ty, |$this:ident| $pinned:expr, $shared:expr) => {
        impl$(<$T: hyper::rt::Read $(+ $bound)?>)? hyper::rt::Read for $type {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: hyper::rt::ReadBufCursor<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = self;
                hyper::rt::Read::poll_read($pinned, cx, buf)
            }
        }

        $crate::forward_io::forward_writes!(
            hyper::rt::Write, [$($T $(: $bound)?)?] $type, |$this| $pinned, $shared
        );
    };
}

/// Implements tokio's `AsyncRead` and `AsyncWrite`.
macro_rules! forward_tokio_io {
    ([$($T:ident $(: $bound:lifetime)?)?] $type:ty, |$this:ident| $pinned:expr, $shared:expr) => {
        impl$(<$T: tokio::io::AsyncRead $(+ $bound)?>)? tokio::io::AsyncRead for $type {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = self;
                tokio::io::AsyncRead::poll_read($pinned, cx, buf)
            }
        }

        $crate::forward_io::forward_writes!(
            tokio::io::AsyncWrite, [$($T $(: $bound)?)?] $type, |$this| $pinned, $shared
        );
    };
}

/// Implements a writing trait of hyper or of tokio, which have the same methods.
macro_rules! forward_writes {
    ($Write:path, [$($T:ident $(: $bound:lifetime)?)?] $type:ty, |$this:ident| $pinned:expr, $shared:expr) => {
        impl$(<$T: $Write $(+ $bound)?>)? $Write for $type {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = self;
                <_ as $Write>::poll_write($pinned, cx, buf)
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = self;
                <_ as $Write>::poll_flush($pinned, cx)
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = self;
                <_ as $Write>::poll_shutdown($pinned, cx)
            }

            fn is_write_vectored(&self) -> bool {
                let $this = self;
                <_ as $Write>::is_write_vectored($shared)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = self;
                <_ as $Write>::poll_write_vectored($pinned, cx, bufs)
            }
        }
    };
}

pub(crate) use {forward_hyper_io, forward_tokio_io, forward_writes};
