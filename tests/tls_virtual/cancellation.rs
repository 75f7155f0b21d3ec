//! A dropped connect leaves no attempt and no task, however far it was.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::support::origin::until;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, in_time, trusting, uri};
use crate::tls::conduct::Conduct;
use crate::world::{Path, World, ms};

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_dropped_in_any_phase_leaves_no_connection() {
    let authority = Authority::new("a root");
    let conduct = Conduct::serves(&authority.server(&[HOST]));
    // The transport of the first stands at 100, the second starts at 350, its transport stands at 380, and it is connected at 580.
    for (dropped, connections, hellos) in
        [(50, 0, 0), (99, 0, 0), (101, 1, 1), (349, 1, 1), (360, 1, 1), (400, 2, 2), (579, 2, 2)]
    {
        let world = World::new([
            ("A6", Path::Leads(100, Conduct::IsSilent)),
            ("A4", Path::Leads(30, conduct.clone().after(ms(200)))),
        ]);
        let connector = world.builder().tls(trusting(&authority)).build().unwrap();
        assert!(timeout(ms(dropped), connector.oneshot(uri())).await.is_err(), "dropped at {dropped}");
        let seen = world.seen();
        until(|| seen.closed() == connections).await;
        // What could have been started by a task that was left behind would have been by then.
        sleep(Duration::from_secs(60)).await;
        assert_eq!((seen.accepted(), seen.hellos().len()), (connections, hellos), "dropped at {dropped}");
        assert_eq!((seen.closed(), seen.handshakes()), (connections, 0), "dropped at {dropped}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_loser_of_a_race_is_closed_in_the_middle_of_its_handshake() {
    let authority = Authority::new("a root");
    let conduct = Conduct::serves(&authority.server(&[HOST]));
    let world = World::new([("A6", Path::Leads(100, Conduct::IsSilent)), ("A4", Path::Leads(30, conduct))]);
    let connector = world.builder().tls(trusting(&authority)).build().unwrap();
    let stream = in_time(connector.oneshot(uri())).await.unwrap();
    until(|| world.seen().closed() == 1).await;
    assert_eq!((world.seen().accepted(), world.seen().handshakes()), (2, 1));
    drop(stream);
    until(|| world.seen().closed() == 2).await;
}
