//! What is spoken over the connection of a request.

use std::collections::HashSet;

use http::header::UPGRADE;
use http::{Method, Request, Version};

use super::destination::{Destination, Speaks};
use super::error::ClientError;

/// Which servers are known to speak HTTP/2 (RFC 9113 §3.3).
#[derive(Clone, Debug, Default)]
pub(super) struct PriorKnowledge {
    /// All of them do.
    pub(super) of_all: bool,
    /// Those that do, by scheme and authority.
    pub(super) of_some: HashSet<Destination>,
}

impl PriorKnowledge {
    #[inline]
    fn is_there(&self, destination: &Destination) -> bool {
        self.of_all || (!self.of_some.is_empty() && self.of_some.contains(destination))
    }
}

/// Decides what is spoken to the destination of `request`, whose URI was taken out.
///
/// # Errors
///
/// An invalid request, if its version or what it asks for contradicts that.
#[inline]
pub(super) fn choose<B>(
    request: &Request<B>,
    destination: &mut Destination,
    known: &PriorKnowledge,
) -> Result<(), ClientError> {
    let is_known = known.is_there(destination);
    let headers = request.headers();
    let needs_http1 = *request.method() == Method::CONNECT || (!headers.is_empty() && headers.contains_key(UPGRADE));
    match (is_known, needs_http1, request.version()) {
        // Most requests.
        (false, false, Version::HTTP_11) => return Ok(()),
        (true, true, _) | (_, true, Version::HTTP_2) => {
            return Err(ClientError::invalid_request("CONNECT and Upgrade need HTTP/1.1"));
        }
        (true, _, Version::HTTP_10) => return Err(ClientError::invalid_request("the server speaks HTTP/2")),
        (false, _, Version::HTTP_2) if !destination.is_secure() => {
            return Err(ClientError::invalid_request("HTTP/2 without TLS needs prior knowledge"));
        }
        (true, false, _) | (false, false, Version::HTTP_2) => destination.set_speaks(Speaks::Http2),
        (false, _, _) => destination.set_speaks(Speaks::Http1),
    }
    Ok(())
}
