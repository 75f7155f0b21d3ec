//! Application protocols, by their ALPN ids.

use std::fmt;
use std::sync::Arc;

/// ALPN ids, the most wanted first. Clones share them.
// A thin pointer, since it is part of what is made for every connect, also where there is nothing to say.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Protocols(Arc<Vec<Vec<u8>>>);

impl Protocols {
    pub(crate) fn as_slice(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Those that `others` has as well, in the order of `self`.
    pub(crate) fn in_common_with(&self, others: &Self) -> Self {
        self.0.iter().filter(|id| others.0.contains(id)).cloned().collect()
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
    fn a_line_names_them_whatever_their_bytes_are() {
        let protocols = |ids: &[&[u8]]| ids.iter().map(|id| id.to_vec()).collect::<Protocols>().to_string();
        assert_eq!(protocols(&[b"h2"]), "h2");
        assert_eq!(protocols(&[b"h2", b"http/1.1", b"\n\xff"]), "h2 and http/1.1 and \\n\\xff");
        let config = Config::builder().protocols(["h2", "http/1.1"]).build().unwrap();
        assert!(format!("{config:?}").contains(r#"protocols: Some(["h2", "http/1.1"])"#), "{config:?}");
    }
}
