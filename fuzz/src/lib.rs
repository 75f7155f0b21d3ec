//! Fuzz targets of `hyper-happy-eyeballs`.
//!
//! A target is a function of bytes, which panics if what it checks does not hold. `fuzz_targets/` has a program for each, which libFuzzer
//! drives with coverage feedback; `tests/replay.rs` runs them over the corpus without it. The README says how to run them.
//!
//! | target | checks |
//! |---|---|
//! | [`uri`](fn@uri) | what is refused is refused before a dial; what is sent has a target and a Host that parse back |
//! | [`response`](fn@response) | response bytes in any segmentation, against hyper's bare connection |
//! | [`request`](fn@request) | a strict server reads the request that was made, or the call is an error |
//! | [`race`](fn@race) | the rules of a race under any sequence of inputs |
//! | [`sorting`](fn@sorting) | RFC 6724 against a second, naive implementation |
//! | [`dns`](fn@dns) | answers of a DNS server |
//! | [`files`](fn@files) | hosts, resolv.conf and nsswitch.conf |

mod clock;
mod dns;
mod memory;
mod message;
mod race;
mod request;
mod resolve;
mod response;
mod sorting;
mod uri;

pub use dns::dns;
pub use race::race;
pub use request::request;
pub use resolve::files::files;
pub use response::response;
pub use sorting::sorting;
pub use uri::uri;

/// A target: it panics if what it checks does not hold.
pub type Target = fn(&[u8]);

/// All targets, by the names of their programs and of the directories of their corpora.
pub const TARGETS: [(&str, Target); 7] = [
    ("uri", uri),
    ("response", response),
    ("request", request),
    ("race", race),
    ("sorting", sorting),
    ("dns", dns),
    ("files", files),
];
