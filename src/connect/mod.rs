//! The connector: resolves a name, races its addresses, and says how it went.
//!
//! 1. The [`Uri`](http::Uri) is parsed. A host that is an address needs no resolver. A URI that cannot be connected to is an
//!    error before anything is sent.
//! 2. The resolver is asked. Its answers go to a [`Race`](crate::race::Race) as they arrive; a single address needs no race.
//! 3. Attempts start when the race decides so. The first connection wins, and every other socket is closed before the connection is returned.
//! 4. The record of the race is the connection's [`ConnectInfo`], or the [`ConnectError`](crate::ConnectError)'s
//!    [`attempts`](crate::ConnectError::attempts).

pub(crate) mod authority;
mod builder;
mod choices;
mod driver;
mod future;
mod handshake_watch;
mod layer;
mod memory;
mod racing;
mod record;
mod request;
mod security;
mod service;
mod settings;
mod target;
#[cfg(feature = "tls")]
mod tls;

pub use self::builder::Builder;
pub use self::future::Connecting;
#[cfg(feature = "client")]
pub(crate) use self::handshake_watch::{HandshakeWatch, Handshaking};
pub use self::layer::HappyEyeballsLayer;
pub use self::memory::MemoryHandle;
pub use self::request::{ConnectRequest, ConnectScope};
pub use self::security::{Plain, Security};
pub use self::service::HappyEyeballsConnector;
pub use crate::connection::{ConnectInfo, HappyEyeballsStream};
