//! What was seen on each watched stream of a connection, and on the latest streams that are not watched yet.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;

/// What was seen on the streams of a connection.
pub(super) struct Streams {
    watched: HashMap<u32, Answer, BuildHasherDefault<StreamHasher>>,
    early: Early,
}

/// Hashes stream identifiers. The map has only streams of this side, which counts their identifiers up: a peer cannot choose colliding ones.
#[derive(Default)]
struct StreamHasher(u64);

/// What was seen of the response on a stream.
#[derive(Clone, Copy, Default)]
pub(super) struct Answer {
    /// How many heads of responses arrived, informational ones included.
    pub(super) heads: u32,
    /// Bytes of the frames of those heads. What follows a body is trailers, and does not count.
    pub(super) head_len: u64,
    has_body: bool,
    pub(super) has_end: bool,
    /// This side has reset the stream. h2 ignores later frames on it.
    pub(super) is_reset: bool,
    /// Bytes of the body.
    pub(super) data: u64,
}

/// The unwatched streams with the latest frames. h2 sends a request as soon as it gets it. So the peer may answer, and another thread may read the
/// answer, before this thread has registered the stream.
///
/// The number of entries is fixed, so that a peer that names many streams costs no memory.
struct Early {
    /// Each stream, and what was seen on it. Stream 0 marks a free entry.
    answers: [(u32, Answer); EARLY],
    /// The index of the oldest entry.
    oldest: usize,
    /// The highest stream identifier ever among them. Most streams are registered before their answer arrives, and have a higher one: then `take`
    /// need not search.
    highest: u32,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { watched: HashMap::default(), early: Early::new() }
    }

    /// Returns how many streams are watched.
    pub(super) fn len(&self) -> usize {
        self.watched.len()
    }

    /// Watches `stream` until [`forget`](Self::forget) is called. Takes over what was seen on it before.
    pub(super) fn watch(&mut self, stream: u32) {
        let answer = self.early.take(stream);
        self.watched.insert(stream, answer);
    }

    pub(super) fn forget(&mut self, stream: u32) {
        self.watched.remove(&stream);
    }

    /// Returns what was seen on `stream`, which is watched.
    pub(super) fn of(&self, stream: u32) -> Answer {
        self.watched.get(&stream).copied().unwrap_or_default()
    }

    /// Returns the record to which frames on `stream` are added.
    pub(super) fn answer(&mut self, stream: u32) -> &mut Answer {
        match self.watched.get_mut(&stream) {
            Some(answer) => answer,
            None => self.early.answer(stream),
        }
    }
}

impl Answer {
    /// A head has come, in frames of so many bytes. `ends` is whether it ended the stream: an interim head does not (RFC 9113 §8.1), but trailers do.
    pub(super) fn on_head(&mut self, len: u64, ends: bool) {
        self.heads = self.heads.saturating_add(1);
        if !self.has_body && !ends {
            self.head_len += len;
        }
    }

    /// So many bytes of a body have come.
    pub(super) fn on_data(&mut self, len: u32) {
        self.has_body = true;
        self.data += u64::from(len);
    }
}

impl Hasher for StreamHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    /// Drops the lowest bit, since the identifiers of one side are all odd, or all even.
    #[inline]
    fn write_u32(&mut self, stream: u32) {
        self.0 = (self.0 ^ u64::from(stream >> 1)).wrapping_mul(SPREAD);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

impl Early {
    fn new() -> Self {
        Self { answers: [(0, Answer::default()); EARLY], oldest: 0, highest: 0 }
    }

    fn answer(&mut self, stream: u32) -> &mut Answer {
        self.highest = self.highest.max(stream);
        let known = self.answers.iter().position(|(known, _)| *known == stream);
        let place = known.unwrap_or_else(|| {
            let place = self.oldest;
            self.oldest = (place + 1) % EARLY;
            self.answers[place] = (stream, Answer::default());
            place
        });
        &mut self.answers[place].1
    }

    /// Removes and returns what was seen on `stream`.
    fn take(&mut self, stream: u32) -> Answer {
        if stream > self.highest {
            return Answer::default();
        }
        let mut all = self.answers.iter_mut();
        all.find(|(known, _)| *known == stream).map(mem::take).unwrap_or_default().1
    }
}

/// More than there are threads that send requests on one connection within a few microseconds.
const EARLY: usize = 16;

/// 2^64 divided by the golden ratio: neighbouring identifiers differ much in the upper bits of their hashes, and differ in the lower ones.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heads_of_a_response_are_those_before_its_body() {
        let mut answer = Answer::default();
        for len in [10, 300, 9] {
            answer.on_head(len, false);
        }
        assert_eq!((answer.heads, answer.head_len), (3, 319));
        // A frame without data ends the heads as well.
        answer.on_data(0);
        answer.on_head(1000, true);
        assert_eq!((answer.heads, answer.head_len, answer.data), (4, 319, 0));
        // So do trailers without a body before them: they end the stream.
        let mut bare = Answer::default();
        bare.on_head(10, false);
        bare.on_head(500, true);
        assert_eq!((bare.heads, bare.head_len), (2, 10));
    }
}
