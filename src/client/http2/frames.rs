//! Reads the headers of the frames that pass (RFC 9113 §4.1), and nothing of their payloads but a few bytes of some.
//!
//! Nothing is checked here: h2 gets the same bytes, and ends a connection that breaks the protocol. A frame is told of when all of it has
//! passed, since h2 does nothing with a part of one.

/// Finds the frames in the bytes of a peer, however those are cut.
pub(super) struct FrameReader {
    header: Prefix<HEADER_LEN>,
    /// The frame under way, once its header is complete.
    frame: Option<Frame>,
    /// The field block that goes on in CONTINUATION frames.
    block: Option<Block>,
}

/// A frame that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Settings of the peer, not an acknowledgement of ours.
    Settings,
    /// A field block is complete: that of a response, interim ones included, or trailers. `ends` is END_STREAM.
    Head { stream: u32, ends: bool },
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
    ends: bool,
}

/// The first bytes of something.
struct Prefix<const MOST: usize> {
    bytes: [u8; MOST],
    len: usize,
}

impl FrameReader {
    /// At the beginning of a connection.
    pub(super) fn new() -> Self {
        Self { header: Prefix::new(), frame: None, block: None }
    }

    /// `bytes` have passed. Tells `on` of each frame that they complete, in order.
    pub(super) fn read(&mut self, mut bytes: &[u8], on: &mut impl FnMut(Seen)) {
        while !bytes.is_empty() {
            let Some(mut frame) = self.frame.take().or_else(|| self.begin(&mut bytes)) else { return };
            bytes = frame.pass(bytes);
            if frame.rest == 0 {
                on(self.end(&frame));
            } else {
                self.frame = Some(frame);
            }
        }
    }

