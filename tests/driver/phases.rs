//! What the record of an attempt tells of its phases.

use crate::fakes::{connect, ms};
use crate::plan::Plan;
use crate::plan::Step::{Fails, Hangs, Progress, ShookHands, Takes};

#[tokio::test(start_paused = true)]
async fn the_record_of_an_attempt_tells_its_phases() {
    let plan = Plan::new([
        ("A6", &[Takes(5), Progress(100), Fails]),
        ("A4", &[Takes(40), Progress(2000), Hangs]),
        ("B6", &[Takes(20), Progress(100), Takes(30), ShookHands("TLS 1.3")]),
    ]);
    let connector = plan.dial("A6 A4 B6").connection_attempt_delay(ms(100));
    let stream = connect(connector).await.unwrap();
    // 40 ms after the start of the second one comes its progress, and the third one waits for 2 s from the start.
    let attempts: Vec<_> = stream.info().attempts().iter().collect();
    let after: Vec<_> = attempts.iter().map(|attempt| attempt.transport_after().unwrap()).collect();
    assert_eq!(after, [ms(5), ms(40), ms(20)]);
    let versions: Vec<_> =
        attempts.iter().map(|attempt| attempt.handshake().and_then(|handshake| handshake.protocol_version())).collect();
    assert_eq!(versions, [None, None, Some("TLS 1.3")]);
    let line = stream.info().winner().to_string();
    assert!(line.ends_with(" connected after 50 ms (transport 20 ms, TLS 1.3 30 ms)"), "{line}");
    let line = attempts[1].to_string();
    assert!(line.ends_with(" (transport 40 ms, handshake 2 s)"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_says_as_it_ends_is_in_its_record() {
    let plan = Plan::new([("A6", &[Progress(100), ShookHands("TLS 1.2")])]);
    let stream = connect(plan.dial("A6 A4")).await.unwrap();
    let winner = stream.info().winner();
    assert_eq!(winner.transport_after(), Some(ms(0)));
    assert_eq!(winner.handshake().and_then(|handshake| handshake.protocol_version()), Some("TLS 1.2"));
    let plan = Plan::new([("A6", &[])]);
    let stream = connect(plan.dial("A6 A4")).await.unwrap();
    assert_eq!((stream.info().winner().transport_after(), stream.info().winner().handshake()), (None, None));
}
