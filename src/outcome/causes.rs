//! An error, and the errors behind it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::iter;

/// Returns `error` and its causes, outermost first. The error inside an [`io::Error`] is one of them, although `source` skips it.
pub(crate) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|error| error as _).or_else(|| error.source())
    })
}

/// Writes an error and its causes in one line, separated by colons. A cause whose text is in the line already is skipped.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        for cause in causes(self.0).map(ToString::to_string) {
            if line.is_empty() {
                line = cause;
            } else if !line.contains(&cause) {
                line = line + ": " + &cause;
            }
        }
        f.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempt_error::AttemptError;
    use super::*;

    #[test]
    fn what_an_io_error_wraps_is_a_cause() {
        let wrapped = io::Error::other(AttemptError::new("a custom failure"));
        let found: Vec<_> = causes(&wrapped).map(ToString::to_string).collect();
        assert_eq!(found, ["could not connect", "could not connect", "a custom failure"]);
    }

    #[test]
    fn a_line_says_nothing_twice() {
        let wrapped = io::Error::other(AttemptError::new("a custom failure"));
        assert_eq!(Chain(&wrapped).to_string(), "could not connect: a custom failure");
        let said = AttemptError::new(io::Error::other("no socket")).at_step("could not open a socket: no socket");
        assert_eq!(Chain(&said).to_string(), "could not open a socket: no socket");
    }
}
