//! Which connection a response came over.

/// Which connection of its [`Client`](super::Client) a response came over: in the extensions of every response.
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

    /// The number of the connection. No other connection of the same client and its clones has it, now or later.
    pub fn id(self) -> u64 {
        self.id
    }

    /// Whether the connection had been used for another request before, or, with [late binding](super::Builder::late_binding), was made for
    /// another one that did not need it any more.
    pub fn is_reused(self) -> bool {
        self.is_reused
    }
}
