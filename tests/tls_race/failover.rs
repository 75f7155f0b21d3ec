//! Addresses that accept a connection, and then do no TLS.

use std::time::Duration;

use hyper::StatusCode;
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind};
use hyper_happy_eyeballs::{Client, ConnectInfo, StartReason};

use crate::pacing::earliest;
use crate::tls::authority::Authority;
use crate::tls::canned;
use crate::tls::clients::{HOST, connect, in_time, trusting, uri};
use crate::tls::conduct::Conduct;
use crate::{builder, listen, outcomes, patient_connector};

#[tokio::test]
async fn the_next_address_is_tried_at_once_where_the_first_fails_in_tls() {
    let authority = Authority::new("a root");
    for (conduct, says) in [
        (Conduct::Closes, "the server closed during the TLS handshake"),
        (Conduct::Says(canned::HANDSHAKE_FAILURE.to_vec()), "the server sent the TLS alert HandshakeFailure"),
        (Conduct::Says(canned::GARBAGE.to_vec()), "the server does not speak TLS"),
        (Conduct::ServesInPlain, "the server does not speak TLS"),
    ] {
        let broken = listen(conduct).await;
        let good = listen(Conduct::serves(&authority.server(&[HOST]))).await;
        let client = Client::new(patient_connector(trusting(&authority), &[&broken, &good]));
        let response = in_time(client.get(uri())).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let info: &ConnectInfo = response.extensions().get().unwrap();
        let expected = [format!("[0] first: {says}"), "[1] previous failed: connected".into()];
        assert_eq!(outcomes(info.attempts(), &[&broken, &good]), expected);
        broken.sees_all_closed(1).await;
        assert_eq!((good.accepted(), good.handshakes()), (1, 1));
    }
}

#[tokio::test]
async fn an_address_that_is_silent_in_tls_costs_one_delay() {
    let authority = Authority::new("a root");
    let silent = listen(Conduct::IsSilent).await;
    let good = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let stream = connect(&builder(&[&silent, &good]).tls(trusting(&authority)).build().unwrap()).await.unwrap();
    let [first, second] = stream.info().attempts() else { panic!("{:?}", stream.info()) };
    assert_eq!(second.reason(), StartReason::DelayElapsed);
    assert!(second.offset() >= earliest(first), "{second:?} after {first:?}");
    assert_eq!(outcomes(stream.info().attempts(), &[&silent, &good])[0], "[0] first: lost to another attempt");
    silent.sees_all_closed(1).await;
}

#[tokio::test]
async fn a_single_address_that_is_silent_in_tls_is_an_error_when_the_handshake_has_taken_too_long() {
    let authority = Authority::new("a root");
    let silent = listen(Conduct::IsSilent).await;
    let limit = Duration::from_millis(300);
    let connector = patient_connector(trusting(&authority).handshake_timeout(limit), &[&silent]);
    let error = connect(&connector).await.unwrap_err();
    assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Timeout);
    let [attempt] = error.attempts() else { panic!("{error:?}") };
    assert!(attempt.duration() >= attempt.transport_after().unwrap() + limit, "{attempt:?}");
    silent.sees_all_closed(1).await;
}

#[tokio::test]
async fn a_connect_that_is_dropped_in_the_middle_of_tls_leaves_no_connection() {
    let authority = Authority::new("a root");
    let silent = listen(Conduct::IsSilent).await;
    let connector = patient_connector(trusting(&authority), &[&silent, &silent]);
    for dropped in 1..=3 {
        let mut connecting = Box::pin(connect(&connector));
        tokio::select! {
            result = &mut connecting => panic!("{result:?}"),
            () = crate::support::origin::until(|| silent.hellos().len() == dropped) => {}
        }
        drop(connecting);
        silent.sees_all_closed(dropped).await;
    }
}
