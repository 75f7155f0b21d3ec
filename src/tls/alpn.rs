//! Decides which protocols a handshake offers (ALPN, RFC 7301), and whether a server may choose none.

use crate::race::Protocols;

/// Returns the protocols to offer: those of the connect, in its order, that the TLS configuration has as well. If one of the two is `None`, the other
/// decides. An empty list of the connect offers nothing.
///
/// # Errors
///
/// A sentence that says why there are none.
pub(super) fn offer(of_connect: Option<&Protocols>, of_config: Option<&Protocols>) -> Result<Protocols, &'static str> {
    let offered = match (of_connect, of_config) {
        (Some(connect), Some(config)) => connect.in_common_with(config),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => Protocols::default(),
    };
    match offered.problem() {
        Some(problem) => Err(problem),
        None if offered.is_empty() && of_connect.is_some_and(|connect| !connect.is_empty()) => {
            Err("the TLS configuration has none of the protocols that could be spoken")
        }
        None => Ok(offered),
    }
}

/// Whether a server that has chosen none of `offered` can be used: it speaks HTTP/1.1, as many servers without ALPN do.
pub(super) fn can_do_without(offered: &Protocols) -> bool {
    offered.is_empty() || offered.as_slice().iter().any(|id| id == b"http/1.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Protocols {
        ids.iter().copied().collect()
    }

    #[test]
    fn what_is_offered_is_what_the_connect_and_the_configuration_have_in_common() {
        for (of_connect, of_config, expected) in [
            (Some(&["h2", "http/1.1"][..]), None, Some(&["h2", "http/1.1"][..])),
            (None, Some(&["h2"][..]), Some(&["h2"])),
            (None, None, Some(&[])),
            (Some(&["http/1.1"]), Some(&["h2", "http/1.1"]), Some(&["http/1.1"])),
            (Some(&["h2", "http/1.1"]), Some(&["http/1.1", "h2"]), Some(&["h2", "http/1.1"])),
            (Some(&["http/1.1"]), Some(&["h2"]), None),
            // Nothing is negotiated.
            (Some(&[]), Some(&["h2"]), Some(&[])),
            (Some(&[]), None, Some(&[])),
            // Not valid in a handshake.
            (Some(&["h2", ""]), None, None),
        ] {
            let offered = offer(of_connect.map(ids).as_ref(), of_config.map(ids).as_ref());
            assert_eq!(offered.ok(), expected.map(ids), "{of_connect:?} {of_config:?}");
        }
    }

    #[test]
    fn without_an_answer_only_http_1_can_be_spoken() {
        assert!(can_do_without(&ids(&[])) && can_do_without(&ids(&["h2", "http/1.1"])));
        assert!(!can_do_without(&ids(&["h2"])));
    }
}
