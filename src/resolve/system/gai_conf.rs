//! gai.conf(5): the order of addresses.

use super::{lines_without_comments, words};

/// Whether the file sets an order of addresses other than that of RFC 6724.
pub(in super::super) fn has_own_order(gai_conf: &str) -> bool {
    let mut keywords = lines_without_comments(gai_conf).filter_map(|line| words(line).next());
    keywords.any(|keyword| matches!(keyword, "label" | "precedence" | "scopev4"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_table_is_an_order_of_the_systems_own() {
        for own in [
            "precedence ::ffff:0:0/96  100",
            "\tlabel ::1/128 0\n",
            "reload yes\nscopev4 ::ffff:169.254.0.0/112  2",
            "\x0bprecedence ::/0 1",
        ] {
            assert!(has_own_order(own), "{own:?}");
        }
        for none in ["", "#precedence ::ffff:0:0/96  100\n", "reload no\n", "precedences", " # label", "x precedence"] {
            assert!(!has_own_order(none), "{none:?}");
        }
    }
}
