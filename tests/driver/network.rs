//! What a resolver learns of changes of the network.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::connect::ConnectRequest;
use hyper_happy_eyeballs::resolve::{Answers, Epoch, Name, Resolve};
use tower::{ServiceExt, service_fn};

use crate::fakes::{Attempts, Fate, World, address, uri};

/// A connector whose resolver records the epoch of each name.
fn listening()
-> (HappyEyeballsConnector<impl Resolve<Stream: Send, Future: Send> + Clone, Attempts>, Arc<Mutex<Vec<Epoch>>>) {
    let heard: Arc<Mutex<Vec<Epoch>>> = Arc::default();
    let log = Arc::clone(&heard);
    let resolver = service_fn(move |name: Name| {
        log.lock().unwrap().push(name.epoch());
        ready(Ok::<_, Infallible>(Answers::list([address("A6")])))
    });
    (World::new([("A6", Fate::Connects(0))]).dial_by(resolver).build().unwrap(), heard)
}

#[tokio::test(start_paused = true)]
async fn a_resolver_hears_of_a_change_with_the_next_name_from_every_clone_of_the_connector() {
    let (connector, heard) = listening();
    let clone = connector.clone();
    for changes in [0, 0, 1, 0, 2] {
        (0..changes).for_each(|_| clone.network_changed());
        connector.clone().oneshot(uri()).await.unwrap();
    }
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard[0], heard[1]);
    assert!(heard[1] < heard[2]);
    assert_eq!(heard[2], heard[3]);
    assert!(heard[3] < heard[4]);
}

#[tokio::test(start_paused = true)]
async fn a_connector_hears_of_a_change_by_the_request_of_a_client() {
    let (connector, heard) = listening();
    let [old, new] = [later_epoch().await, later_epoch().await];
    connector.connect(ConnectRequest::new(uri()).with_epoch(new)).await.unwrap();
    // What a client has heard of is known to all from then on, and an older epoch is no news.
    connector.connect(ConnectRequest::new(uri()).with_epoch(old)).await.unwrap();
    let request = ConnectRequest::new(uri()).with_epoch(old);
    request.scope(connector.clone().oneshot(uri())).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), [new, new, new]);
    let newest = later_epoch().await;
    let request = ConnectRequest::new(uri()).with_epoch(newest);
    request.scope(connector.clone().oneshot(uri())).await.unwrap();
    assert_eq!(heard.lock().unwrap().last(), Some(&newest));
}

/// The epoch that a connector tells of after a change.
async fn later_epoch() -> Epoch {
    let (connector, heard) = listening();
    connector.network_changed();
    connector.oneshot(uri()).await.unwrap();
    heard.lock().unwrap()[0]
}
