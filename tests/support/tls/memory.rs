//! Servers without sockets, for virtual time.

use std::sync::Arc;

use tokio::io::DuplexStream;

use super::conduct::Conduct;
use super::seen::Seen;

/// More bytes than any handshake needs.
pub(crate) const BUFFER: usize = 64 * 1024;

/// Returns a connection with a buffer of this size, to a server with this conduct.
pub(crate) fn dial(buffer: usize, conduct: &Conduct, seen: &Arc<Seen>) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(buffer);
    let (conduct, seen) = (conduct.clone(), Arc::clone(seen));
    seen.on_accepted();
    tokio::spawn(async move { conduct.run(theirs, &seen).await });
    ours
}
