//! The connection that a race gives, and what it knows of its race. [`connect`](crate::connect) passes both on.

mod info;
mod socket_below;
mod stream;

pub use self::info::ConnectInfo;
pub use self::socket_below::SocketBelow;
pub use self::stream::HappyEyeballsStream;
