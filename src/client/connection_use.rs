//! Tells which connection a response came over.

/// Tells which connection of its [`Client`](super::Client) a response came over. It is in the extensions of every response.
///
/// # Example
///
/// ```no_run
/// use hyper_happy_eyeballs::client::ConnectionUse;
/// use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let response = Client::new(HappyEyeballsConnector::new()).get("http://example.com/").await?;
/// if let Some(connection) = response.extensions().get::<ConnectionUse>() {
///     println!("connection {}, reused: {}", connection.id(), connection.is_reused());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionUse {
    id: u64,
    is_reused: bool,
}

impl ConnectionUse {
    pub(super) fn new(id: u64, is_reused: bool) -> Self {
        Self { id, is_reused }
    }

    /// Returns the number of the connection, which is unique among all connections of this client and its clones.
    pub fn id(self) -> u64 {
        self.id
    }

    /// Whether the connection had another request before. With [late binding](super::Builder::late_binding) it may instead have been made for another
    /// request that did not need it any more.
    pub fn is_reused(self) -> bool {
        self.is_reused
    }
}
