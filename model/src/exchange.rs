//! Sequential and parallel requests: the connection goes from the exchange to the pool, to waiting requests, and to the sweeper.

use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use super::caller::{client, get, leave, spawn_get};
use super::network::{Far, Network};
use super::{in_many_random_orders, in_random_orders};

/// Answers every request, and closes after some answers.
async fn answer_all(mut far: Far) {
    while let Some(path) = far.request().await {
        if thread_rng().gen_bool(0.5) {
            far.answer(&path);
        } else {
            // The head comes first, so that the body of the response is read by itself.
            far.write(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", path.len()));
            yield_now().await;
            far.write(&path);
        }
        if thread_rng().gen_bool(0.25) {
            return;
        }
    }
}

/// One connection serves all requests. It is handed to the next one even if the request whose turn it is has been cancelled.
pub fn a_connection_goes_from_request_to_request_although_some_are_cancelled() {
    // A grant just before the cancellation is rare.
    in_many_random_orders(4, || async {
        let network = Network::new(answer_all);
        let client = client(network.clone(), 1);
        let [first, given_up, last] = [1, 2, 3].map(|path| spawn_get(&client, path));
        // The request may by then wait for the connection, or have been granted it.
        for _ in 0..thread_rng().gen_range(0..64) {
            yield_now().await;
        }
        given_up.abort();
        first.await.unwrap().unwrap();
        last.await.unwrap().unwrap();
        // Everything that the cancelled request had is free again.
        get(&client, 4).await.unwrap();
        assert_eq!(network.most(), 1);
        leave(client, &network).await;
        drop(given_up);
    });
}

/// The server closes a connection while it becomes idle, while it is idle, or while it is taken again.
pub fn an_idle_connection_that_the_server_closes_is_closed_by_the_client() {
    in_random_orders(|| async {
        let network = Network::new(|mut far: Far| async move {
            if let Some(path) = far.request().await {
                far.answer(&path);
                yield_now().await;
                far.end();
                // The sweeper closes it, or the next request.
                far.sees_the_client_go().await;
            }
        });
        let client = client(network.clone(), usize::MAX);
        get(&client, 1).await.unwrap();
        get(&client, 2).await.unwrap();
        network.all_closed().await;
        leave(client, &network).await;
    });
}
