//! Tests: the frames that are seen do not depend on the pieces in which they are read.

use super::*;

/// Encodes a frame.
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

/// The bytes of a connection with one frame of every kind, and what is seen of them.
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
        Seen::Settings { max_streams: Some(5) },
        Seen::Other,
        Seen::Head { stream: 1, len: 15, ends: false },
        Seen::Data { stream: 1, len: 5, ends: false },
        Seen::Data { stream: 1, len: 5, ends: true },
        Seen::Other,
        Seen::Other,
        Seen::Head { stream: 3, len: 33, ends: true },
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
    assert_eq!(seen_of(&frames), [data(false), data(true), Seen::Settings { max_streams: None }]);
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
        // PUSH_PROMISE: its fields are not those of a response.
        frame(5, 0, 1, b"\0\0\0\x02fields"),
    ] {
        let seen = seen_of(&[begin.clone(), between, end.clone()]);
        assert!(!seen.iter().any(|seen| matches!(seen, Seen::Head { .. })), "{seen:?}");
    }
    assert_eq!(seen_of(&[begin, end]), [Seen::Other, Seen::Head { stream: 1, len: 24, ends: true }]);
}

#[test]
fn of_settings_the_last_number_of_streams_holds_and_what_is_no_whole_setting_says_nothing() {
    let setting = |id: u16, value: u32| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    for (payload, max_streams) in [
        ([setting(4, 65_535), setting(3, 1), setting(3, 7)].concat(), Some(7)),
        ([setting(1, 3), setting(3, 0)].concat(), Some(0)),
        (setting(1, 3), None),
        (setting(3, 9)[..5].to_vec(), None),
    ] {
        let frames = [frame(SETTINGS, 0, 0, &payload), frame(SETTINGS, 0, 0, &[])];
        let none = Seen::Settings { max_streams: None };
        assert_eq!(seen_of(&frames), [Seen::Settings { max_streams }, none], "{payload:?}");
    }
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

#[test]
fn whatever_comes_every_chunking_gives_the_same() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2_000 {
        let mut bytes = Vec::new();
        let frames = random.usize(..8);
        for _ in 0..frames {
            let payload = noise(&mut random, 20);
            bytes.extend(frame(random.u8(..12), random.u8(..), random.u32(..5), &payload));
        }
        bytes.extend(noise(&mut random, 40));
        let (mut rest, mut pieces) = (bytes.as_slice(), Vec::new());
        for _ in 0..random.usize(1..100) {
            let (piece, after) = rest.split_at(random.usize(1..30).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        let whole = seen([bytes.as_slice()]);
        assert!(whole.len() >= frames, "{bytes:?}");
        assert_eq!(seen(pieces.iter().copied()), whole, "{pieces:?}");
    }
}

/// Less than `len` bytes of any value.
fn noise(random: &mut fastrand::Rng, len: usize) -> Vec<u8> {
    (0..random.usize(..len)).map(|_| random.u8(..)).collect()
}
