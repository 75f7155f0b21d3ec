//! What was seen on a connection and on each of its streams. It answers questions that h2 does not.
//!
//! When a connection fails, h2 forgets whether a response was complete while its request was not, which streams a GOAWAY covered, and whether
//! anything was sent. All of that can still be asked here.

use std::io;
use std::sync::Arc;
use std::task::Poll;

use super::frames::{FrameReader, Seen};
use super::pulse::Pulse;
use super::settings::BEFORE_SETTINGS;
use super::streams::{Answer, Streams};
use crate::client::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use crate::lock::Lock;
use crate::response_first::ResponseFirstHandle;

/// What was seen on a connection. Its [`Transport`](super::transport::Transport) records it, before h2 gets the bytes that were read.
pub(super) struct Observed {
    /// The handle of the wrapper between the transport and this connection's TLS or socket.
    control: ResponseFirstHandle,
    /// The handle of the wrapper below TLS, if there is one.
    below_tls: Option<ResponseFirstHandle>,
    has_settings: AtomicBool,
    /// How many streams the peer allows at a time.
    max_streams: AtomicU32,
    /// Nothing more can be read: the peer has closed its side, or reading has failed.
    has_ended: AtomicBool,
    /// The read error. h2 passes on only its text.
    error: Lock<Option<Arc<io::Error>>>,
    pub(super) pulse: Pulse,
    /// The last write was pending: the system did not take it.
    is_blocked: AtomicBool,
    /// h2 refused a request.
    has_refused: AtomicBool,
    /// How many field blocks arrived: heads of responses, informational ones included, and trailers.
    heads: AtomicU64,
    /// How many DATA frames arrived.
    data: AtomicU64,
    /// The newest GOAWAY: a bit that says that there is one, then its last stream and its error code. Zero without one.
    goaway: AtomicU64,
    /// How many streams are watched. Updated together with `streams`, under its lock.
    watched: AtomicUsize,
    /// Guards what was seen on streams. Only the map is touched under this lock.
    streams: Lock<Streams>,
}

/// A GOAWAY of the peer (RFC 9113 §6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GoAway {
    /// The last stream that the peer may have processed.
    pub(super) last: u32,
    /// The error code.
    pub(super) reason: u32,
}

impl GoAway {
    /// Whether this GOAWAY covers every stream: the peer still takes requests that are on their way, and sends another GOAWAY with the last stream
    /// that it takes (RFC 9113 §6.8).
    pub(super) fn covers_all(self) -> bool {
        self.last == u32::MAX >> 1
    }
}

/// A stream that is watched until this value is dropped. Must not be dropped while a lock of this crate is held.
pub(super) struct Watched {
    observed: Arc<Observed>,
    stream: u32,
}

impl Observed {
    /// The record of a connection on which nothing was sent yet. `below_tls` is the handle of the wrapper below its TLS, if there is one.
    ///
    /// Tells both wrappers to swallow write errors, so that a write error ends neither direction of the connection.
    pub(super) fn new(below_tls: Option<ResponseFirstHandle>) -> Arc<Self> {
        let control = ResponseFirstHandle::new();
        for handle in below_tls.iter().chain([&control]) {
            handle.swallow_write_errors();
        }
        Arc::new(Self {
            control,
            below_tls,
            has_settings: AtomicBool::new(false),
            max_streams: AtomicU32::new(BEFORE_SETTINGS),
            has_ended: AtomicBool::new(false),
            error: Lock::default(),
            pulse: Pulse::default(),
            is_blocked: AtomicBool::new(false),
            has_refused: AtomicBool::new(false),
            heads: AtomicU64::new(0),
            data: AtomicU64::new(0),
            goaway: AtomicU64::new(0),
            watched: AtomicUsize::new(0),
            streams: Lock::new(Streams::new()),
        })
    }

    /// Returns the handle for the transport's own wrapper.
    pub(super) fn control(&self) -> &ResponseFirstHandle {
        &self.control
    }

    /// Whether the peer has shown that it speaks HTTP/2.
    pub(super) fn has_settings(&self) -> bool {
        self.has_settings.load(Relaxed)
    }

    /// Returns how many streams the peer allows at a time; before its SETTINGS arrive, how many it is assumed to allow. The transport knows the limit
    /// before h2 does.
    pub(super) fn max_streams(&self) -> u32 {
        self.max_streams.load(Relaxed)
    }

    /// Nothing more will arrive.
    pub(super) fn on_end(&self) {
        self.has_ended.store(true, Relaxed);
    }

    /// Reading has failed. Keeps the error, and returns it for h2.
    pub(super) fn on_error(&self, error: io::Error) -> io::Error {
        let error = Arc::new(error);
        *self.error.lock() = Some(Arc::clone(&error));
        io::Error::new(error.kind(), error)
    }

    /// Returns the read error.
    pub(super) fn error(&self) -> Option<Arc<io::Error>> {
        self.error.lock().clone()
    }

