//! The client's statistics: how many connections of each kind it has, and which of them each response came over.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use hyper::{Request, Response, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::{ConnectionUse, Connector, PoolStatistics, ResponseBody};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::service_fn;

use crate::peer::{OK, Peer, both, client, fed, get, in_time, post, read};
use crate::support::origin::until;

const PART: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no";

/// Asserts the totals: idle, in use, dialling and waiting.
#[track_caller]
fn assert_counts<C>(client: &Client<C>, expected: [usize; 4]) {
    let statistics = client.pool_statistics();
    let counts = statistics.total;
    assert_eq!([counts.idle, counts.in_use, counts.dialing, counts.waiting], expected, "{statistics:?}");
    let sum = |count: fn(&hyper_happy_eyeballs::client::ConnectionCounts) -> usize| {
        statistics.hosts.iter().map(|host| count(&host.counts)).sum::<usize>()
    };
    let of_hosts = [sum(|counts| counts.idle), sum(|counts| counts.in_use)];
    assert_eq!(of_hosts, [counts.idle, counts.in_use]);
    assert_eq!([sum(|counts| counts.dialing), sum(|counts| counts.waiting)], [counts.dialing, counts.waiting]);
}

/// A connector to `peer` that never completes after this many connects.
fn connects(peer: &Peer, times: usize) -> impl Connector + use<> {
    let (address, left) = (peer.address(), Arc::new(AtomicUsize::new(times)));
    service_fn(move |_: Uri| {
        let connects = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        async move {
            if !connects {
                pending::<()>().await;
            }
            Ok::<_, io::Error>(TokioIo::new(TcpStream::connect(address).await?))
        }
    })
}

#[tokio::test]
async fn a_connection_is_in_use_while_its_response_is_read_and_idle_after_that() {
    let (peer, client) = (Peer::listen().await, client());
    assert_eq!(client.pool_statistics(), PoolStatistics::default());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(PART).await;
        conn
    };
    let (mut conn, response) = both(server, client.get(peer.uri("/"))).await;
    assert_counts(&client, [0, 1, 0, 0]);
    conn.send("k").await;
    read(response.unwrap()).await;
    assert_counts(&client, [1, 0, 0, 0]);
    let (_, response) = both(conn.answer(PART), client.get(peer.uri("/"))).await;
    assert_counts(&client, [0, 1, 0, 0]);
    // The connection is closed, since the rest of the response has not arrived.
    drop(response);
    assert_eq!(client.pool_statistics(), PoolStatistics::default());
}

#[tokio::test]
async fn a_request_on_its_way_uses_its_connection_and_so_does_the_rest_of_an_upload() {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        assert_counts(&client, [0, 1, 0, 0]);
        conn.send(OK).await;
        conn
    };
    let (mut conn, response) = both(server, client.request(post(peer.uri("/"), body))).await;
    read(response.unwrap()).await;
    assert_counts(&client, [0, 1, 0, 0]);
    drop(feed);
    conn.body("0\r\n\r\n").await;
    until(|| client.pool_statistics().total.idle == 1).await;
    assert_counts(&client, [1, 0, 0, 0]);
    client.close_idle();
    assert_eq!(client.pool_statistics(), PoolStatistics::default());
}

#[tokio::test]
async fn a_dial_counts_until_there_is_a_connection_or_nobody_wants_one() {
    let peer = Peer::listen().await;
    let client = Client::new(connects(&peer, 0));
    assert_counts(&client, [0, 0, 0, 0]);
    {
        let mut requests = [client.get(peer.uri("/")), client.get(peer.uri("/")), client.get("http://b.test/")];
        assert_counts(&client, [0, 0, 0, 0]);
        for request in &mut requests {
            assert!(futures_util::poll!(request).is_pending());
        }
        assert_counts(&client, [0, 0, 3, 0]);
        let hosts: Vec<_> = client.pool_statistics().hosts;
        let origins: Vec<_> = hosts.iter().map(|host| (&*host.origin, host.counts.dialing)).collect();
        assert_eq!(origins, [(&*format!("http://{}", peer.address()), 2), ("http://b.test", 1)]);
    }
    assert_eq!(client.pool_statistics(), PoolStatistics::default());
}

#[tokio::test]
async fn requests_beyond_the_maximum_wait_and_those_that_give_up_do_not_count() {
    let peer = Peer::listen().await;
    let client = Client::builder().max_connections_per_host(1).build(connects(&peer, 1)).unwrap();
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(PART).await;
        conn
    };
    let (mut conn, response) = both(server, client.get(peer.uri("/"))).await;
    let mut waiting = client.get(peer.uri("/"));
    let mut gives_up = client.get(peer.uri("/"));
    assert!(futures_util::poll!(&mut waiting).is_pending() && futures_util::poll!(&mut gives_up).is_pending());
    assert_counts(&client, [0, 1, 0, 2]);
    drop(gives_up);
    assert_counts(&client, [0, 1, 0, 1]);
    conn.send("k").await;
    read(response.unwrap()).await;
    // The waiting request got the connection, so it is not idle.
    assert_counts(&client, [0, 1, 0, 0]);
    let (_, response) = both(conn.answer(OK), waiting).await;
    read(response.unwrap()).await;
    assert_counts(&client, [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_retry_dials_in_the_place_of_the_connection_that_died() {
    let peer = Peer::listen().await;
    let client = Client::new(connects(&peer, 1));
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.head().await;
        drop(conn);
        until(|| client.pool_statistics().total.dialing == 1).await;
        assert_counts(&client, [0, 0, 1, 0]);
    };
    let requests = async {
        read(client.get(peer.uri("/")).await.unwrap()).await;
        client.get(peer.uri("/")).await
    };
    tokio::select! {
        () = in_time(server) => {}
        _ = requests => unreachable!("the second connect takes for ever"),
    }
}

/// Returns which connection a response came over, and whether it was reused.
fn connection_use(response: &Response<ResponseBody>) -> (u64, bool) {
    let connection = response.extensions().get::<ConnectionUse>().unwrap();
    (connection.id(), connection.is_reused())
}

#[tokio::test]
async fn every_response_says_which_connection_it_came_over() {
    // With extensions of the connector's, and without them.
    let peer = Peer::listen().await;
    assert_uses(&peer, &client()).await;
    assert_uses(&peer, &Client::new(peer.connector())).await;
}

async fn assert_uses<C: Connector>(peer: &Peer, client: &Client<C>) {
    let server = async {
        let mut first = peer.accept().await;
        first.answer(OK).await;
        first.answer(OK).await;
        first.answer(PART).await;
        let mut second = peer.accept().await;
        second.answer(OK).await;
        second.answer(OK).await;
        (first, second)
    };
    let requests = async {
        let mut uses = Vec::new();
        for _ in 0..2 {
            let response = client.request(get(peer.uri("/"))).await.unwrap();
            uses.push(connection_use(&response));
            read(response).await;
        }
        let unread = client.get(peer.uri("/")).await.unwrap();
        uses.push(connection_use(&unread));
        for _ in 0..2 {
            let request = Request::put(peer.uri("/")).body(String::new()).unwrap();
            let response = client.request(request).await.unwrap();
            uses.push(connection_use(&response));
            read(response).await;
        }
        uses
    };
    let (_, uses) = both(server, requests).await;
    let (first, second) = (uses[0].0, uses[3].0);
    assert_ne!(first, second);
    assert_eq!(uses, [(first, false), (first, true), (first, true), (second, false), (second, true)]);
}
