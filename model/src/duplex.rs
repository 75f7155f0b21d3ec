//! Request and response at the same time: the connection between the task that drives it, the reader of the response, whoever feeds
//! the request, and the end of its time.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use shuttle::future::yield_now;

use super::caller::{Fed, client, get, leave, let_time_pass, read, request, spawn_get, wire};
use super::network::{Far, Near, Network};
use super::primitives::spawn;
use super::{in_many_random_orders, in_random_orders};
use crate::client::http1::duplex::Duplex;
use crate::client::request::after_response::AfterResponse;

/// Of two digits, so that the body of a response can come in two pieces.
const POST: usize = 10;
const GET: usize = 20;

/// Answers in the middle of each request that has a body, piece by piece; reads the request to its end, and goes on.
async fn answer_early(mut far: Far) {
    while let Some(path) = far.request().await {
        far.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
        for digit in [&path[..1], &path[1..]] {
            yield_now().await;
            far.write(digit);
        }
        if path == POST.to_string() && far.read_until("0\r\n\r\n").await.is_none() {
            return;
        }
    }
}

/// Feeds a request in a task, and ends it or not.
fn feed(fed: &Fed, ends: bool) {
    let fed = fed.clone();
    spawn(async move {
        for piece in ["one", "two"] {
            fed.give(piece);
            yield_now().await;
        }
        if ends {
            fed.end();
        }
    });
}

/// The task polls the connection while the response ends: the reader sees the end when the connection is closed, and it does see it.
pub fn the_reader_is_told_of_the_end_whatever_the_task_is_at() {
    // Two switches at the right steps are rare, and a run is short.
    in_many_random_orders(20, || async {
        let (near, far) = Near::to_nobody();
        let mut wire = wire(near).await;
        // It is closed when it is settled, and not idle, which could not be seen from here.
        wire.spent = true;
        let pool = Arc::clone(&wire.pool);
        let duplex = Duplex::start(wire, AfterResponse { bytes: 0, time: Duration::ZERO });
        poll_fn(|cx| duplex.poll_end(true, cx)).await;
        assert!(far.is_alone(), "the connection is still open");
        pool.close();
    });
}

/// The request ends before the response, after it, or between: the next request has the connection then.
pub fn a_connection_comes_home_from_request_and_response_whichever_ends_first() {
    in_random_orders(|| async {
        let network = Network::new(answer_early);
        let (client, fed) = (client(network.clone(), 1), Fed::new());
        feed(&fed, true);
        let response = client.request(request(Method::POST, POST, fed)).await.unwrap();
        let next = spawn_get(&client, GET);
        read(response, POST).await.unwrap();
        next.await.unwrap().unwrap();
        assert_eq!((network.made(), network.most()), (1, 1));
        leave(client, &network).await;
    });
}

/// The response has its last byte when the server has read the whole request: then the connection is idle before the reader sees the
/// end, and the next request has it without waiting.
pub fn the_end_of_a_response_is_reported_when_its_connection_is_home() {
    in_random_orders(|| async {
        let network = Network::new(|mut far: Far| async move {
            while let Some(path) = far.request().await {
                far.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
                far.write(&path[..1]);
                if path == POST.to_string() && far.read_until("0\r\n\r\n").await.is_none() {
                    return;
                }
                far.write(&path[1..]);
            }
        });
        let (client, fed) = (client(network.clone(), 2), Fed::new());
        feed(&fed, true);
        let response = client.request(request(Method::POST, POST, fed)).await.unwrap();
        read(response, POST).await.unwrap();
        get(&client, GET).await.unwrap();
        assert_eq!(network.made(), 1);
        leave(client, &network).await;
    });
}

/// The reader goes away at any moment, also while the task polls the connection: the next request has the place.
pub fn a_response_that_is_dropped_gives_its_place_to_the_next_request() {
    in_random_orders(|| async {
        let network = Network::new(answer_early);
        let (client, fed) = (client(network.clone(), 1), Fed::new());
        feed(&fed, true);
        let response = client.request(request(Method::POST, POST, fed)).await.unwrap();
        let reader = shuttle::future::spawn(read(response, POST));
        let next = spawn_get(&client, GET);
        reader.abort();
        next.await.unwrap().unwrap();
        assert_eq!(network.most(), 1);
        leave(client, &network).await;
        drop(reader);
    });
}

/// The request has no end: its time has, whatever the task is at just then.
pub fn an_upload_whose_time_is_over_gives_its_place_to_the_next_request() {
    // The time has to end between two steps of the task that are next to each other.
    in_many_random_orders(4, || async {
        let network = Network::new(answer_early);
        let (client, fed) = (client(network.clone(), 1), Fed::new());
        feed(&fed, false);
        let response = client.request(request(Method::POST, POST, fed)).await.unwrap();
        let next = spawn_get(&client, GET);
        read(response, POST).await.unwrap();
        let_time_pass(&client.shared.pool);
        next.await.unwrap().unwrap();
        get(&client, GET).await.unwrap();
        assert_eq!(network.most(), 1);
        leave(client, &network).await;
    });
}
