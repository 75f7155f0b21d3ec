//! Which step of an attempt failed, in words. The system's own reason follows them in the line of an error.

use std::io;
use std::net::SocketAddr;

pub(super) const OPEN: &str = "could not open a socket";
pub(super) const INTERFACE: &str = "could not bind to the interface";
pub(super) const MARK: &str = "could not set the mark";
pub(super) const NO_LOCAL_ADDRESS: &str = "no local address to bind to";
pub(super) const LOCAL_ADDRESS: &str = "could not bind to the local address";
pub(super) const WATCH: &str = "could not watch the socket";

/// The step at which the call of connect itself failed. `None` is for what the kind of the error says by itself: nobody is at fault on this side, or
/// there is no way out.
#[cold]
pub(super) fn of_connect(error: &io::Error, destination: SocketAddr) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::TimedOut => None,
        // Linux says EADDRNOTAVAIL for both, and EAGAIN for the second where nothing was bound.
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::WouldBlock => {
            Some("no local address or port to connect from")
        }
        io::ErrorKind::InvalidInput if lacks_zone(destination) => Some("a link-local address takes a zone"),
        _ => Some("could not begin to connect"),
    }
}

fn lacks_zone(destination: SocketAddr) -> bool {
    matches!(destination, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{AttemptError, AttemptOutcome};

    /// What the line of an error says of an attempt.
    fn said(error: AttemptError) -> String {
        AttemptOutcome::Failed(error).to_string()
    }

    /// Each step with each error that the system may have for it, by the numbers of Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn each_step_and_each_error_of_the_system_has_its_words() {
        use nix::errno::Errno;

        let at = |step: &'static str, errno: Errno| said(AttemptError::new(io::Error::from(errno)).at_step(step));
        for (step, errno, words) in [
            (OPEN, Errno::EMFILE, "could not open a socket: Too many open files (os error 24)"),
            (OPEN, Errno::ENFILE, "could not open a socket: Too many open files in system (os error 23)"),
            (OPEN, Errno::ENOBUFS, "could not open a socket: No buffer space available (os error 105)"),
            (OPEN, Errno::EACCES, "could not open a socket: Permission denied (os error 13)"),
            (
                OPEN,
                Errno::EAFNOSUPPORT,
                "could not open a socket: Address family not supported by protocol (os error 97)",
            ),
            (INTERFACE, Errno::ENODEV, "could not bind to the interface: No such device (os error 19)"),
            (INTERFACE, Errno::EPERM, "could not bind to the interface: Operation not permitted (os error 1)"),
            (MARK, Errno::EPERM, "could not set the mark: Operation not permitted (os error 1)"),
            (
                LOCAL_ADDRESS,
                Errno::EADDRNOTAVAIL,
                "could not bind to the local address: Cannot assign requested address (os error 99)",
            ),
            (
                LOCAL_ADDRESS,
                Errno::EADDRINUSE,
                "could not bind to the local address: Address already in use (os error 98)",
            ),
            (LOCAL_ADDRESS, Errno::EINVAL, "could not bind to the local address: Invalid argument (os error 22)"),
            (LOCAL_ADDRESS, Errno::ENODEV, "could not bind to the local address: No such device (os error 19)"),
            (LOCAL_ADDRESS, Errno::EACCES, "could not bind to the local address: Permission denied (os error 13)"),
            (WATCH, Errno::ENOSPC, "could not watch the socket: No space left on device (os error 28)"),
            (WATCH, Errno::ENOMEM, "could not watch the socket: Cannot allocate memory (os error 12)"),
        ] {
            assert_eq!(at(step, errno), words);
        }

        let of_connect = |errno: Errno, destination: &str| {
            let error = io::Error::from(errno);
            let step = of_connect(&error, destination.parse().unwrap());
            let error = AttemptError::new(error);
            said(if let Some(step) = step { error.at_step(step) } else { error })
        };
        for (errno, words) in [
            (Errno::EINVAL, "could not begin to connect: Invalid argument (os error 22)"),
            (Errno::EACCES, "could not begin to connect: Permission denied (os error 13)"),
            (Errno::EPERM, "could not begin to connect: Operation not permitted (os error 1)"),
            (Errno::ENOBUFS, "could not begin to connect: No buffer space available (os error 105)"),
            (Errno::EAFNOSUPPORT, "could not begin to connect: Address family not supported by protocol (os error 97)"),
            (
                Errno::EADDRNOTAVAIL,
                "no local address or port to connect from: Cannot assign requested address (os error 99)",
            ),
            (Errno::EADDRINUSE, "no local address or port to connect from: Address already in use (os error 98)"),
            (Errno::EAGAIN, "no local address or port to connect from: Resource temporarily unavailable (os error 11)"),
            (Errno::ENETUNREACH, "network unreachable"),
            (Errno::EHOSTUNREACH, "host unreachable"),
            (Errno::ENETDOWN, "network down"),
            (Errno::ECONNREFUSED, "connection refused"),
        ] {
            assert_eq!(of_connect(errno, "192.0.2.1:80"), words);
        }
        assert_eq!(
            of_connect(Errno::EINVAL, "[fe80::1]:80"),
            "a link-local address takes a zone: Invalid argument (os error 22)"
        );
        assert_eq!(
            of_connect(Errno::EINVAL, "[fe80::1%7]:80"),
            "could not begin to connect: Invalid argument (os error 22)"
        );

        // What becomes of a handshake has no step.
        for (errno, words) in [
            (Errno::ECONNREFUSED, "connection refused"),
            (Errno::ECONNRESET, "connection reset"),
            (Errno::ECONNABORTED, "connection aborted"),
            (Errno::ETIMEDOUT, "timed out"),
            (Errno::EHOSTUNREACH, "host unreachable"),
            (Errno::ENETUNREACH, "network unreachable"),
            (Errno::EACCES, "Permission denied (os error 13)"),
            (Errno::EPROTO, "Protocol error (os error 71)"),
            (Errno::ENOPROTOOPT, "Protocol not available (os error 92)"),
        ] {
            assert_eq!(said(AttemptError::new(io::Error::from(errno))), words);
        }
    }
}
