//! Time limits of requests that share a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::{Method, Response};
use tokio::sync::Notify;

use super::*;

/// One silent response, one half, and one that is whole; all over one connection.
#[tokio::test(start_paused = true)]
async fn a_stream_that_takes_too_long_ends_alone() {
    let (client, servers) = client(1, |builder| builder.http2_prior_knowledge(true).timeout(ONE));
    let end = servers.take(0);
    let server = tokio::spawn(async move {
        let mut server = h2::server::handshake(end).await.unwrap();
        let mut kept = Vec::new();
        for number in 0.. {
            let Some(Ok((request, mut respond))) = server.accept().await else { break };
            if number > 0 {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                body.send_data("hello".into(), number > 1).unwrap();
                kept.push((None, Some(body)));
            } else {
                kept.push((Some((request, respond)), None));
            }
        }
    });
    let begun = Instant::now();
    let error = client.request(get()).await.unwrap_err();
    assert_eq!((error.timeout_phase(), begun.elapsed()), (Some(Phase::WaitingForResponse), ONE), "{error:?}");
    assert_eq!((error.processing(), error.bytes_written() > 0), (Processing::Unknown, true));

    let begun = Instant::now();
    let mut body = client.request(get()).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!((error.timeout_phase(), begun.elapsed()), (Some(Phase::ReadingBody), ONE), "{error:?}");
    assert!(error.bytes_read() > 0 && error.was_reused(), "{error:?}");
    assert!(body.frame().await.is_none());

    // All of it has arrived, and may be read late.
    let body = client.request(get()).await.unwrap().into_body();
    sleep(TWO).await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(servers.connected(), 1);
    server.abort();
}

/// What is read on the connection meanwhile is of the connection, or of a neighbour, and no answer.
#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_may_go_again_whatever_else_was_read() {
    for (has_neighbour, limit) in [(false, 3 * ONE), (true, ONE)] {
        for (method, may_retry) in [(Method::GET, true), (Method::POST, false)] {
            let (client, servers) = client(1, |builder| builder.http2_prior_knowledge(true));
            let end = servers.take(0);
            // It answers all requests but the second, and the PING that the client sends after a silence of a second.
            let server = tokio::spawn(async move {
                let mut server = h2::server::handshake(end).await.unwrap();
                let mut kept = Vec::new();
                for number in 0.. {
                    let Some(Ok((_, mut respond))) = server.accept().await else { break };
                    if number != 1 {
                        respond.send_response(Response::new(()), true).unwrap();
                    }
                    kept.push(respond);
                }
            });
            client.request(get()).await.unwrap();
            let mut request = get();
            *request.method_mut() = method;
            let mut request = spawn(client.request(with(request, TimeLimits::new().timeout(limit))));
            assert_pending!(request.poll());
            if has_neighbour {
                client.request(get()).await.unwrap();
            }
            let error = request.await.unwrap_err();
            assert_eq!(error.timeout_phase(), Some(Phase::WaitingForResponse), "{error:?}");
            assert!(error.bytes_written() > 0 && error.bytes_read() > 0, "something was read, and of another stream");
            assert_eq!((error.processing(), error.may_retry()), (Processing::Unknown, may_retry), "{error:?}");
            assert_eq!((error.http2_reason(), servers.connected()), (None, 1));
            server.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_takes_too_long() {
    let (client, servers) = client(1, |builder| builder.http2_prior_knowledge(true).timeout(ONE));
    let end = servers.take(0);
    let server = tokio::spawn(async move {
        let mut server = h2::server::handshake(end).await.unwrap();
        let _first = server.accept().await;
        server.accept().await;
    });
    let error = client.request(endless()).await.unwrap_err();
    assert_eq!(error.timeout_phase(), Some(Phase::SendingRequest), "{error:?}");
    server.abort();
}

/// More frames than are given without a pause for other tasks.
#[tokio::test(start_paused = true)]
async fn a_body_of_many_frames_that_has_arrived_is_read_late() {
    const FRAMES: usize = 200;
    let (client, servers) = client(1, |builder| builder.http2_prior_knowledge(true).timeout(ONE));
    let end = servers.take(0);
    let server = tokio::spawn(async move {
        let mut server = h2::server::handshake(end).await.unwrap();
        let (_, mut respond) = server.accept().await.unwrap().unwrap();
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        for frame in 1..=FRAMES {
            body.send_data("hello".into(), frame == FRAMES).unwrap();
        }
        server.accept().await;
    });
    let mut body = client.request(get()).await.unwrap().into_body();
    sleep(TWO).await;
    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        assert_eq!(frame.unwrap().into_data().unwrap(), "hello", "after {frames} frames");
        frames += 1;
    }
    assert_eq!(frames, FRAMES);
    server.abort();
}

/// All of the body is with h2, and the server reads nothing, so that its last bytes stay there.
#[tokio::test(start_paused = true)]
async fn a_request_that_the_server_does_not_take_is_being_sent() {
    let (client, servers) = client(1, |builder| builder.http2_prior_knowledge(true).timeout(ONE));
    let body = Full::new(Bytes::from(vec![0; 65_535])).map_err(|never| match never {}).boxed_unsync();
    let error = client.request(Request::post(URI).body(body).unwrap()).await.unwrap_err();
    assert_eq!(error.timeout_phase(), Some(Phase::SendingRequest), "{error:?}");
    assert!(error.bytes_written() > 0 && !error.may_retry(), "{error:?}");
    assert_eq!((error.processing(), servers.connected()), (Processing::Unknown, 1));
}

/// Either may be the one that has begun the dial.
#[tokio::test(start_paused = true)]
async fn a_dial_that_others_wait_for_goes_on() {
    for impatient in [0, 1] {
        let (gate, dials) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let ours = Arc::new(std::sync::Mutex::new(Some(fake::Fake::new(ours))));
        let connector = tower::service_fn({
            let (gate, dials) = (Arc::clone(&gate), Arc::clone(&dials));
            move |_: Uri| {
                dials.fetch_add(1, Ordering::Relaxed);
                let (gate, ours) = (Arc::clone(&gate), Arc::clone(&ours));
                async move {
                    gate.notified().await;
                    ours.lock().unwrap().take().map(TokioIo::new).ok_or_else(|| io::Error::other("one too many"))
                }
            }
        });
        let client = Client::builder().http2_prior_knowledge(true).build(connector).unwrap();
        let server = tokio::spawn(async move {
            let mut server = h2::server::handshake(theirs).await.unwrap();
            while let Some(Ok((_, mut respond))) = server.accept().await {
                respond.send_response(Response::new(()), true).unwrap();
            }
        });
        let ask = |number| {
            let limits = TimeLimits::new().timeout(if number == impatient { Some(ONE / 100) } else { None });
            spawn(client.request(with(get(), limits)))
        };
        let (mut first, mut second) = (ask(0), ask(1));
        assert_pending!(first.poll());
        assert_pending!(second.poll());
        advance(ONE / 100).await;
        let (mut limited, patient) = if impatient == 0 { (first, second) } else { (second, first) };
        let error = assert_ready!(limited.poll()).unwrap_err();
        let phase = if impatient == 0 { Phase::Connecting } else { Phase::WaitingForConnection };
        assert_eq!(error.timeout_phase(), Some(phase), "{error:?}");
        drop(limited);
        tokio::task::yield_now().await;
        gate.notify_one();
        assert!(patient.await.unwrap().status().is_success());
        assert_eq!(dials.load(Ordering::Relaxed), 1);
        server.abort();
    }
}
