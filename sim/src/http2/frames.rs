//! Frames (RFC 9113 §4 and §6).

/// A frame of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Data {
        stream: u32,
        data: Vec<u8>,
        ends: bool,
    },
    Headers {
        stream: u32,
        block: Vec<u8>,
        ends: bool,
    },
    Reset {
        stream: u32,
    },
    /// SETTINGS, with the initial window if it is set.
    Settings {
        window: Option<u32>,
    },
    SettingsAck,
    Ping(Vec<u8>),
    Window {
        stream: u32,
        bytes: u32,
    },
    Other,
}

/// Parses the bytes of a client into frames.
#[derive(Debug, Default)]
pub(super) struct Reader {
    has_preface: bool,
    pending: Vec<u8>,
    /// How much of `pending` was taken.
    at: usize,
}

impl Reader {
    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.drain(..std::mem::take(&mut self.at));
        self.pending.extend_from_slice(bytes);
    }

    /// Returns the next frame, if it is complete.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, String> {
        if !self.has_preface {
            let Some(preface) = self.take(PREFACE.len()) else { return Ok(None) };
            if preface != PREFACE {
                return Err(format!("the preface is {:?}", String::from_utf8_lossy(&preface)));
            }
            self.has_preface = true;
        }
        let Some(&[l1, l2, l3, kind, flags, s1, s2, s3, s4]) = self.pending.get(self.at..self.at + 9) else {
            return Ok(None);
        };
        let len = u32::from_be_bytes([0, l1, l2, l3]) as usize;
        let stream = u32::from_be_bytes([s1, s2, s3, s4]);
        if self.pending.len() < self.at + 9 + len {
            return Ok(None);
        }
        self.at += 9;
        let payload = self.take(len).unwrap_or_default();
        let word =
            |at: usize| payload.get(at..at + 4).and_then(<[u8]>::first_chunk).map(|word| u32::from_be_bytes(*word));
        let ends = flags & END_STREAM != 0;
        Ok(Some(match kind {
            DATA => Frame::Data { stream, data: payload, ends },
            HEADERS if flags & END_HEADERS != 0 => Frame::Headers { stream, block: payload, ends },
            HEADERS | CONTINUATION => return Err("a head has more than one frame".to_owned()),
            RST_STREAM => Frame::Reset { stream },
            SETTINGS if flags & ACK != 0 => Frame::SettingsAck,
            SETTINGS => {
                let mut all = payload.chunks_exact(6);
                let window = all.find(|setting| setting.starts_with(&INITIAL_WINDOW_SIZE.to_be_bytes()));
                let window = window.and_then(|setting| setting.last_chunk()).map(|word| u32::from_be_bytes(*word));
                Frame::Settings { window }
            }
            PING if flags & ACK == 0 => Frame::Ping(payload),
            WINDOW_UPDATE => Frame::Window { stream, bytes: word(0).unwrap_or(0) },
            _ => Frame::Other,
        }))
    }

    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        let taken = self.pending.get(self.at..self.at + len)?.to_vec();
        self.at += len;
        Some(taken)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(super) fn data(stream: u32, data: &[u8], ends: bool) -> Vec<u8> {
    frame(DATA, u8::from(ends) * END_STREAM, stream, data)
}

pub(super) fn headers(stream: u32, block: &[u8], ends: bool) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | (u8::from(ends) * END_STREAM), stream, block)
}

pub(super) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// Encodes SETTINGS with the given values.
pub(super) fn settings(most: Option<u32>, window: Option<u32>) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in [(MAX_CONCURRENT_STREAMS, most), (INITIAL_WINDOW_SIZE, window)] {
        if let Some(value) = value {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
    }
    frame(SETTINGS, 0, 0, &payload)
}

pub(super) fn settings_ack() -> Vec<u8> {
    frame(SETTINGS, ACK, 0, &[])
}

pub(super) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, &[7; 8])
}

pub(super) fn pong(payload: &[u8]) -> Vec<u8> {
    frame(PING, ACK, 0, payload)
}

pub(super) fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

pub(super) fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_where_they_end_whatever_pieces_they_come_in() {
        let bytes = [PREFACE, &settings(Some(1), Some(9)), &data(1, b"ab", true), &window(3, 5), &reset(1, 8)].concat();
        let expected = [
            Frame::Settings { window: Some(9) },
            Frame::Data { stream: 1, data: b"ab".to_vec(), ends: true },
            Frame::Window { stream: 3, bytes: 5 },
            Frame::Reset { stream: 1 },
        ];
        for size in [1, 7, 1000] {
            let (mut reader, mut found) = (Reader::default(), Vec::new());
            for piece in bytes.chunks(size) {
                reader.push(piece);
                while let Some(frame) = reader.next().unwrap() {
                    found.push(frame);
                }
            }
            assert_eq!(found, expected, "pieces of {size}");
        }
    }

    #[test]
    fn what_does_not_begin_with_the_preface_is_an_error() {
        let mut reader = Reader::default();
        reader.push(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert!(reader.next().is_err());
    }
}
