//! The server of the rows that count and time requests: on one thread, and as little of it as possible.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World!";

/// Says its port, and answers until it is killed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
}

/// Answers every head, none of which has a body.
async fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::with_capacity(4096);
    while matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
        if buffer.starts_with(PREFACE) {
            return drop(answer_streams(stream, buffer).await);
        }
        if buffer.ends_with(b"\r\n\r\n") {
            buffer.clear();
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}

/// The same over HTTP/2, one write for all that one read asks for. Windows are left out: no client leaves as much unread as would fill one.
async fn answer_streams(mut stream: TcpStream, mut buffer: Vec<u8>) -> io::Result<()> {
    buffer.drain(..PREFACE.len());
    let mut answers = frame(SETTINGS, 0, &[0; 4], &[]);
    loop {
        let mut rest = buffer.as_slice();
        while let Some((header, after)) = rest.split_first_chunk::<9>() {
            let &[l1, l2, l3, kind, flags, ref stream @ ..] = header;
            let Some((payload, after)) = after.split_at_checked(u32::from_be_bytes([0, l1, l2, l3]) as usize) else {
                break;
            };
            match kind {
                HEADERS => {
                    answers.extend(frame(HEADERS, END_HEADERS, stream, HEAD));
                    answers.extend(frame(DATA, END_STREAM, stream, BODY));
                }
                SETTINGS | PING if flags & ACK == 0 => {
                    answers.extend(frame(kind, ACK, stream, answer_to(kind, payload)))
                }
                _ => {}
            }
            rest = after;
        }
        let taken = buffer.len() - rest.len();
        buffer.drain(..taken);
        stream.write_all(&answers).await?;
        answers.clear();
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// A ping is acknowledged with what it had, settings with nothing.
fn answer_to(kind: u8, payload: &[u8]) -> &[u8] {
    if kind == PING { payload } else { &[] }
}

fn frame(kind: u8, flags: u8, stream: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], stream, payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `:status` 200, and `content-length` with its value (RFC 7541 §6.1 and §6.2.2).
const HEAD: &[u8] = b"\x88\x0f\x0d\x0213";
const BODY: &[u8] = b"Hello, World!";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
