//! Calls of each kind, and how they end.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http::Uri;
use http::uri::PathAndQuery;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::{Code, Request, Status, Streaming};
use tower::timeout::Timeout;

use crate::server::Server;
use crate::text::Text;

const SHOUT: PathAndQuery = PathAndQuery::from_static("/test.Echo/Shout");
const COUNT: PathAndQuery = PathAndQuery::from_static("/test.Echo/Count");
const JOIN: PathAndQuery = PathAndQuery::from_static("/test.Echo/Join");
const TALK: PathAndQuery = PathAndQuery::from_static("/test.Echo/Talk");

type Http = Client<HappyEyeballsConnector>;

fn client() -> Http {
    Client::builder().http2_prior_knowledge(true).build(HappyEyeballsConnector::new()).unwrap()
}

fn origin(address: SocketAddr) -> Uri {
    format!("http://{address}").parse().unwrap()
}

/// A server, and who makes calls to it.
async fn connected() -> (Server, Http, Grpc<Http>) {
    let (server, client) = (Server::listen().await, client());
    let grpc = Grpc::with_origin(client.clone(), origin(server.address));
    (server, client, grpc)
}

async fn shout(mut grpc: Grpc<Http>, text: &str) -> Result<String, Status> {
    let reply = in_time(grpc.unary(Request::new(text.to_owned()), SHOUT, Text)).await?;
    Ok(reply.into_inner())
}

async fn count(mut grpc: Grpc<Http>, text: &str) -> Result<Streaming<String>, Status> {
    let reply = in_time(grpc.server_streaming(Request::new(text.to_owned()), COUNT, Text)).await?;
    Ok(reply.into_inner())
}

/// All messages, and the status behind them if it is an error.
async fn all(mut messages: Streaming<String>) -> (Vec<String>, Option<Status>) {
    let mut all = Vec::new();
    loop {
        match in_time(messages.message()).await {
            Ok(Some(message)) => all.push(message),
            Ok(None) => return (all, None),
            Err(status) => return (all, Some(status)),
        }
    }
}

/// A stream of the messages that are sent there.
fn messages(receiver: UnboundedReceiver<String>) -> impl futures_util::Stream<Item = String> + Send + 'static {
    stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|message| (message, receiver)))
}

/// A call that hangs fails.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it should have ended long ago")
}

