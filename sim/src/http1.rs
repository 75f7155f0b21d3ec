//! HTTP/1.1 as the simulated server speaks it: a parser of requests, and a writer of responses. It shares no code with
//! the client under test.

use crate::plan::{Answer, Framing};

/// Returns the byte of a body at `offset`. It depends on the request, so that a byte of another body is noticed.
pub(crate) fn content(id: u32, offset: u64) -> u8 {
    (u64::from(id).wrapping_mul(167).wrapping_add(offset.wrapping_mul(31)) % 251) as u8
}

/// Returns the number in the path of a request, from the first bytes of its head.
pub(crate) fn request_id(head: &[u8]) -> Option<u32> {
    let path = head.splitn(3, |&byte| byte == b' ').nth(1)?.strip_prefix(b"/")?;
    std::str::from_utf8(path).ok()?.parse().ok()
}

/// An event in the bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A head is complete.
    Head,
    /// Bytes of a body.
    Data(&'a [u8]),
    /// The request is complete.
    End,
}

/// Parses the bytes of a client into requests.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    state: At,
    /// The incomplete line or head.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
}

impl Parser {
    /// Whether the next byte is the first of a request.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.state == At::Head && self.pending.is_empty()
    }

    /// Takes some of `bytes`. Returns how many, and the event after them.
    pub(crate) fn take<'a>(&mut self, bytes: &'a [u8]) -> Result<(usize, Option<Found<'a>>), String> {
        match self.state {
            At::Head => {
                let (taken, is_complete) = self.take_until(bytes, b"\r\n\r\n");
                if !is_complete {
                    return Ok((taken, None));
                }
                self.state = body_of(&self.pending)?;
                self.pending.clear();
                Ok((taken, Some(Found::Head)))
            }
            At::Length(0) => {
                self.state = At::Head;
                Ok((0, Some(Found::End)))
            }
            At::Length(left) => {
                let data = &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
                self.state = At::Length(left - data.len() as u64);
                Ok((data.len(), Some(Found::Data(data))))
            }
            At::ChunkSize => {
                let (taken, is_complete) = self.take_until(bytes, b"\r\n");
                if is_complete {
                    let line = String::from_utf8_lossy(&self.pending).into_owned();
                    let size =
                        u64::from_str_radix(line.trim(), 16).map_err(|_| format!("the chunk size is {line:?}"))?;
                    self.state = if size == 0 { At::Trailers } else { At::Chunk(size) };
                    self.pending.clear();
                }
                Ok((taken, None))
            }
            At::Chunk(0) => {
                self.state = At::ChunkEnd;
                Ok((0, None))
            }
            At::Chunk(left) => {
                let data = &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
                self.state = At::Chunk(left - data.len() as u64);
                Ok((data.len(), Some(Found::Data(data))))
            }
            At::ChunkEnd => {
                let (taken, is_complete) = self.take_until(bytes, b"\r\n");
                if is_complete {
                    if self.pending != b"\r\n" {
                        return Err("a chunk is longer than its size".to_owned());
                    }
                    self.state = At::ChunkSize;
                    self.pending.clear();
                }
                Ok((taken, None))
            }
            At::Trailers => {
                let (taken, is_complete) = self.take_until(bytes, b"\r\n");
                if !is_complete {
                    return Ok((taken, None));
                }
                let is_last = self.pending == b"\r\n";
                self.pending.clear();
                self.state = if is_last { At::Head } else { At::Trailers };
                Ok((taken, is_last.then_some(Found::End)))
            }
        }
    }

    /// Whether there may be another event without another byte.
    pub(crate) fn may_go_on(&self) -> bool {
        matches!(self.state, At::Length(0) | At::Chunk(0))
    }

    fn take_until(&mut self, bytes: &[u8], end: &[u8]) -> (usize, bool) {
        for (at, &byte) in bytes.iter().enumerate() {
            self.pending.push(byte);
            if byte == b'\n' && self.pending.ends_with(end) {
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
    }
}

/// Returns how a request with this head goes on.
fn body_of(head: &[u8]) -> Result<At, String> {
    let text = std::str::from_utf8(head).map_err(|_| "the head is not text".to_owned())?;
    let mut lines = text.trim_end().split("\r\n");
    let request_line = lines.next().unwrap_or_default();
    if !request_line.ends_with(" HTTP/1.1") || request_id(head).is_none() {
        return Err(format!("the request line is {request_line:?}"));
    }
    let (mut length, mut is_chunked, mut hosts) = (None, false, 0);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { return Err(format!("a field is {line:?}")) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" if length.is_some() => return Err("there are two lengths".to_owned()),
            "content-length" => length = Some(value.parse().map_err(|_| format!("the length is {value:?}"))?),
            "transfer-encoding" => is_chunked = value == "chunked",
            "host" => hosts += 1,
            _ => {}
        }
    }
    match (length, is_chunked) {
        _ if hosts != 1 => Err(format!("there are {hosts} Host fields")),
        (Some(_), true) => Err("there are a length and an encoding".to_owned()),
        (length, false) => Ok(At::Length(length.unwrap_or(0))),
        (None, true) => Ok(At::ChunkSize),
    }
}

