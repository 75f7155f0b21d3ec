//! How large bodies are, and what is in them.

use std::sync::OnceLock;

use bytes::Bytes;
use fastrand::Rng;

/// Of responses. Some lie around the size of a frame, and of the first window.
pub(crate) const RESPONSES: [usize; 12] =
    [0, 1, 100, 1000, 4096, 16_383, 16_384, 16_385, 65_535, 65_536, 200_000, 1 << 20];

/// Of requests.
pub(crate) const REQUESTS: [usize; 8] = [0, 1, 100, 1000, 16_384, 65_535, 65_536, 100 << 10];

/// One of the sizes. One in ten may be large.
pub(crate) fn choose(random: &mut Rng, sizes: &[usize]) -> usize {
    let known = if random.u8(..10) == 0 { sizes.len() } else { 4 };
    sizes[random.usize(..known)]
}

/// The body of this size.
pub(crate) fn body(size: usize) -> Bytes {
    static LARGEST: OnceLock<Bytes> = OnceLock::new();
    let byte = |place: usize| (place ^ (place >> 8) ^ (place >> 16)) as u8;
    LARGEST.get_or_init(|| (0..1 << 20).map(byte).collect()).slice(..size)
}
