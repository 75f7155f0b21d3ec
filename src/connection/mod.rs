//! What a connect comes to: a connection, and how it came about.

mod info;
mod stream;

pub use self::info::ConnectInfo;
pub use self::stream::HappyEyeballsStream;