    /// Notes whether a write was taken or is pending.
    #[inline]
    pub(super) fn on_write<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.is_blocked.store(polled.is_pending(), Relaxed);
        polled
    }

    /// Whether the last write is pending.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Relaxed)
    }

    /// Whether nothing more will arrive.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Relaxed)
    }

    /// h2 has refused a request. The connection's task has yet to learn why.
    pub(super) fn on_refusal(&self) {
        self.has_refused.store(true, Relaxed);
    }

    /// Returns how many field blocks arrived. While the number stays the same, no request is answered.
    pub(super) fn heads(&self) -> u64 {
        self.heads.load(Relaxed)
    }

    /// Returns how many HEADERS blocks and DATA frames arrived.
    pub(super) fn parts(&self) -> u64 {
        self.heads() + self.data.load(Relaxed)
    }

    /// Whether a stream is watched.
    pub(super) fn has_streams(&self) -> bool {
        self.streams.lock().len() > 0
    }

    /// Whether anything arrived from the peer. TLS's own records do not count.
    pub(super) fn has_read(&self) -> bool {
        self.bytes_read() > 0
    }

    /// Returns the newest GOAWAY of the peer.
    pub(super) fn goaway(&self) -> Option<GoAway> {
        let packed = self.goaway.load(Relaxed);
        let last = (packed >> 32) as u32;
        (last & IS_THERE != 0).then_some(GoAway { last: last & !IS_THERE, reason: packed as u32 })
    }

    /// Whether requests were answered, and none is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.watched.load(Relaxed) == 0 && self.heads() > 0
    }

    /// Returns how many bytes the system has taken, those of TLS included. While the number stays the same, nothing is sent: bytes that are discarded
    /// after a write error do not count.
    pub(super) fn bytes_written(&self) -> u64 {
        self.below_tls.as_ref().unwrap_or(&self.control).bytes_written()
    }

    /// Returns how many bytes of HTTP/2 arrived.
    pub(super) fn bytes_read(&self) -> u64 {
        self.control.bytes_read()
    }

    /// Whether a write has failed. All later writes are discarded.
    pub(super) fn is_write_broken(&self) -> bool {
        self.control.is_broken() || self.below_tls.as_ref().is_some_and(ResponseFirstHandle::is_broken)
    }

    /// Whether the connection takes no further streams: the peer has sent GOAWAY or is silent, h2 has refused a request, or reading or writing has
    /// failed.
    pub(super) fn is_ending(&self) -> bool {
        let refuses = self.has_refused.load(Relaxed) || self.pulse.is_silent();
        refuses || self.has_ended() || self.goaway().is_some() || self.is_write_broken()
    }

    /// Watches a stream. Must be called right after h2 gets the request. Frames that arrived in between are not lost.
    pub(super) fn register(self: &Arc<Self>, stream: u32) -> Watched {
        let mut streams = self.streams.lock();
        streams.watch(stream);
        self.watched.store(streams.len(), Relaxed);
        drop(streams);
        Watched { observed: Arc::clone(self), stream }
    }

    /// Notes that this side resets a stream, so that a response that ends later does not count as complete. Returns `false` if the response is
    /// already complete.
    pub(super) fn on_reset(&self, stream: u32) -> bool {
        let mut streams = self.streams.lock();
        let answer = streams.answer(stream);
        answer.is_reset |= !answer.has_end;
        answer.is_reset
    }

    /// Records the frames in `bytes`, which were read.
    pub(super) fn on_read(&self, frames: &mut FrameReader, bytes: &[u8]) {
        // The lock is taken once for all of `bytes`, and only if a frame belongs to a stream.
        let mut streams = None;
        frames.read(bytes, &mut |seen| match seen {
            Seen::Head { stream, len, ends } => {
                self.heads.fetch_add(1, Relaxed);
                let answer = streams.get_or_insert_with(|| self.streams.lock()).answer(stream);
                answer.on_head(len, ends);
                answer.has_end |= ends && !answer.is_reset;
            }
            Seen::Data { stream, len, ends } => {
                self.data.fetch_add(1, Relaxed);
                let answer = streams.get_or_insert_with(|| self.streams.lock()).answer(stream);
                answer.on_data(len);
                answer.has_end |= ends && !answer.is_reset;
            }
            Seen::Settings { max_streams } => {
                let is_first = !self.has_settings.swap(true, Relaxed);
                // Without the setting there is no limit (RFC 9113 §6.5.2).
                if let Some(most) = max_streams.or_else(|| is_first.then_some(u32::MAX)) {
                    self.max_streams.store(most, Relaxed);
                }
            }
            Seen::GoAway { last, reason } => {
                self.goaway.store(u64::from(last | IS_THERE) << 32 | u64::from(reason), Relaxed);
            }
            Seen::Reset { .. } | Seen::Other => {}
        });
    }
}