    /// The next frame, if all of its header is there. Takes that off `bytes`.
    fn begin(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        if self.header.len == 0 {
            // Most are there at once.
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

    /// What a frame says that has passed.
    fn end(&mut self, frame: &Frame) -> Seen {
        let block = self.block.take();
        let &Frame { kind, stream, len, .. } = frame;
        match kind {
            DATA => Seen::Data { stream, len: len.saturating_sub(frame.padding()), ends: frame.has(END_STREAM) },
            HEADERS => self.head(Block { stream, ends: frame.has(END_STREAM) }, frame),
            CONTINUATION => match block {
                Some(block) if block.stream == stream => self.head(block, frame),
                _ => Seen::Other,
            },
            RST_STREAM if len == 4 => Seen::Reset { stream, reason: frame.word(0) },
            SETTINGS if !frame.has(ACK) && stream == 0 => Seen::Settings,
            GOAWAY if len >= 8 => Seen::GoAway { last: frame.word(0) & STREAM, reason: frame.word(4) },
            _ => Seen::Other,
        }
    }

    /// `frame` is the last that came of `block`.
    fn head(&mut self, block: Block, frame: &Frame) -> Seen {
        if !frame.has(END_HEADERS) {
            self.block = Some(block);
            return Seen::Other;
        }
        Seen::Head { stream: block.stream, ends: block.ends }
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

    /// Takes what belongs to this frame off `bytes`.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let len = bytes.len().min(self.rest as usize);
        let (payload, after) = bytes.split_at(len);
        let wanted = self.wanted();
        if wanted > 0 {
            self.payload.fill(wanted, payload);
        }
        // It is at most what was left.
        self.rest -= len as u32;
        after
    }

    /// How much of the payload is looked at.
    fn wanted(&self) -> usize {
        match self.kind {
            DATA if self.has(PADDED) => 1,
            RST_STREAM => 4,
            GOAWAY => 8,
            _ => 0,
        }
    }

    /// How much of the payload is padding, and its length.
    fn padding(&self) -> u32 {
        if self.has(PADDED) { 1 + u32::from(self.payload.bytes[0]) } else { 0 }
    }

    /// The four bytes at `at` of what is kept of the payload.
    fn word(&self, at: usize) -> u32 {
        let word = self.payload.bytes[at..].first_chunk();
        word.map_or(0, |word| u32::from_be_bytes(*word))
    }
}

impl<const MOST: usize> Prefix<MOST> {
    const fn new() -> Self {
        Self { bytes: [0; MOST], len: 0 }
    }

    /// Takes what is missing of the first `wanted` bytes off `bytes`.
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
pub(super) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A frame as it is sent.
    pub(in crate::client::http2) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    fn seen<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
        let (mut reader, mut seen) = (FrameReader::new(), Vec::new());
        for piece in pieces {
            reader.read(piece, &mut |frame| seen.push(frame));
        }
        seen
    }

    fn seen_of(frames: &[Vec<u8>]) -> Vec<Seen> {
        seen([frames.concat().as_slice()])
    }

    fn goaway(last: u32, reason: u32, debug: &[u8]) -> Vec<u8> {
        frame(GOAWAY, 0, 0, &[&last.to_be_bytes(), &reason.to_be_bytes(), debug].concat())
    }

    /// A connection with one of everything, and what is seen of it.
    fn connection() -> (Vec<u8>, Vec<Seen>) {
        let frames = [
            frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 5]),
            frame(SETTINGS, ACK, 0, &[]),
            frame(HEADERS, END_HEADERS, 1, b"fields"),
            frame(DATA, 0, 1, b"hello"),
            frame(DATA, PADDED | END_STREAM, 1, b"\x03world\0\0\0"),
            frame(HEADERS, END_STREAM, 3, b"fie"),
            frame(CONTINUATION, 0, 3, b"ld"),
            frame(CONTINUATION, END_HEADERS, 3, b"s"),
            frame(RST_STREAM, 0, 5, &7_u32.to_be_bytes()),
            goaway(1 << 31 | 5, 11, b"too many words"),
            frame(0xfa, 0xff, 9, b"of a later time"),
        ];
        let seen = vec![
            Seen::Settings,
            Seen::Other,
            Seen::Head { stream: 1, ends: false },
            Seen::Data { stream: 1, len: 5, ends: false },
            Seen::Data { stream: 1, len: 5, ends: true },
            Seen::Other,
            Seen::Other,
            Seen::Head { stream: 3, ends: true },
            Seen::Reset { stream: 5, reason: 7 },
            Seen::GoAway { last: 5, reason: 11 },
            Seen::Other,
        ];
        (frames.concat(), seen)
    }

    #[test]
    fn each_frame_is_seen_once_and_in_order() {
        let (bytes, frames) = connection();
        assert_eq!(seen([bytes.as_slice()]), frames);
    }

    #[test]
    fn every_cut_in_two_and_single_bytes_give_the_same() {
        let (bytes, frames) = connection();
        for at in 0..=bytes.len() {
            assert_eq!(seen([&bytes[..at], &bytes[at..]]), frames, "cut at {at}");
        }
        assert_eq!(seen(bytes.chunks(1)), frames);
    }

    #[test]
    fn a_frame_is_seen_when_its_last_byte_has_passed() {
        for whole in [
            frame(HEADERS, END_HEADERS, 1, b"fields"),
            frame(DATA, END_STREAM, 1, b"hello"),
            frame(RST_STREAM, 0, 1, &[0; 4]),
            goaway(1, 0, b"debug"),
            frame(SETTINGS, 0, 0, &[]),
        ] {
            for at in 0..whole.len() {
                assert_eq!(seen([&whole[..at]]), [], "{at} bytes of {whole:?}");
            }
            assert_eq!(seen([whole.as_slice()]).len(), 1);
        }
    }

    #[test]
    fn a_frame_without_a_payload_ends_with_its_header() {
        let frames = [frame(DATA, 0, 1, b""), frame(DATA, END_STREAM, 1, b""), frame(SETTINGS, 0, 0, b"")];
        let data = |ends| Seen::Data { stream: 1, len: 0, ends };
        assert_eq!(seen_of(&frames), [data(false), data(true), Seen::Settings]);
    }

    #[test]
    fn padding_is_no_data_even_if_there_is_more_of_it_than_fits() {
        let frames = [
            frame(DATA, PADDED, 1, b"\0all"),
            frame(DATA, PADDED, 1, b"\x03\0\0\0"),
            frame(DATA, PADDED, 1, b"\xffhello"),
            frame(DATA, PADDED, 1, b""),
        ];
        let lens = seen_of(&frames).into_iter().map(|seen| match seen {
            Seen::Data { len, .. } => len,
            other => panic!("{other:?}"),
        });
        assert_eq!(lens.collect::<Vec<_>>(), [3, 0, 0, 0]);
    }

    #[test]
    fn a_field_block_ends_only_in_its_own_continuation() {
        let begin = frame(HEADERS, END_STREAM, 1, b"fields");
        let end = frame(CONTINUATION, END_HEADERS, 1, b"");
        for between in [
            frame(CONTINUATION, END_HEADERS, 3, b""),
            frame(DATA, 0, 3, b""),
            frame(0xfa, 0, 0, b""),
            // A promised request, whose fields are not those of a response.
            frame(5, 0, 1, b"\0\0\0\x02fields"),
        ] {
            let seen = seen_of(&[begin.clone(), between, end.clone()]);
            assert!(!seen.iter().any(|seen| matches!(seen, Seen::Head { .. })), "{seen:?}");
        }
        assert_eq!(seen_of(&[begin, end]), [Seen::Other, Seen::Head { stream: 1, ends: true }]);
    }

    #[test]
    fn what_is_too_short_for_its_type_says_nothing() {
        let frames = [
            frame(GOAWAY, 0, 0, &[0; 7]),
            frame(RST_STREAM, 0, 1, &[0; 3]),
            frame(RST_STREAM, 0, 1, &[0; 5]),
            frame(SETTINGS, 0, 1, &[]),
        ];
        assert_eq!(seen_of(&frames), [Seen::Other; 4]);
    }

    #[test]
    fn an_answer_in_http1_is_no_settings() {
        assert_eq!(seen([&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..]]), []);
    }

    proptest! {
        #[test]
        fn whatever_comes_every_chunking_gives_the_same(
            frames in vec((0..12_u8, any::<u8>(), 0..5_u32, vec(any::<u8>(), 0..20)), 0..8),
            noise in vec(any::<u8>(), 0..40),
            cuts in vec(1..30_usize, 1..100),
        ) {
            let mut bytes: Vec<u8> = frames.iter().flat_map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload)).collect();
            bytes.extend(noise);
            let (mut rest, mut pieces) = (bytes.as_slice(), Vec::new());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            let whole = seen([bytes.as_slice()]);
            prop_assert!(whole.len() >= frames.len());
            prop_assert_eq!(seen(pieces), whole);
        }
    }
}
