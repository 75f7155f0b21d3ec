//! Parses the system's files about names as glibc does. Pure functions of their text: nothing here reads a file or depends on the rest of the crate.
//!
//! | file | read by |
//! |---|---|
//! | `hosts` | [`hosts`] |
//! | `resolv.conf`, `$RES_OPTIONS`, `$LOCALDOMAIN` | [`resolv_conf`] |
//! | `nsswitch.conf` | [`nsswitch`] |
//! | `gai.conf` | [`gai_conf`] |

pub(super) mod gai_conf;
pub(super) mod hosts;
pub(super) mod nsswitch;
pub(super) mod resolv_conf;

/// Whether C counts the character as white space. Rust's functions differ: one has no vertical tab, the other includes Unicode's.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// The words of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_space).filter(|word| !word.is_empty())
}

/// Returns the lines of a file without their comments, which begin anywhere with `#`.
fn lines_without_comments(text: &str) -> impl Iterator<Item = &str> {
    // For C a zero byte ends the line.
    text.split('\n').map(|line| line.split(['#', '\0']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_that_of_c() {
        assert_eq!(words(" a\tb\x0bc\x0cd\r").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        // Not white space for C: that of Unicode, and some of ASCII.
        for word in ["a\u{a0}b", "a\u{85}b", "a\u{2028}b", "a\u{1c}b", "a\0b"] {
            assert_eq!(words(word).collect::<Vec<_>>(), [word]);
        }
    }

    #[test]
    fn a_line_ends_at_its_comment_or_at_a_zero_byte() {
        assert_eq!(lines_without_comments("a b#c\nd\0e\n#f\r\n").collect::<Vec<_>>(), ["a b", "d", "", ""]);
    }
}
