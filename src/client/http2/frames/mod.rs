//! Reads the headers of the frames that pass (RFC 9113 §4.1), and of their payloads only the few bytes that are needed.
//!
//! Nothing is validated here: h2 gets the same bytes, and ends a connection that breaks the protocol. A frame is reported when all of it has passed,
//! since h2 acts only on whole frames.

/// Finds the frames in a peer's bytes, in whatever pieces those are read.
pub(super) struct FrameReader {
    header: Prefix<HEADER_LEN>,
    /// The frame under way, once its header is complete.
    frame: Option<Frame>,
    /// The field block that CONTINUATION frames continue.
    block: Option<Block>,
    /// The part that has passed of the setting under way.
    setting: Prefix<SETTING_LEN>,
    /// SETTINGS_MAX_CONCURRENT_STREAMS of the SETTINGS frame under way.
    max_streams: Option<u32>,
}

/// A frame that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Settings of the peer, not an acknowledgement of ours; with SETTINGS_MAX_CONCURRENT_STREAMS, if that is among them.
    Settings { max_streams: Option<u32> },
    /// A field block is complete: that of a response, interim ones included, or trailers. Its frames had `len` bytes, with their headers. `ends` is
    /// END_STREAM.
    Head { stream: u32, len: u64, ends: bool },
    /// `len` bytes of a body, without padding. `ends` is END_STREAM.
    Data { stream: u32, len: u32, ends: bool },
    /// RST_STREAM with its error code.
    Reset { stream: u32, reason: u32 },
    /// GOAWAY with the last stream that the peer may have processed, and its error code.
    GoAway { last: u32, reason: u32 },
    /// Any other frame.
    Other,
}

/// A frame whose header is complete.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    len: u32,
    /// How much of the payload has not passed.
    rest: u32,
    /// The first bytes of the payload, as far as they are wanted.
    payload: Prefix<PAYLOAD_LEN>,
}

/// A field block without its end.
#[derive(Clone, Copy)]
struct Block {
    stream: u32,
    /// The bytes of its frames so far, with their headers.
    len: u64,
    ends: bool,
}

/// The first bytes of something.
struct Prefix<const MOST: usize> {
    bytes: [u8; MOST],
    len: usize,
}

impl FrameReader {
    /// A reader at the beginning of a connection.
    pub(super) fn new() -> Self {
        Self { header: Prefix::new(), frame: None, block: None, setting: Prefix::new(), max_streams: None }
    }

    /// Reads `bytes`, and calls `on` for each frame that they complete, in order.
    pub(super) fn read(&mut self, mut bytes: &[u8], on: &mut impl FnMut(Seen)) {
        while !bytes.is_empty() {
            let seen = match self.whole(bytes) {
                Some((seen, after)) => {
                    bytes = after;
                    seen
                }
                None => match self.pass(&mut bytes) {
                    Some(seen) => seen,
                    None => return,
                },
            };
            on(seen);
        }
    }

    /// Takes the bytes of one frame, the one under way or the next, off `bytes`. Returns it if all of it has passed.
    fn pass(&mut self, bytes: &mut &[u8]) -> Option<Seen> {
        let mut frame = self.frame.take().or_else(|| self.begin(bytes))?;
        let (payload, after) = frame.pass(bytes);
        if frame.kind == SETTINGS {
            self.read_settings(payload);
        }
        *bytes = after;
        if frame.rest == 0 {
            return Some(self.end(&frame));
        }
        self.frame = Some(frame);
        None
    }