/// An encoded response.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    /// How long its head is.
    pub(crate) head: usize,
    /// How many bytes of content it has.
    pub(crate) content: u64,
    /// Whether only the end of the connection shows that it is complete.
    pub(crate) until_close: bool,
}

/// Returns the field that says which request the response is for: the request's number, or the response's own number if it is for none.
pub(crate) fn for_whom(id: Option<u32>, number: usize) -> String {
    id.map_or_else(|| format!("nobody-{number}"), |id| id.to_string())
}

/// Writes response `number`, to request `id` or to none.
pub(crate) fn respond(answer: Answer, number: usize, id: Option<u32>, is_head: bool) -> Written {
    let for_whom = for_whom(id, number);
    let mut bytes = format!("HTTP/1.1 {} Said\r\nx-id: {for_whom}\r\n", answer.status).into_bytes();
    let has_content = !is_head && answer.status != 204 && answer.status != 304;
    let length = match answer.framing {
        Framing::Length(length)
        | Framing::Chunked(length)
        | Framing::Trailers(length)
        | Framing::UntilClose(length) => length,
    };
    match answer.framing {
        _ if answer.status == 204 => {}
        Framing::Length(length) => bytes.extend_from_slice(format!("content-length: {length}\r\n").as_bytes()),
        Framing::Chunked(_) | Framing::Trailers(_) => bytes.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::UntilClose(_) => {}
    }
    if answer.close {
        bytes.extend_from_slice(b"connection: close\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    let head = bytes.len();
    let until_close = has_content && matches!(answer.framing, Framing::UntilClose(_));
    if !has_content {
        return Written { bytes, head, content: 0, until_close };
    }
    let content: Vec<u8> = (0..u64::from(length)).map(|offset| content(id.unwrap_or(u32::MAX), offset)).collect();
    if matches!(answer.framing, Framing::Chunked(_) | Framing::Trailers(_)) {
        for chunk in content.chunks(CHUNK) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
    } else {
        bytes.extend_from_slice(&content);
    }
    Written { bytes, head, content: u64::from(length), until_close }
}

/// How long a chunk of a response is.
const CHUNK: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<String>, String> {
        let (mut parser, mut found, mut rest) = (Parser::default(), Vec::new(), bytes);
        while !rest.is_empty() || parser.may_go_on() {
            let (taken, next) = parser.take(rest)?;
            found.extend(next.map(|next| format!("{next:?}")));
            rest = &rest[taken..];
        }
        Ok(found)
    }

    #[test]
    fn requests_are_cut_where_they_end() {
        let get = "GET /1 HTTP/1.1\r\nhost: a\r\n\r\n";
        let put = "PUT /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab";
        let post = "POST /3 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
        let found = all([get, put, post].concat().as_bytes()).unwrap();
        assert_eq!(found, ["Head", "End", "Head", "Data([97, 98])", "End", "Head", "Data([97])", "End"]);
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        for text in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "GET /1 HTTP/1.1\r\n\r\n", "x\r\n\r\n"] {
            assert!(all(text.as_bytes()).is_err(), "{text}");
        }
        let both = "PUT /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(all(both.as_bytes()).is_err());
    }
}
