//! Sets of address families.

use super::endpoint::Family;

/// Which address families may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "IP has these two versions")]
pub enum Families {
    /// IPv6 and IPv4.
    #[default]
    Both,
    /// Only IPv6.
    V6Only,
    /// Only IPv4.
    V4Only,
}

impl Families {
    pub(crate) fn contains(self, family: Family) -> bool {
        match self {
            Self::Both => true,
            Self::V6Only => family == Family::V6,
            Self::V4Only => family == Family::V4,
        }
    }

    /// Returns the families for which `is_one` is true. `None` if there are none.
    pub(crate) fn of(mut is_one: impl FnMut(Family) -> bool) -> Option<Self> {
        match (is_one(Family::V6), is_one(Family::V4)) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::V6Only),
            (false, true) => Some(Self::V4Only),
            (false, false) => None,
        }
    }

    /// Returns the families that are in both `self` and `others`. `None` if there are none.
    pub(crate) fn in_common_with(self, others: Self) -> Option<Self> {
        Self::of(|family| self.contains(family) && others.contains(family))
    }

    /// Returns the families that are in both `self` and `others`. If there are none, returns `self`.
    pub(crate) fn among(self, others: Self) -> Self {
        self.in_common_with(others).unwrap_or(self)
    }
}
