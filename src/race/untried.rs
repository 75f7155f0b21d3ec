//! The reasons why an endpoint was never tried.

use std::fmt;

/// Why an endpoint was never tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UntriedReason {
    /// The race was over before its turn came.
    NotReached,
    /// The endpoint left the resolver's answer before its turn came.
    Withdrawn,
    /// The endpoint's family is switched off.
    FamilyDisabled,
    /// The endpoint's family has no configured local address to connect from.
    NoLocalAddress,
    /// The address is `0.0.0.0` or `::`, with which the system would connect to itself.
    Unspecified,
    /// The address is a multicast or broadcast address.
    Multicast,
    /// The address is a link-local IPv6 address without a zone (RFC 4007).
    NoScope,
    /// The rule of [`ConfigBuilder::allow`](super::ConfigBuilder::allow) does not allow the address.
    NotAllowed,
    /// The endpoint was beyond the limit of its answer, or the race had made its most attempts: see [`Answer`](super::Answer).
    OverLimit,
}

impl UntriedReason {
    /// Whether the reason is the address itself, and not the race or its family.
    pub(crate) fn is_of_address(self) -> bool {
        matches!(self, Self::Unspecified | Self::Multicast | Self::NoScope | Self::NotAllowed)
    }
}

impl fmt::Display for UntriedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotReached => "not reached",
            Self::Withdrawn => "left the answer",
            Self::FamilyDisabled => "its address family is switched off",
            Self::NoLocalAddress => "no local address of its family",
            Self::Unspecified => "the unspecified address",
            Self::Multicast => "a multicast or broadcast address",
            Self::NoScope => "a link-local address without a scope",
            Self::NotAllowed => "not allowed",
            Self::OverLimit => "beyond the limits of a race",
        })
    }
}
