//! The requests of the model.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use shuttle::future::JoinHandle;
use shuttle::sync::Mutex;

use super::network::{Near, Network};
use crate::client::bounds::Connector;
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::client::http1::handshake::handshake;
use crate::client::http1::wire::{Pool, Wire};
use crate::client::pool::{Acquired, Settings, current_runtime};
use crate::client::{Client, ResponseBody};
use crate::timer::read_clock;

/// Makes a client with this limit of connections.
pub(super) fn client<C: Connector>(connector: C, most: usize) -> Client<C> {
    Client::builder().max_connections_per_host(most).build(connector).unwrap()
}

/// Makes a pool with this limit of connections per host.
pub(super) fn pool(most: usize) -> Arc<Pool> {
    Arc::new(Pool::new(Settings {
        idle_timeout: None,
        max_age: None,
        max_idle_per_host: usize::MAX,
        max_connections_per_host: most,
        max_shared_per_host: 1,
    }))
}

pub(super) fn destination() -> Destination {
    Destination::take_from(&mut request(Method::GET, 1, Fed::default())).unwrap()
}

/// Makes an unused connection with a pool of its own.
pub(super) async fn wire(near: Near) -> Box<Wire> {
    let (pool, destination) = (pool(usize::MAX), destination());
    let Acquired::Dial(lease) = pool.acquire(&destination, current_runtime()) else { panic!("there is no connection") };
    let settings = crate::client::settings::Settings::default().requests.connections;
    handshake(TokioIo::new(near), &settings, pool, &destination, lease).await.unwrap()
}

/// Drops the client. Its connections are closed, and then its sweeper ends when time has passed: the deadline of an upload keeps it until then, even
/// if the upload has ended.
pub(super) async fn leave<C: Connector, F>(client: Client<C>, network: &Network<F>) {
    let pool = Arc::clone(&client.shared.pool);
    drop(client);
    network.all_closed().await;
    let_time_pass(&pool);
    pool.close();
}

/// Closes the uploads whose deadline has passed, as the sweeper of any runtime does.
pub(super) fn let_time_pass(pool: &Pool) {
    pool.close_overdue(read_clock() + Duration::from_secs(3600));
}

/// Makes a request with its number as the path, which the servers answer with.
pub(super) fn request(method: Method, number: usize, body: Fed) -> Request<Fed> {
    Request::builder().method(method).uri(format!("http://model.example/{number}")).body(body).unwrap()
}

/// Reads a response to its end, and checks that it belongs to this request.
pub(super) async fn read(response: Response<ResponseBody>, number: usize) -> Result<(), ClientError> {
    let body = response.into_body().collect().await?.to_bytes();
    assert_eq!(body, number.to_string(), "the response to another request");
    Ok(())
}

pub(super) async fn get<C: Connector>(client: &Client<C>, number: usize) -> Result<(), ClientError> {
    read(client.request(request(Method::GET, number, Fed::default())).await?, number).await
}

/// [`get`] in a task.
pub(super) fn spawn_get<C: Connector>(client: &Client<C>, number: usize) -> JoinHandle<Result<(), ClientError>> {
    let client = client.clone();
    shuttle::future::spawn(async move { get(&client, number).await })
}

/// A request body that a test feeds. By default it is empty.
#[derive(Clone, Default)]
pub(super) struct Fed(Option<Arc<Mutex<Feed>>>);

#[derive(Default)]
struct Feed {
    pieces: VecDeque<Bytes>,
    has_ended: bool,
    reader: Option<Waker>,
}

impl Fed {
    pub(super) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    fn change(&self, change: impl FnOnce(&mut Feed)) {
        let Some(feed) = &self.0 else { return };
        let reader = {
            let mut feed = feed.lock().unwrap();
            change(&mut feed);
            feed.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    pub(super) fn give(&self, piece: &'static str) {
        self.change(|feed| feed.pieces.push_back(Bytes::from(piece)));
    }

    pub(super) fn end(&self) {
        self.change(|feed| feed.has_ended = true);
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(feed) = &self.0 else { return Poll::Ready(None) };
        let mut feed = feed.lock().unwrap();
        match feed.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if feed.has_ended => Poll::Ready(None),
            None => {
                feed.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}
