use std::io;

use super::*;
use crate::outcome::BoxError;
use crate::outcome::ConnectError;

/// Returns the error of a request that was sent again, if `has_sent` after a part of it had been sent.
fn after(error: ClientError, has_sent: bool, covered: bool) -> ClientError {
    error.after(
        "origin.example:8080".to_owned(),
        Sendings { retries: has_sent.into(), has_sent, covered, ..Sendings::default() },
    )
}

fn transferred(kind: Kind, bytes_written: u64, bytes_read: u64) -> ClientError {
    let mut error = ClientError::new(kind, None);
    error.inner.transfer = Transfer { bytes_written, bytes_read, ..Transfer::default() };
    error
}

#[track_caller]
fn check(error: ClientError, is_permanent: bool, may_retry: bool) {
    assert_eq!((error.is_permanent(), error.may_retry()), (is_permanent, may_retry), "{error:?}");
}

const FALSE_AND_TRUE: [bool; 2] = [false, true];

#[test]
fn whatever_was_not_sent_may_be_sent_unless_it_would_fail_again() {
    for covered in FALSE_AND_TRUE {
        let connect = |error: BoxError| after(ClientError::connect(error), false, covered);
        check(connect("out of descriptors".into()), false, true);
        check(connect(AttemptError::new("the certificate is not accepted").permanent().into()), true, false);
        for invalid in [
            connect(ConnectError::invalid_uri("it has no host", None).into()),
            connect(io::Error::other(ConnectError::invalid_uri("it has no host", None)).into()),
        ] {
            assert!(invalid.is_invalid_request() && !invalid.is_connect(), "{invalid:?}");
            assert!(invalid.connect_error().is_some_and(ConnectError::is_invalid_uri), "{invalid:?}");
            check(invalid, true, false);
        }
        check(after(transferred(Kind::Canceled, 0, 0), false, covered), false, true);
        // Bytes that were read before the request was taken were not its response.
        check(after(transferred(Kind::Canceled, 0, 9), false, covered), false, true);
        check(after(transferred(Kind::Closed, 0, 0), false, covered), false, true);
    }
}

#[test]
fn what_was_sent_may_be_sent_again_if_it_is_covered_and_nothing_was_read() {
    for covered in FALSE_AND_TRUE {
        check(after(transferred(Kind::Closed, 99, 0), false, covered), false, covered);
        check(after(transferred(Kind::Closed, 99, 1), false, covered), false, false);
        check(after(transferred(Kind::InvalidResponse, 99, 1), false, covered), false, false);
    }
}

#[test]
fn what_an_earlier_connection_has_sent_counts() {
    for covered in FALSE_AND_TRUE {
        check(after(ClientError::connect("out of descriptors"), true, covered), false, covered);
        check(after(transferred(Kind::Canceled, 0, 0), true, covered), false, covered);
        check(after(transferred(Kind::Closed, 0, 0), true, covered), false, covered);
    }
}

#[test]
fn what_is_not_the_connection_s_fault_is_not_to_be_retried() {
    for covered in FALSE_AND_TRUE {
        check(ClientError::invalid_request("it has several Host fields"), true, false);
        check(after(ClientError::request_body(None, Transfer::default()), false, covered), false, false);
        check(after(transferred(Kind::RequestBody, 99, 0), false, covered), false, false);
    }
    check(transferred(Kind::ResponseBody, 99, 99), false, false);
}

#[test]
fn a_request_that_was_turned_away_before_was_sent_and_not_processed() {
    let unsent: [fn() -> ClientError; 2] = [|| ClientError::connect("refused"), || transferred(Kind::Canceled, 0, 0)];
    for error in unsent {
        let after = |sendings| error().after("origin.example:8080".to_owned(), sendings);
        assert_eq!(after(Sendings::default()).processing(), Processing::Unsent);
        let error = after(Sendings { retries: 1, was_turned_away: true, ..Sendings::default() });
        assert_eq!(
            (error.processing(), error.is_canceled(), error.may_retry()),
            (Processing::Unprocessed, false, true)
        );
    }
}

#[test]
fn no_connection_names_the_host_once() {
    let line = |error: BoxError| after(ClientError::connect(error), false, false).to_string();
    assert_eq!(line("out of descriptors".into()), "no connection to origin.example:8080: out of descriptors");
    let invalid = ConnectError::invalid_uri("the scheme is https, not http", None);
    assert_eq!(line(invalid.into()), "invalid request: invalid URI: the scheme is https, not http");
}

