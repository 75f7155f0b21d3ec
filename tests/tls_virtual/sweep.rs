//! The measurements of "Lazy Eye Inspection" (see `tests/lazy_eye.rs`), of TLS: a server's handshake is delayed step by step. When is it left for the next
//! address?

use std::time::Duration;

use hyper_happy_eyeballs::StartReason;
use tower::ServiceExt;

use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, in_time, trusting, uri};
use crate::tls::conduct::Conduct;
use crate::world::{Path, World, ms};

/// When the second attempt is due, both in milliseconds after the start of the first: after the delay, or when the estimate of the handshake is over
/// (v3 §6.1: twice the time of TCP and 50 ms), at least 100 ms after TCP and at most 2 s after the start.
fn due(delay: u64, tcp: u64) -> u64 {
    // A start that is due is not put off.
    if tcp >= delay { delay } else { delay.max((tcp + (2 * tcp + 50).clamp(100, 2000)).min(2000)) }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_left_exactly_when_its_estimate_is_over() {
    let authority = Authority::new("a root");
    let conduct = Conduct::serves(&authority.server(&[HOST]));
    let mut switched = Vec::new();
    for (delay, tcp) in [
        // Too near for the estimate to matter.
        (250, 1),
        (250, 60),
        (250, 90),
        (250, 110),
        (250, 140),
        (250, 210),
        // Too far for TCP to be done before the delay has passed.
        (250, 300),
        // The least and the most that an estimate counts for.
        (10, 5),
        (1000, 910),
        (2000, 710),
    ] {
        let due = due(delay, tcp);
        let mut switches = 0;
        for tls in (0..=2000).step_by(25) {
            // At the very instant it is chance which task is polled first.
            if tcp + tls == due {
                continue;
            }
            let world = World::new([
                ("A6", Path::Leads(tcp, conduct.clone().after(ms(tls)))),
                ("A4", Path::Leads(0, conduct.clone())),
            ]);
            let builder = world.builder().connection_attempt_delay(ms(delay));
            let connector = builder.tls(trusting(&authority).session_hosts(0)).build().unwrap();
            let stream = in_time(connector.oneshot(uri())).await.unwrap();
            let (took, attempts) = (stream.info().elapsed(), stream.info().attempts());
            let what = format!("a delay of {delay} ms, TCP {tcp} ms, TLS {tls} ms: {attempts:?}");
            if tcp + tls < due {
                assert_eq!((attempts.len(), took), (1, ms(tcp + tls)), "{what}");
                assert_eq!(attempts[0].transport_after(), Some(ms(tcp)), "{what}");
            } else {
                assert_eq!((attempts.len(), took), (2, ms(due)), "{what}");
                assert_eq!((attempts[1].offset(), attempts[1].duration()), (ms(due), Duration::ZERO), "{what}");
                assert_eq!(attempts[1].reason(), StartReason::DelayElapsed, "{what}");
                switches += 1;
            }
        }
        switched.push((due, switches));
    }
    let expected = [
        (250, 71),
        (250, 73),
        (320, 71),
        (380, 70),
        (470, 67),
        (680, 62),
        (250, 81),
        (105, 76),
        (2000, 37),
        (2000, 29),
    ];
    assert_eq!(switched, expected, "when, and in how many steps of 81");
}

/// Before the first attempt has a transport, and after it has one, nothing but the estimate differs.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_far_away_is_given_as_much_time_as_it_took_to_reach() {
    for (tcp, expected) in [(10, 250), (100, 350), (120, 410), (200, 650), (240, 770)] {
        assert_eq!(due(250, tcp), expected);
        let authority = Authority::new("a root");
        let conduct = Conduct::serves(&authority.server(&[HOST]));
        let world = World::new([("A6", Path::Leads(tcp, Conduct::IsSilent)), ("A4", Path::Leads(0, conduct))]);
        let connector = world.builder().tls(trusting(&authority)).build().unwrap();
        let stream = in_time(connector.oneshot(uri())).await.unwrap();
        assert_eq!(stream.info().elapsed(), ms(expected), "TCP {tcp} ms");
    }
}
