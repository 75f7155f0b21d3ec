//! Which protocols a handshake offers (RFC 7301), and what to make of the answer.

/// The protocols to offer: those of the connect, in its order, of which a configuration that names some of its own knows.
/// `None` if the two have none in common.
pub(super) fn offer(of_connect: &[Vec<u8>], of_config: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if of_connect.is_empty() || of_config.is_empty() {
        return Some([of_connect, of_config].concat());
    }
    let common: Vec<_> = of_connect.iter().filter(|id| of_config.contains(id)).cloned().collect();
    (!common.is_empty()).then_some(common)
}

/// Whether a server that has chosen none of `offered` can be spoken to: it is one of HTTP/1.1, which many servers do without ALPN.
pub(super) fn can_do_without(offered: &[Vec<u8>]) -> bool {
    offered.is_empty() || offered.iter().any(|id| id == b"http/1.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<Vec<u8>> {
        ids.iter().map(|id| id.as_bytes().to_vec()).collect()
    }

    #[test]
    fn what_is_offered_is_what_the_connect_and_the_configuration_have_in_common() {
        for (of_connect, of_config, expected) in [
            (&["h2", "http/1.1"][..], &[][..], Some(&["h2", "http/1.1"][..])),
            (&[], &["h2"], Some(&["h2"])),
            (&[], &[], Some(&[])),
            (&["http/1.1"], &["h2", "http/1.1"], Some(&["http/1.1"])),
            (&["h2", "http/1.1"], &["http/1.1", "h2"], Some(&["h2", "http/1.1"])),
            (&["http/1.1"], &["h2"], None),
        ] {
            let offered = offer(&ids(of_connect), &ids(of_config));
            assert_eq!(offered, expected.map(ids), "{of_connect:?} {of_config:?}");
        }
    }

    #[test]
    fn without_an_answer_only_http_1_can_be_spoken() {
        assert!(can_do_without(&[]) && can_do_without(&ids(&["h2", "http/1.1"])));
        assert!(!can_do_without(&ids(&["h2"])));
    }
}
