//! The settings of HTTP/2 connections, and their defaults.

use std::time::Duration;

/// The settings of HTTP/2 connections.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Settings {
    /// How many bytes of one response may be unread.
    pub(in crate::client) stream_window: u32,
    /// How many bytes of all responses of a connection may be unread.
    pub(in crate::client) connection_window: u32,
    /// How large the fields of a response may be together, in bytes (RFC 9113 §6.5.2).
    pub(in crate::client) max_header_list_size: u32,
    /// How long the answer to a PING may take.
    pub(in crate::client) ping_timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stream_window: 1 << 20,
            connection_window: 16 << 20,
            max_header_list_size: 256 << 10,
            ping_timeout: Some(Duration::from_secs(15)),
        }
    }
}

impl Settings {
    /// Returns why the settings cannot work, if so.
    pub(in crate::client) fn problem(self) -> Option<&'static str> {
        let fits = |window| (1..=MAX_WINDOW).contains(&window);
        if !(fits(self.stream_window) && fits(self.connection_window)) {
            return Some("the windows of HTTP/2 must have 1 to 2,147,483,647 bytes");
        }
        let is_zero = self.ping_timeout.is_some_and(|timeout| timeout.is_zero());
        is_zero.then_some("the time for the answer to a PING must not be zero")
    }

    /// Returns h2's builder with these settings.
    pub(super) fn builder(self) -> h2::client::Builder {
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .max_header_list_size(self.max_header_list_size)
            .initial_max_send_streams(BEFORE_SETTINGS as usize)
            .data_frame_budget((self.stream_window as usize / 2).max(LEAST_FRAME_BUDGET))
            .max_concurrent_reset_streams(REMEMBERED_RESETS)
            .enable_push(false);
        builder
    }
}

/// How many streams may be opened before the server's SETTINGS arrive: the least limit that RFC 9113 §6.5.2 recommends to servers.
pub(super) const BEFORE_SETTINGS: u32 = 100;

/// The least budget for small unread frames. Half of a tiny window would be a budget of a few bytes, and h2 would end the connection.
const LEAST_FRAME_BUDGET: usize = 25_600;

/// The largest window (RFC 9113 §6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// How many streams that this side has reset h2 remembers. A frame that arrives for a forgotten stream is an error, and h2 ends the connection after
/// too many of them.
const REMEMBERED_RESETS: usize = 4096;