    /// Returns the next frame and the bytes after it. A fast path for DATA and HEADERS that `bytes` has as a whole and of whose payload nothing is
    /// needed.
    #[inline]
    fn whole<'a>(&self, bytes: &'a [u8]) -> Option<(Seen, &'a [u8])> {
        if self.header.len > 0 || self.frame.is_some() || self.block.is_some() {
            return None;
        }
        let (header, payload) = bytes.split_first_chunk()?;
        let frame = Frame::of(header);
        let after = payload.get(frame.len as usize..)?;
        let &Frame { kind, stream, len, .. } = &frame;
        let ends = frame.has(END_STREAM);
        match kind {
            DATA if !frame.has(PADDED) => Some((Seen::Data { stream, len, ends }, after)),
            HEADERS if frame.has(END_HEADERS) => Some((Seen::Head { stream, len: frame.whole_len(), ends }, after)),
            _ => None,
        }
    }

    /// Takes the next frame's header off `bytes`. `None` if a part of it has not passed.
    fn begin(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        if self.header.len == 0 {
            // A fast path: most headers come in one piece.
            if let Some((header, after)) = bytes.split_first_chunk() {
                *bytes = after;
                return Some(Frame::of(header));
            }
        }
        *bytes = self.header.fill(HEADER_LEN, bytes);
        if self.header.len < HEADER_LEN {
            return None;
        }
        self.header.len = 0;
        Some(Frame::of(&self.header.bytes))
    }

    /// Returns what is seen of a frame that has passed.
    fn end(&mut self, frame: &Frame) -> Seen {
        let block = self.block.take();
        let &Frame { kind, stream, len, .. } = frame;
        match kind {
            DATA => Seen::Data { stream, len: len.saturating_sub(frame.padding()), ends: frame.has(END_STREAM) },
            HEADERS => self.head(Block { stream, len: 0, ends: frame.has(END_STREAM) }, frame),
            CONTINUATION => match block {
                Some(block) if block.stream == stream => self.head(block, frame),
                _ => Seen::Other,
            },
            RST_STREAM if len == 4 => Seen::Reset { stream, reason: frame.word(0) },
            SETTINGS => {
                let max_streams = self.max_streams.take();
                self.setting.len = 0;
                if frame.has(ACK) || stream != 0 { Seen::Other } else { Seen::Settings { max_streams } }
            }
            GOAWAY if len >= 8 => Seen::GoAway { last: frame.word(0) & STREAM, reason: frame.word(4) },
            _ => Seen::Other,
        }
    }

    /// Reads a part of the payload of SETTINGS (RFC 9113 §6.5.1).
    fn read_settings(&mut self, mut payload: &[u8]) {
        while !payload.is_empty() {
            payload = self.setting.fill(SETTING_LEN, payload);
            if self.setting.len == SETTING_LEN {
                self.setting.len = 0;
                let [i1, i2, v1, v2, v3, v4] = self.setting.bytes;
                if u16::from_be_bytes([i1, i2]) == MAX_CONCURRENT_STREAMS {
                    self.max_streams = Some(u32::from_be_bytes([v1, v2, v3, v4]));
                }
            }
        }
    }

    /// Adds `frame` to `block`, which ends with END_HEADERS.
    fn head(&mut self, mut block: Block, frame: &Frame) -> Seen {
        block.len += frame.whole_len();
        if !frame.has(END_HEADERS) {
            self.block = Some(block);
            return Seen::Other;
        }
        Seen::Head { stream: block.stream, len: block.len, ends: block.ends }
    }
}

impl Frame {
    fn of(header: &[u8; HEADER_LEN]) -> Self {
        let &[l1, l2, l3, kind, flags, s1, s2, s3, s4] = header;
        let len = u32::from_be_bytes([0, l1, l2, l3]);
        let stream = u32::from_be_bytes([s1, s2, s3, s4]) & STREAM;
        Self { kind, flags, stream, len, rest: len, payload: Prefix::new() }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Splits `bytes` into the rest of this frame and what follows it.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let len = bytes.len().min(self.rest as usize);
        let (payload, after) = bytes.split_at(len);
        let wanted = self.wanted();
        if wanted > 0 {
            self.payload.fill(wanted, payload);
        }
        // `len` is at most `rest`, which is a `u32`.
        self.rest -= len as u32;
        (payload, after)
    }

    /// Returns the length of the frame with its header, in bytes.
    fn whole_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.len)
    }

    /// How many bytes of the payload are needed.
    fn wanted(&self) -> usize {
        match self.kind {
            DATA if self.has(PADDED) => 1,
            RST_STREAM => 4,
            GOAWAY => 8,
            _ => 0,
        }
    }

    /// How many bytes of the payload are padding and the length of the padding.
    fn padding(&self) -> u32 {
        if self.has(PADDED) { 1 + u32::from(self.payload.bytes[0]) } else { 0 }
    }

    /// Returns the four bytes at `at` of what was kept of the payload.
    fn word(&self, at: usize) -> u32 {
        let word = self.payload.bytes[at..].first_chunk();
        word.map_or(0, |word| u32::from_be_bytes(*word))
    }
}

impl<const MOST: usize> Prefix<MOST> {
    const fn new() -> Self {
        Self { bytes: [0; MOST], len: 0 }
    }

    /// Takes off `bytes` what is missing of the first `wanted` bytes.
    fn fill<'a>(&mut self, wanted: usize, bytes: &'a [u8]) -> &'a [u8] {
        let (mine, after) = bytes.split_at(bytes.len().min(wanted.saturating_sub(self.len)));
        if let Some(places) = self.bytes.get_mut(self.len..self.len + mine.len()) {
            places.copy_from_slice(mine);
            self.len += mine.len();
        }
        after
    }
}

const HEADER_LEN: usize = 9;

/// An identifier and a value (RFC 9113 §6.5.1).
const SETTING_LEN: usize = 6;

const MAX_CONCURRENT_STREAMS: u16 = 3;

/// The most that is kept of a payload: the fields of a GOAWAY.
const PAYLOAD_LEN: usize = 8;

/// The highest bit of a stream identifier is reserved (RFC 9113 §4.1).
const STREAM: u32 = u32::MAX >> 1;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

#[cfg(test)]
pub(super) mod tests;
