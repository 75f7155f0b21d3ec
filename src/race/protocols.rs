//! Application protocols, by their ALPN ids.

use std::fmt;
use std::sync::Arc;

/// ALPN ids in order of preference. Clones share them.
// An `Arc` of a `Vec`, whose pointer is one word: every connect has a `Protocols`, and most are empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Protocols(Arc<Vec<Vec<u8>>>);

impl Protocols {
    pub(crate) fn as_slice(&self) -> &[Vec<u8>] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the ids that `others` has as well, in the order of `self`.
    pub(crate) fn in_common_with(&self, others: &Self) -> Self {
        self.0.iter().filter(|id| others.0.contains(id)).cloned().collect()
    }

    /// Returns why no handshake could offer them, or `None` if one could (RFC 7301 §3.1).
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if self.0.iter().any(|id| !(1..=255).contains(&id.len())) {
            return Some("an ALPN id must have 1 to 255 bytes");
        }
        (self.0.len() > MAX_IDS).then_some("there are more than 64 ALPN ids")
    }
}

impl<T: Into<Vec<u8>>> FromIterator<T> for Protocols {
    fn from_iter<I: IntoIterator<Item = T>>(ids: I) -> Self {
        Self(Arc::new(ids.into_iter().map(Into::into).collect()))
    }
}

impl fmt::Debug for Protocols {
    /// `["h2", "http/1.1"]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|id| id.escape_ascii().to_string())).finish()
    }
}

impl fmt::Display for Protocols {
    /// `h2 and http/1.1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, id) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { " and " };
            write!(f, "{separator}{}", id.escape_ascii())?;
        }
        Ok(())
    }
}

/// The most ids that are offered. So many of the greatest length fit into a ClientHello.
const MAX_IDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn a_race_is_for_any_protocol_unless_it_is_told_which() {
        assert_eq!(Config::default().protocols(), None);
        let config = Config::builder().protocols(["h2", "http/1.1"]).build().unwrap();
        assert_eq!(config.protocols(), Some(&[b"h2".to_vec(), b"http/1.1".to_vec()][..]));
    }

    #[test]
    fn what_two_have_in_common_is_in_the_order_of_the_first() {
        let protocols = |ids: &[&str]| ids.iter().copied().collect::<Protocols>();
        let ours = protocols(&["h2", "http/1.1", "x"]);
        assert_eq!(ours.in_common_with(&protocols(&["x", "h3", "h2"])), protocols(&["h2", "x"]));
        assert_eq!(ours.in_common_with(&protocols(&[])), protocols(&[]));
        assert_eq!(ours.in_common_with(&ours), ours);
    }

    #[test]
    fn what_no_handshake_could_offer_is_an_error() {
        let problem = |ids: &[&[u8]]| {
            let built = Config::builder().protocols(ids.iter().map(|id| id.to_vec())).build();
            built.err().map(|error| error.to_string())
        };
        assert_eq!(problem(&[]), None);
        assert_eq!(problem(&[&[0], &[7; 255]]), None);
        let says = Some("an ALPN id must have 1 to 255 bytes".to_owned());
        assert_eq!((problem(&[b"h2", b""]), problem(&[&[7; 256]])), (says.clone(), says));
        assert_eq!(problem(&[&b"h2"[..]; 64]), None);
        assert_eq!(problem(&[&b"h2"[..]; 65]).as_deref(), Some("there are more than 64 ALPN ids"));
    }

    #[test]
    fn a_line_names_them_whatever_their_bytes_are() {
        let protocols = |ids: &[&[u8]]| ids.iter().map(|id| id.to_vec()).collect::<Protocols>().to_string();
        assert_eq!(protocols(&[b"h2"]), "h2");
        assert_eq!(protocols(&[b"h2", b"http/1.1", b"\n\xff"]), "h2 and http/1.1 and \\n\\xff");
        let config = Config::builder().protocols(["h2", "http/1.1"]).build().unwrap();
        assert!(format!("{config:?}").contains(r#"protocols: Some(["h2", "http/1.1"])"#), "{config:?}");
    }
}
