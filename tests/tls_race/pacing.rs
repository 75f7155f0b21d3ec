//! How many servers begin a handshake in vain.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hyper_happy_eyeballs::connect::ConnectInfo;
use hyper_happy_eyeballs::{Attempt, StartReason};

use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connect, trusting};
use crate::tls::conduct::Conduct;
use crate::{builder, listen};

const CONNECTS: usize = 100;
const DELAY: Duration = Duration::from_millis(250);

/// The records of so many connects, four at a time, to a server that answers a ClientHello after this time, with another one in the list; and the number
/// of connections that the other one accepted.
async fn connects(answers_after: Duration) -> (Vec<ConnectInfo>, usize) {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    let first = listen(Conduct::serves(&identity).after(answers_after)).await;
    let other = listen(Conduct::serves(&identity)).await;
    let connector = builder(&[&first, &other]).tls(trusting(&authority).session_hosts(0)).build().unwrap();
    let connects = stream::iter(0..CONNECTS).map(|_| connect(&connector)).buffer_unordered(4);
    let infos: Vec<_> = connects.map_ok(|stream| stream.info().clone()).try_collect().await.unwrap();
    other.accepts(infos.iter().filter(|info| info.attempts().len() > 1).count()).await;
    (infos, other.accepted())
}

/// When the attempt after `first` is due at the earliest, after the start of the race.
pub(crate) fn earliest(first: &Attempt) -> Duration {
    let transport = first.transport_after().expect("the server accepts every connection");
    // The estimate does not postpone a start that is already due.
    let estimate = if transport < DELAY { transport + Duration::from_millis(100) } else { DELAY };
    first.offset() + DELAY.max(estimate)
}

/// And at the latest: when the estimate of the handshake is over. A busy machine adds to the time of the transport as it is recorded here, and not to that
/// which the estimate is made of.
fn latest(first: &Attempt) -> Duration {
    let transport = first.transport_after().expect("the server accepts every connection");
    let estimate = 2 * transport + Duration::from_millis(50);
    earliest(first).max(first.offset() + transport + estimate.min(Duration::from_secs(2)))
}

#[tokio::test]
async fn a_server_that_answers_soon_has_no_second_attempt_beside_it() {
    let (infos, accepted) = connects(Duration::from_millis(20)).await;
    assert_eq!(infos.len(), CONNECTS);
    let mut slow = 0;
    for info in &infos {
        // Only on a busy machine may a connect take longer than the delay.
        if let [first, second, ..] = info.attempts() {
            assert_eq!(second.reason(), StartReason::DelayElapsed);
            assert!(second.offset() >= earliest(first), "{info:?}");
            slow += 1;
        }
    }
    assert_eq!(accepted, slow, "connections of the other server");
}

#[tokio::test]
async fn a_server_that_answers_late_has_one_exactly_where_the_estimate_is_over() {
    let answers_after = Duration::from_millis(400);
    let (infos, accepted) = connects(answers_after).await;
    let mut seconds = 0;
    for info in &infos {
        match info.attempts() {
            // No timer of this runtime is heard of later than one that is due later.
            [first] => assert!(latest(first) >= answers_after, "{info:?}"),
            [first, second] => {
                assert!(second.offset() >= earliest(first), "{info:?}");
                assert_eq!(second.reason(), StartReason::DelayElapsed);
                seconds += 1;
            }
            _ => panic!("{info:?}"),
        }
    }
    assert_eq!(accepted, seconds, "connections of the other server");
    assert!(seconds > CONNECTS / 2, "hardly any connect took longer than the delay: {seconds}");
}
