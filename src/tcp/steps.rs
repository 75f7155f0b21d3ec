//! The texts for the steps of an attempt that may fail. In the line of an error the reason that the system gives follows.

use std::io;
use std::net::SocketAddr;

pub(super) const OPEN: &str = "could not open a socket";
pub(super) const INTERFACE: &str = "could not bind to the interface";
pub(super) const MARK: &str = "could not set the mark";
pub(super) const NO_LOCAL_ADDRESS: &str = "no local address to bind to";
pub(super) const LOCAL_ADDRESS: &str = "could not bind to the local address";
pub(super) const WATCH: &str = "could not watch the socket";

/// Returns the step at which the call of connect has failed. `None` if the kind of the error says enough: there is no route, or the fault is not on
/// this side.
#[cold]
pub(super) fn of_connect(error: &io::Error, destination: SocketAddr) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::TimedOut => None,
        // Linux returns EADDRNOTAVAIL for both cases, and EAGAIN for the second one if the socket was not bound.
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
    use super::super::platform;
    use super::*;
    use crate::outcome::{AttemptError, AttemptOutcome};

    /// Returns what the line of an error says of an attempt.
    fn said(error: AttemptError) -> String {
        AttemptOutcome::Failed(error).to_string()
    }

    /// The errors of Linux (`errno.h`).
    mod errno {
        pub(super) const EPERM: i32 = 1;
        pub(super) const EAGAIN: i32 = 11;
        pub(super) const ENOMEM: i32 = 12;
        pub(super) const EACCES: i32 = 13;
        pub(super) const ENODEV: i32 = 19;
        pub(super) const EINVAL: i32 = 22;
        pub(super) const ENFILE: i32 = 23;
        pub(super) const EMFILE: i32 = 24;
        pub(super) const ENOSPC: i32 = 28;
        pub(super) const EPROTO: i32 = 71;
        pub(super) const ENOPROTOOPT: i32 = 92;
        pub(super) const EAFNOSUPPORT: i32 = 97;
        pub(super) const EADDRINUSE: i32 = 98;
        pub(super) const EADDRNOTAVAIL: i32 = 99;
        pub(super) const ENETDOWN: i32 = 100;
        pub(super) const ENETUNREACH: i32 = 101;
        pub(super) const ECONNABORTED: i32 = 103;
        pub(super) const ECONNRESET: i32 = 104;
        pub(super) const ENOBUFS: i32 = 105;
        pub(super) const ETIMEDOUT: i32 = 110;
        pub(super) const ECONNREFUSED: i32 = 111;
        pub(super) const EHOSTUNREACH: i32 = 113;
    }

    /// Tests each step with each error that the system may return for it.
    #[test]
    fn each_step_and_each_error_of_the_system_has_its_words() {
        use errno::*;

        if !platform::HAS_ERRORS_OF_LINUX {
            return;
        }
        let at =
            |step: &'static str, errno: i32| said(AttemptError::new(io::Error::from_raw_os_error(errno)).at_step(step));
        for (step, errno, words) in [
            (OPEN, EMFILE, "could not open a socket: Too many open files (os error 24)"),
            (OPEN, ENFILE, "could not open a socket: Too many open files in system (os error 23)"),
            (OPEN, ENOBUFS, "could not open a socket: No buffer space available (os error 105)"),
            (OPEN, EACCES, "could not open a socket: Permission denied (os error 13)"),
            (OPEN, EAFNOSUPPORT, "could not open a socket: Address family not supported by protocol (os error 97)"),
            (INTERFACE, ENODEV, "could not bind to the interface: No such device (os error 19)"),
            (INTERFACE, EPERM, "could not bind to the interface: Operation not permitted (os error 1)"),
            (MARK, EPERM, "could not set the mark: Operation not permitted (os error 1)"),
            (
                LOCAL_ADDRESS,
                EADDRNOTAVAIL,
                "could not bind to the local address: Cannot assign requested address (os error 99)",
            ),
            (LOCAL_ADDRESS, EADDRINUSE, "could not bind to the local address: Address already in use (os error 98)"),
            (LOCAL_ADDRESS, EINVAL, "could not bind to the local address: Invalid argument (os error 22)"),
            (LOCAL_ADDRESS, ENODEV, "could not bind to the local address: No such device (os error 19)"),
            (LOCAL_ADDRESS, EACCES, "could not bind to the local address: Permission denied (os error 13)"),
            (WATCH, ENOSPC, "could not watch the socket: No space left on device (os error 28)"),
            (WATCH, ENOMEM, "could not watch the socket: Cannot allocate memory (os error 12)"),
        ] {
            assert_eq!(at(step, errno), words);
        }

        let of_connect = |errno: i32, destination: &str| {
            let error = io::Error::from_raw_os_error(errno);
            let step = of_connect(&error, destination.parse().unwrap());
            let error = AttemptError::new(error);
            said(if let Some(step) = step { error.at_step(step) } else { error })
        };
        for (errno, words) in [
            (EINVAL, "could not begin to connect: Invalid argument (os error 22)"),
            (EACCES, "could not begin to connect: Permission denied (os error 13)"),
            (EPERM, "could not begin to connect: Operation not permitted (os error 1)"),
            (ENOBUFS, "could not begin to connect: No buffer space available (os error 105)"),
            (EAFNOSUPPORT, "could not begin to connect: Address family not supported by protocol (os error 97)"),
            (EADDRNOTAVAIL, "no local address or port to connect from: Cannot assign requested address (os error 99)"),
            (EADDRINUSE, "no local address or port to connect from: Address already in use (os error 98)"),
            (EAGAIN, "no local address or port to connect from: Resource temporarily unavailable (os error 11)"),
            (ENETUNREACH, "network unreachable"),
            (EHOSTUNREACH, "host unreachable"),
            (ENETDOWN, "network down"),
            (ECONNREFUSED, "connection refused"),
        ] {
            assert_eq!(of_connect(errno, "192.0.2.1:80"), words);
        }
        assert_eq!(
            of_connect(EINVAL, "[fe80::1]:80"),
            "a link-local address takes a zone: Invalid argument (os error 22)"
        );
        assert_eq!(of_connect(EINVAL, "[fe80::1%7]:80"), "could not begin to connect: Invalid argument (os error 22)");

        // A failed handshake has no step.
        for (errno, words) in [
            (ECONNREFUSED, "connection refused"),
            (ECONNRESET, "connection reset"),
            (ECONNABORTED, "connection aborted"),
            (ETIMEDOUT, "timed out"),
            (EHOSTUNREACH, "host unreachable"),
            (ENETUNREACH, "network unreachable"),
            (EACCES, "Permission denied (os error 13)"),
            (EPROTO, "Protocol error (os error 71)"),
            (ENOPROTOOPT, "Protocol not available (os error 92)"),
        ] {
            assert_eq!(said(AttemptError::new(io::Error::from_raw_os_error(errno))), words);
        }
    }
}