#[test]
fn the_causes_begin_behind_the_connector_s_error_whose_text_the_line_has() {
    let unsupported = ConnectError::unsupported("origin.example", 8080, "the connector does no TLS");
    let invalid = ConnectError::invalid_uri("an unknown zone", Some("no such device".into()));
    for (error, line, cause) in [
        (
            io::Error::other(unsupported).into(),
            "could not connect to origin.example:8080: the connector does no TLS",
            None,
        ),
        (BoxError::from(invalid), "invalid request: invalid URI: an unknown zone", Some("no such device")),
    ] {
        let error = after(ClientError::connect(error), false, false);
        assert_eq!(error.to_string(), line);
        assert_eq!(error.source().map(ToString::to_string).as_deref(), cause);
        let found = ConnectError::find(&error).unwrap();
        assert!(std::ptr::eq(found, error.connect_error().unwrap()) && line.ends_with(&found.to_string()));
    }
    // A layer's error around the connector's says something of its own.
    #[derive(Debug)]
    struct OfLayer(ConnectError);
    impl fmt::Display for OfLayer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no connection in three tries")
        }
    }
    impl StdError for OfLayer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
    let unsupported = ConnectError::unsupported("origin.example", 8080, "the connector does no TLS");
    let layered = after(ClientError::connect(OfLayer(unsupported)), false, false);
    assert!(layered.source().unwrap().is::<OfLayer>() && layered.connect_error().is_some());
    // The error of another connector is the cause, and the only place where its type can be found.
    let other = after(ClientError::connect(io::Error::from(io::ErrorKind::TimedOut)), false, false);
    assert!(other.source().unwrap().is::<io::Error>() && ConnectError::find(&other).is_none());
}

#[test]
fn an_error_s_debug_says_nothing_twice() {
    let error = ClientError::connect(io::Error::other(AttemptError::new("out of descriptors").at_step("no socket")));
    assert_eq!(
        format!("{:?}", after(error, false, false)),
        "ClientError(no connection to origin.example:8080: no socket: out of descriptors)"
    );
}

#[test]
fn the_connect_error_behind_a_body_is_not_that_of_its_request() {
    let body = ConnectError::invalid_uri("it has no host", None);
    let error = after(ClientError::request_body(Some(body.into()), Transfer::default()), false, true);
    assert!(error.connect_error().is_none() && ConnectError::find(&error).is_some());
    check(error, false, false);
}

#[test]
fn only_a_time_limit_without_a_connection_counts_as_connecting() {
    let phase = |error: ClientError| (error.is_timeout(), error.timeout_phase());
    let timed_out = || BoxError::from(io::Error::from(io::ErrorKind::TimedOut));
    assert_eq!(phase(ClientError::connect(timed_out())), (true, Some(Phase::Connecting)));
    assert_eq!(phase(ClientError::connect("out of descriptors")), (false, None));
    // A connection that had taken the request was given up as dead.
    assert_eq!(phase(ClientError::new(Kind::Closed, Some(timed_out()))), (true, None));
}

#[test]
fn a_request_that_took_too_long_may_be_sent_again_as_far_as_the_server_cannot_have_acted_on_it() {
    let timed_out = |phase, bytes_written, bytes_read| {
        let limit = TimedOut { limit: Limit::Total, after: std::time::Duration::from_secs(1), phase };
        transferred(Kind::TimedOut(limit), bytes_written, bytes_read)
    };
    for covered in FALSE_AND_TRUE {
        for phase in [Phase::WaitingForConnection, Phase::Connecting, Phase::SendingRequest, Phase::WaitingForResponse]
        {
            let unsent = after(timed_out(phase, 0, 0), false, covered);
            assert_eq!(unsent.processing(), Processing::Unsent, "{unsent:?}");
            check(unsent, false, true);
            // An earlier connection had sent the request.
            let sent = after(timed_out(phase, 0, 0), true, covered);
            assert_eq!(sent.processing(), Processing::Unknown, "{sent:?}");
            check(sent, false, covered);
        }
        check(after(timed_out(Phase::WaitingForResponse, 99, 0), false, covered), false, covered);
        check(after(timed_out(Phase::WaitingForResponse, 99, 1), false, covered), false, false);
        let body = after(timed_out(Phase::ReadingBody, 99, 99), false, covered);
        assert_eq!(body.processing(), Processing::Answered);
        check(body, false, false);
    }
}