/// Waits until the client has no stream any more.
async fn no_stream_is_left(client: &Http) {
    in_time(async {
        while client.pool_statistics().total.streams > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn unary_calls_share_a_connection() {
    let (_server, client, grpc) = connected().await;
    for text in ["", "a small message", &"a large message ".repeat(100_000)] {
        assert_eq!(shout(grpc.clone(), text).await.unwrap(), text.to_uppercase());
    }
    let statistics = client.pool_statistics().total;
    assert_eq!((statistics.idle, statistics.in_use, statistics.streams), (1, 0, 0));
}

#[tokio::test]
async fn a_stream_of_the_server_ends_with_its_status() {
    let (_server, client, grpc) = connected().await;
    let numbers: Vec<_> = (1..=1000).map(|number| number.to_string()).collect();
    let (all_of_them, status) = all(count(grpc.clone(), "1000").await.unwrap()).await;
    assert_eq!(all_of_them, numbers);
    assert!(status.is_none());
    let (all_of_them, status) = all(count(grpc.clone(), "3 fail").await.unwrap()).await;
    assert_eq!(all_of_them, numbers[..3]);
    let status = status.unwrap();
    assert_eq!((status.code(), status.message()), (Code::DataLoss, "it went wrong"));
    no_stream_is_left(&client).await;
}

#[tokio::test]
async fn a_stream_of_the_client_has_one_answer() {
    let (_server, client, mut grpc) = connected().await;
    let texts: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    let joined = texts.concat();
    let reply = in_time(grpc.client_streaming(Request::new(stream::iter(texts)), JOIN, Text)).await.unwrap();
    assert_eq!(reply.into_inner(), joined);
    let nothing = Request::new(stream::empty::<String>());
    assert_eq!(in_time(grpc.client_streaming(nothing, JOIN, Text)).await.unwrap().into_inner(), "");
    no_stream_is_left(&client).await;
}

#[tokio::test]
async fn a_server_that_has_enough_is_heard_while_the_client_goes_on() {
    let (_server, client, mut grpc) = connected().await;
    let endless = stream::iter(["more", "enough"].map(str::to_owned)).chain(stream::pending());
    let status = in_time(grpc.client_streaming(Request::new(endless), JOIN, Text)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "it is enough"));
    no_stream_is_left(&client).await;
}

#[tokio::test]
async fn both_sides_talk_in_turn() {
    let (_server, client, mut grpc) = connected().await;
    let (says, said) = unbounded_channel();
    let mut heard = in_time(grpc.streaming(Request::new(messages(said)), TALK, Text)).await.unwrap().into_inner();
    for number in 0..1000 {
        // The next message is not sent before the last one was answered.
        says.send(format!("text {number}")).unwrap();
        assert_eq!(in_time(heard.message()).await.unwrap().unwrap(), format!("TEXT {number}"));
    }
    drop(says);
    assert_eq!(in_time(heard.message()).await.unwrap(), None);
    no_stream_is_left(&client).await;
}

#[tokio::test]
async fn an_error_that_is_all_of_the_answer_has_its_details() {
    let (_server, client, grpc) = connected().await;
    let status = shout(grpc.clone(), "fail").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "there is no such text"));
    assert_eq!(status.metadata().get("reason").unwrap(), "none");
    let status = count(grpc.clone(), "x").await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let mut unknown = grpc.clone();
    let path = PathAndQuery::from_static("/test.Echo/Whisper");
    let status = in_time(unknown.unary(Request::new(String::new()), path, Text)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(shout(grpc, "after all").await.unwrap(), "AFTER ALL");
    no_stream_is_left(&client).await;
}

#[tokio::test]
async fn a_deadline_is_kept_by_the_server() {
    let (mut server, client, mut grpc) = connected().await;
    let mut request = Request::new("wait".to_owned());
    request.set_timeout(Duration::from_millis(50));
    let status = in_time(grpc.unary(request, SHOUT, Text)).await.unwrap_err();
    assert_eq!(status.message(), "Timeout expired");
    in_time(server.hear_of_one_given_up()).await;
    no_stream_is_left(&client).await;
}

#[tokio::test]
async fn a_deadline_is_kept_by_the_client_and_the_server_hears_of_it() {
    let (mut server, client, _) = connected().await;
    let limited = Timeout::new(client.clone(), Duration::from_millis(50));
    let mut grpc = Grpc::with_origin(limited, origin(server.address));
    let call = grpc.unary(Request::new("wait".to_owned()), SHOUT, Text);
    in_time(call).await.unwrap_err();
    in_time(server.hear_of_one_given_up()).await;
    no_stream_is_left(&client).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_at_the_server_and_no_other_does() {
    let (mut server, client, grpc) = connected().await;
    let (says, said) = unbounded_channel();
    let mut talking = grpc.clone();
    let mut heard = in_time(talking.streaming(Request::new(messages(said)), TALK, Text)).await.unwrap().into_inner();
    let mut numbers = count(grpc.clone(), "2 wait").await.unwrap();
    assert_eq!(in_time(numbers.message()).await.unwrap().unwrap(), "1");
    drop(numbers);
    in_time(server.hear_of_one_given_up()).await;
    tokio::select! {
        // The server reports that the call has arrived.
        biased;
        reply = shout(grpc.clone(), "wait") => panic!("{reply:?}"),
        reply = shout(grpc.clone(), "beside") => assert_eq!(reply.unwrap(), "BESIDE"),
    }
    in_time(server.hear_of_one_given_up()).await;
    says.send("still here".to_owned()).unwrap();
    assert_eq!(in_time(heard.message()).await.unwrap().unwrap(), "STILL HERE");
    drop((says, heard));
    no_stream_is_left(&client).await;
    assert_eq!(client.pool_statistics().total.idle, 1);
}

#[tokio::test]
async fn a_call_whose_server_goes_has_an_error_and_never_an_end() {
    let (server, client, grpc) = connected().await;
    let mut numbers = count(grpc.clone(), "1 wait").await.unwrap();
    assert_eq!(in_time(numbers.message()).await.unwrap().unwrap(), "1");
    drop(server);
    in_time(numbers.message()).await.unwrap_err();
    no_stream_is_left(&client).await;
    assert!(shout(grpc, "nobody is there").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_once_are_answered() {
    let (_server, client, grpc) = connected().await;
    let mut calls = JoinSet::new();
    for number in 0..1000 {
        let grpc = grpc.clone();
        calls.spawn(async move {
            if number % 2 == 0 {
                let (numbers, status) = all(count(grpc, &number.to_string()).await.unwrap()).await;
                assert_eq!((numbers.len(), status.map(|status| status.code())), (number, None));
            } else {
                let text = number.to_string().repeat(number);
                assert_eq!(shout(grpc, &text).await.unwrap(), text);
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    no_stream_is_left(&client).await;
    assert_eq!(client.pool_statistics().total.idle, 1);
}
