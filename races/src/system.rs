//! Queries to the system.

use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::runs::now;

/// Whether the peer's system acknowledges all bytes that were written to the socket within this time.
pub(crate) fn is_acknowledged(stream: &TcpStream, within: Duration) -> bool {
    let start = now();
    loop {
        if count(stream, libc::TIOCOUTQ) == 0 {
            return true;
        }
        if start.elapsed() > within {
            return false;
        }
        std::thread::yield_now();
    }
}

/// Whether there is something to read.
pub(crate) fn has_unread(stream: &TcpStream) -> bool {
    count(stream, libc::FIONREAD) > 0
}

#[expect(unsafe_code, reason = "there is no safe wrapper for the length of the send queue")]
fn count(stream: &TcpStream, request: libc::Ioctl) -> libc::c_int {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `stream` lives, and both requests store one `int` through the pointer.
    let status = unsafe { libc::ioctl(stream.as_raw_fd(), request, &raw mut bytes) };
    assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_fills_the_buffers_of_both_ends_is_unread_and_not_acknowledged() {
        let _alone = crate::DESCRIPTORS.lock();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        near.write_all(b"a few bytes").unwrap();
        assert!(is_acknowledged(&near, Duration::from_secs(60)) && has_unread(&far));
        near.set_nonblocking(true).unwrap();
        while near.write(&[0; 65536]).is_ok() {}
        assert!(!is_acknowledged(&near, Duration::from_millis(1)));
        drop(near);
        far.read_to_end(&mut Vec::new()).unwrap();
        assert!(!has_unread(&far));
    }
}
