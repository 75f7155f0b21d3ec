//! The `Keep-Alive: timeout=5` field, by which a server says how long it keeps an idle connection. It comes from HTTP/1.0, and many servers still
//! send it. Pure functions.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The greatest safety margin before the end of the time. Otherwise it is a quarter of the time. The server has begun to count before its last byte
/// arrived here, and the next request takes time to get there.
const MOST_MARGIN: Duration = Duration::from_secs(1);

/// Returns how long the server keeps the connection of a response, if the fields of the response say so.
#[inline]
pub(super) fn kept_for(headers: &HeaderMap) -> Option<Duration> {
    headers.get(&KEEP_ALIVE).and_then(|value| timeout(value.as_bytes()))
}

/// Whether the time is over or nearly over, so that the server may close the connection while a request is on its way.
pub(super) fn is_nearly_over(kept_for: Duration, idle_for: Duration) -> bool {
    idle_for + (kept_for / 4).min(MOST_MARGIN) >= kept_for
}

#[cold]
fn timeout(value: &[u8]) -> Option<Duration> {
    let parameters = std::str::from_utf8(value).ok()?.split(',').filter_map(|parameter| parameter.split_once('='));
    let mut timeouts = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"));
    let seconds = timeouts.next()?.1.trim().trim_matches('"');
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    // A number that does not fit is replaced by the greatest one.
    is_number.then(|| Duration::from_secs(seconds.parse::<u32>().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_time_out_is_a_number_of_seconds() {
        for (value, expected) in [
            ("timeout=5", Some(5)),
            ("timeout=5, max=100", Some(5)),
            ("max=100,Timeout = \"15\"", Some(15)),
            ("timeout=0", Some(0)),
            ("timeout=99999999999999999999", Some(u32::MAX.into())),
            ("timeout=-1", None),
            ("timeout=1.5", None),
            ("timeout=", None),
            ("timeout", None),
            ("max=100", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(KEEP_ALIVE.clone(), HeaderValue::from_static(value))]);
            assert_eq!(kept_for(&headers), expected.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(kept_for(&HeaderMap::new()), None);
    }

    #[test]
    fn the_margin_is_a_quarter_and_at_most_a_second() {
        let at =
            |kept_for: u64, idle_for| is_nearly_over(Duration::from_secs(kept_for), Duration::from_millis(idle_for));
        assert!(!at(1, 749) && at(1, 750) && at(1, 2000));
        assert!(!at(60, 58_999) && at(60, 59_000));
        assert!(at(0, 0));
    }
}
