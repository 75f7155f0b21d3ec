//! Parses numbers in scenarios. Errors name the word.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

/// Parses a whole number.
pub(crate) fn number<T: FromStr>(word: &str) -> Result<T, Box<dyn Error>> {
    word.parse().map_err(|_error| format!("`{word}` is not a number that fits here").into())
}

/// Parses milliseconds with up to six decimals: 0.000001 is a nanosecond.
pub(crate) fn milliseconds(word: &str) -> Result<Duration, Box<dyn Error>> {
    let (whole, decimals) = word.split_once('.').unwrap_or((word, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || decimals.len() > 6 {
        return Err(format!("`{word}` is not a time: milliseconds, with at most six decimals").into());
    }
    let nanoseconds = number(&format!("{decimals:0<6}"))?;
    Ok(Duration::from_millis(number(whole)?) + Duration::from_nanos(nanoseconds))
}
