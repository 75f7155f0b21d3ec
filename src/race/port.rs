//! Which port an endpoint has.

/// The port to connect to, by the URI, and whether the URI named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Explicit(u16),
    OfScheme(u16),
}

impl Port {
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Explicit(port) | Self::OfScheme(port) => port,
        }
    }

    /// A port in the URI wins, else one that the resolver supplied, else the scheme's.
    pub(crate) fn or_supplied(self, supplied: u16) -> u16 {
        match self {
            Self::OfScheme(_) if supplied != 0 => supplied,
            Self::Explicit(port) | Self::OfScheme(port) => port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_the_uri_wins_then_the_resolvers_then_the_schemes() {
        assert_eq!(Port::Explicit(9000).or_supplied(8443), 9000);
        assert_eq!(Port::Explicit(9000).or_supplied(0), 9000);
        assert_eq!(Port::OfScheme(80).or_supplied(8443), 8443);
        assert_eq!(Port::OfScheme(80).or_supplied(0), 80);
    }
}
