//! The connection that a race returns, and the record of the race. [`connect`](crate::connect) exports both.

mod info;
mod socket_below;
mod stream;

pub use self::info::ConnectInfo;
pub use self::socket_below::SocketBelow;
pub use self::stream::HappyEyeballsStream;