impl Watched {
    /// Whether the head of a response arrived. Informational ones count (RFC 9110 §15.2).
    pub(super) fn has_head(&self) -> bool {
        self.heads() > 0
    }

    /// Returns how many heads of responses arrived, informational ones included. h2 may not have handed all of them out yet.
    pub(super) fn heads(&self) -> u32 {
        self.answer().heads
    }

    /// Returns how many bytes the frames of the response's heads have, without trailers.
    pub(super) fn head_len(&self) -> u64 {
        self.answer().head_len
    }

    /// Whether the peer has ended the stream with END_STREAM.
    ///
    /// If the connection has ended by an I/O error, h2 has handled all frames up to here; if h2 has ended the connection, it has not. The response is
    /// complete if as many bytes of its body were handed out as [arrived](Self::data).
    pub(super) fn has_end(&self) -> bool {
        self.answer().has_end
    }

    /// Returns how many bytes of the response's body arrived in whole frames.
    pub(super) fn data(&self) -> u64 {
        self.answer().data
    }

    pub(super) fn stream(&self) -> u32 {
        self.stream
    }

    fn answer(&self) -> Answer {
        self.observed.streams.lock().of(self.stream)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut streams = self.observed.streams.lock();
        streams.forget(self.stream);
        self.observed.watched.store(streams.len(), Relaxed);
    }
}

/// Stream identifiers have 31 bits.
const IS_THERE: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::http2::frames::tests::frame;

    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;

    fn read(observed: &Observed, frames: &[Vec<u8>]) {
        observed.on_read(&mut FrameReader::new(), &frames.concat());
    }

    fn answer(stream: u32) -> [Vec<u8>; 2] {
        [frame(HEADERS, END_HEADERS, stream, b"fields"), frame(DATA, END_STREAM, stream, b"hello")]
    }

    fn known(watched: &Watched) -> (bool, bool, u64) {
        (watched.has_head(), watched.has_end(), watched.data())
    }

    #[test]
    fn each_stream_has_an_answer_of_its_own() {
        let observed = Observed::new(None);
        let [one, other] = [1, 3].map(|stream| observed.register(stream));
        read(&observed, &answer(3)[..1]);
        assert_eq!((known(&one), known(&other)), ((false, false, 0), (true, false, 0)));
        read(&observed, &answer(3)[1..]);
        read(&observed, &[frame(HEADERS, END_HEADERS | END_STREAM, 1, b"fields")]);
        assert_eq!((known(&one), known(&other)), ((true, true, 0), (true, true, 5)));
        assert_eq!((one.stream(), other.stream()), (1, 3));
    }

    #[test]
    fn an_answer_that_comes_before_the_stream_is_registered_is_known() {
        let observed = Observed::new(None);
        let [first, second] = answer(1);
        read(&observed, &[first]);
        read(&observed, &answer(3));
        let one = observed.register(1);
        assert_eq!(known(&one), (true, false, 0));
        read(&observed, &[second]);
        assert_eq!(known(&one), (true, true, 5));
        assert_eq!(known(&observed.register(3)), (true, true, 5));
        assert_eq!(known(&observed.register(5)), (false, false, 0));
    }

    #[test]
    fn a_peer_that_names_streams_costs_nothing_and_a_dropped_one_is_forgotten() {
        let observed = Observed::new(None);
        let watched = observed.register(1);
        for stream in 2..10_000 {
            read(&observed, &answer(stream));
        }
        assert_eq!(observed.watched.load(Relaxed), 1);
        assert_eq!(known(&watched), (false, false, 0));
        drop(watched);
        assert_eq!(observed.watched.load(Relaxed), 0);
        // Only what was seen on the latest streams is kept.
        assert_eq!(known(&observed.register(9_000)), (false, false, 0));
        assert_eq!(known(&observed.register(9_999)), (true, true, 5));
    }

    #[test]
    fn what_comes_after_a_reset_of_this_side_does_not_complete_a_response() {
        let observed = Observed::new(None);
        let [one, other] = [1, 3].map(|stream| observed.register(stream));
        read(&observed, &answer(3));
        assert!(observed.on_reset(1) && !observed.on_reset(3));
        read(&observed, &answer(1));
        assert_eq!((known(&one), known(&other)), ((true, false, 5), (true, true, 5)));
    }

    #[test]
    fn the_newest_goaway_holds() {
        let observed = Observed::new(None);
        assert_eq!(observed.goaway(), None);
        for (last, reason) in [(u32::MAX >> 1, 0), (0, 0), (5, u32::MAX)] {
            read(&observed, &[frame(7, 0, 0, &[last.to_be_bytes(), reason.to_be_bytes()].concat())]);
            assert_eq!(observed.goaway(), Some(GoAway { last, reason }));
        }
        assert!(!observed.has_settings());
        read(&observed, &[frame(4, 0, 0, &[])]);
        assert!(observed.has_settings());
    }
}
