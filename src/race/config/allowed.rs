//! Which addresses may be connected to.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Which addresses may be connected to.
#[derive(Clone, Default)]
pub(super) struct Allowed {
    /// `None` allows all.
    rule: Option<Arc<dyn Fn(IpAddr) -> bool + Send + Sync>>,
}

impl Allowed {
    pub(super) fn by(rule: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { rule: Some(Arc::new(rule)) }
    }

    #[inline]
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        self.rule.as_ref().is_none_or(|rule| rule(ip))
    }
}

/// Rules are equal if they are clones. Other rules cannot be compared.
impl PartialEq for Allowed {
    fn eq(&self, other: &Self) -> bool {
        match (&self.rule, &other.rule) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl Eq for Allowed {}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rule.is_some() { "<by a rule>" } else { "<all>" })
    }
}
