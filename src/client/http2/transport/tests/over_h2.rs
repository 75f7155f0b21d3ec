//! Tests with h2 on top: what h2 may lose, and what is known then.

use bytes::Bytes;
use futures_util::join;
use h2::client::{self, SendRequest};
use http::{Request, StatusCode};
use tokio::net::tcp::OwnedReadHalf;

use super::*;
use crate::client::http2::frames::Seen;

/// The server answers a long request after reading its head, and closes. Since the rest is unread, that becomes a reset at some point of the upload.
/// Without the transport most responses are lost; with it h2 still ends nearly all of them with an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complete_answer_is_returned_and_known_to_be_complete_whenever_the_reset_comes() {
    for _ in 0..100 {
        let (client, server) = connected().await;
        let observed = Observed::new(None);
        let transport = Transport::new(client, Arc::clone(&observed));
        #[expect(clippy::disallowed_methods, reason = "the reset has to come from another thread")]
        let server = tokio::spawn(refuse(server));
        let (sender, connection) = client::handshake(transport).await.unwrap();
        let (_ended, ()) = join!(connection, upload(sender, &observed));
        server.await.unwrap();
    }
}

/// The server sends GOAWAY, and a PING to learn which requests are still on their way: those that h2 has not sent yet must precede the answer.
#[tokio::test]
async fn requests_that_were_not_sent_when_a_goaway_came_are_sent_before_the_ping_is_answered() {
    let (client, mut server) = connected().await;
    let observed = Observed::new(None);
    let transport = Transport::new(client, Arc::clone(&observed));
    let (sender, mut connection) = client::handshake(transport).await.unwrap();
    let goaway = [&(u32::MAX >> 1).to_be_bytes()[..], &[0; 4]].concat();
    let said = [frame(4, 0, 0, &[]), frame(7, 0, 0, &goaway), frame(6, 0, 0, &[0; 8])].concat();
    server.write_all(&said).await.unwrap();
    let responses: Vec<_> = (0..10)
        .map(|_| sender.clone().send_request(Request::get("http://a.example/").body(()).unwrap(), true).unwrap().0)
        .collect();
    let read = async {
        server.read_exact(&mut [0; PREFACE.len()]).await.unwrap();
        let (mut heads, mut acknowledged) = (0, false);
        while !acknowledged {
            let mut header = [0; 9];
            server.read_exact(&mut header).await.unwrap();
            let length = usize::from(header[1]) << 8 | usize::from(header[2]);
            server.read_exact(&mut vec![0; length]).await.unwrap();
            heads += u32::from(header[3] == 1);
            acknowledged = header[3] == 6 && header[4] == 1;
        }
        heads
    };
    let heads = tokio::select! {
        ended = &mut connection => panic!("{ended:?}"),
        heads = read => heads,
    };
    assert_eq!(heads, 10);
    assert_eq!(observed.goaway().map(|goaway| goaway.last), Some(u32::MAX >> 1));
    drop(responses);
}

/// Uploads far more than any system takes, and expects a complete answer.
async fn upload(sender: SendRequest<Bytes>, observed: &Arc<Observed>) {
    let mut sender = sender.ready().await.unwrap();
    let (response, mut body) =
        sender.send_request(Request::post("http://a.example/").body(()).unwrap(), false).unwrap();
    let watched = observed.register(response.stream_id().as_u32());
    body.send_data(Bytes::from_static(&[0; 16 * 1024 * 1024]), false).unwrap();
    let (head, mut body) = response.await.unwrap().into_parts();
    assert_eq!(head.status, StatusCode::OK);
    let mut read = 0;
    // h2 may end the body with an error.
    while let Some(Ok(data)) = body.data().await {
        read += data.len() as u64;
    }
    assert!(watched.has_head() && watched.has_end());
    assert_eq!((read, watched.data()), (5, 5));
}

/// Opens the largest windows, reads the head of a request, answers, and closes.
async fn refuse(server: TcpStream) {
    let (mut reading, mut writing) = server.into_split();
    let largest_window = [&[0, 4][..], &MOST_WINDOW.to_be_bytes()].concat();
    let window_of_all = (MOST_WINDOW - 65_535).to_be_bytes();
    let settings = [frame(4, 0, 0, &largest_window), frame(8, 0, 0, &window_of_all)].concat();
    writing.write_all(&settings).await.unwrap();
    reading.read_exact(&mut [0; PREFACE.len()]).await.unwrap();
    read_head(&mut reading).await;
    writing.write_all(&answer()).await.unwrap();
}

async fn read_head(reading: &mut OwnedReadHalf) {
    let (mut frames, mut has_head) = (FrameReader::new(), false);
    while !has_head {
        let byte = reading.read_u8().await.unwrap();
        frames.read(&[byte], &mut |seen| has_head |= matches!(seen, Seen::Head { .. }));
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const MOST_WINDOW: u32 = (1 << 31) - 1;
