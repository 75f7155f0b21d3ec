//! What the system's files say of names, read as glibc reads them: pure functions of their text. Nothing here reads a file, and nothing depends on
//! the rest of the crate.
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

/// White space as C has it. Rust's own ideas are others: one has no vertical tab, the other has those of Unicode besides.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// The words of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_space).filter(|word| !word.is_empty())
}

/// The lines of a file whose comments begin anywhere with `#`, without them.
fn lines_without_comments(text: &str) -> impl Iterator<Item = &str> {
    // A zero byte ends what C reads of a line.
    text.split('\n').map(|line| line.split(['#', '\0']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_that_of_c() {
        assert_eq!(words(" a\tb\x0bc\x0cd\r").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        // Neither those of Unicode nor those of ASCII that C does not count.
        for word in ["a\u{a0}b", "a\u{85}b", "a\u{2028}b", "a\u{1c}b", "a\0b"] {
            assert_eq!(words(word).collect::<Vec<_>>(), [word]);
        }
    }

    #[test]
    fn a_line_ends_at_its_comment_or_at_a_zero_byte() {
        assert_eq!(lines_without_comments("a b#c\nd\0e\n#f\r\n").collect::<Vec<_>>(), ["a b", "d", "", ""]);
    }
}
