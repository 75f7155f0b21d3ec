//! Request and response at the same time: the connection is shared by the task that drives it, the reader of the response, the feeder of the request,
//! and the deadline.

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

/// A number of two digits, so that the body of a response can arrive in two pieces.
const POST: usize = 10;
const GET: usize = 20;

/// Answers in the middle of each request with a body, piece by piece. Then reads the request to its end, and serves the next.
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

/// Feeds a request in a task. Ends it if `ends`.
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

/// The task may poll the connection while the response ends. The reader sees the end once the connection is closed, and is woken for it.
pub fn the_reader_is_told_of_the_end_whatever_the_task_is_at() {
    // Two switches at the right steps are rare, and a run is short.
    in_many_random_orders(20, || async {
        let (near, far) = Near::to_nobody();
        let mut wire = wire(near).await;
        // A settled connection is closed and not idle, so that the test can see it.
        wire.spent = true;
        let pool = Arc::clone(&wire.pool);
        let duplex = Duplex::start(wire, AfterResponse { bytes: 0, time: Duration::ZERO });
        poll_fn(|cx| duplex.poll_end(true, cx)).await;
        assert!(far.is_alone(), "the connection is still open");
        pool.close();
    });
}

/// The request ends before the response, after it, or in between. Afterwards the next request gets the connection.
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

/// The server sends the last byte of the response when it has read the whole request. Then the connection is idle before the reader sees the end, and
/// the next request gets it without waiting.
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

/// The reader is dropped at any moment, also while the task polls the connection. The next request gets the place.
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

/// The request does not end, but its deadline passes, whatever the task is doing.
pub fn an_upload_whose_time_is_over_gives_its_place_to_the_next_request() {
    // The deadline has to pass between two adjacent steps of the task.
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
