//! A task that makes the plan's requests, and reports their outcomes.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::Request;
use http_body::Body as _;
use hyper_happy_eyeballs::client::{Client, Connector, ResponseBody, RetryBody};

use crate::body::{Content, Wait};
use crate::judge;
use crate::net::World;
use crate::plan::{Ask, Reading};

/// Makes the requests one after the other. Each has a number.
pub(crate) async fn call<C: Connector>(world: Arc<World>, client: Client<C>, asks: Vec<(u32, Ask)>) {
    for (id, ask) in asks {
        Wait::new(ask.pause).await;
        exchange(&world, &client, id, &ask).await;
        world.with(|state| state.ledger.requests[id as usize].is_done = true);
    }
}

async fn exchange<C: Connector>(world: &Arc<World>, client: &Client<C>, id: u32, ask: &Ask) {
    world.with(|state| {
        let now = state.stamp();
        state.ledger.requests[id as usize].asked = Some(now);
    });
    let request = request(world, id, ask);
    let mut response = pin!(match world.with(|state| state.plan.client.retry_bodies) {
        true => client.request(request.map(RetryBody::new)),
        false => client.request(request),
    });
    let mut cancel = ask.cancel.map(Wait::new);
    let result = poll_fn(|cx| {
        if let Poll::Ready(result) = response.as_mut().poll(cx) {
            return Poll::Ready(Some(result));
        }
        match &mut cancel {
            Some(cancel) => Pin::new(cancel).poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await;
    let Some(result) = result else {
        world.with(|state| state.ledger.note(0x60_0000 + u64::from(id)));
        return;
    };
    let response = match result {
        Ok(response) => response,
        Err(error) => return world.with(|state| judge::on_error(state, id, &error)),
    };
    let whose = response.headers().get("x-id").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let status = response.status().as_u16();
    let Some(answer) = world.with(|state| judge::on_head(state, id, status, &whose)) else { return };
    let (read, end) = read(response.into_body(), ask.reading).await;
    world.with(|state| judge::on_body(state, id, answer, &read, &end, ask.reading));
}

fn request(world: &Arc<World>, id: u32, ask: &Ask) -> Request<Content> {
    let scheme = if world.with(|state| state.plan.client.alpn) { "https" } else { "http" };
    let uri = format!("{scheme}://h{}.test/{id}", ask.host);
    let mut request = Request::builder().method(ask.method.as_str()).uri(uri);
    if ask.key {
        request = request.header("idempotency-key", "1");
    }
    if ask.expect {
        request = request.header("expect", "100-continue");
    }
    let body = Content::new(Arc::clone(world), id, ask.body.clone());
    request.body(body).expect("a number makes a path")
}

/// How a body ended.
#[derive(Debug)]
pub(crate) enum BodyEnd {
    Properly {
        has_trailers: bool,
    },
    Failed(String),
    /// It was not read to its end.
    Dropped,
}

/// Reads a body as the plan says.
async fn read(body: ResponseBody, reading: Reading) -> (Vec<u8>, BodyEnd) {
    let mut body = pin!(body);
    let (mut read, mut has_trailers) = (Vec::new(), false);
    if let Reading::Hold(pause) = reading {
        Wait::new(pause).await;
        return (read, BodyEnd::Dropped);
    }
    for frames in 0.. {
        match reading {
            Reading::Stop(most) if frames == most => return (read, BodyEnd::Dropped),
            Reading::Slow(pause) => Wait::new(pause).await,
            _ => {}
        }
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => break,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => read.extend_from_slice(&data),
                Err(_trailers) => has_trailers = true,
            },
            Some(Err(error)) => return (read, BodyEnd::Failed(format!("{error:?}"))),
        }
        if body.is_end_stream() {
            break;
        }
    }
    (read, BodyEnd::Properly { has_trailers })
}
