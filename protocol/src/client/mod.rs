//! The client's side of the conversation: [`ClientConnection`].

mod config;
mod connection;
mod drawing;
mod dynamic;
mod error;
mod event;
mod outbox;
mod recorder;
mod sequence;
mod session;
mod settings;
mod static_channels;
mod statistics;

pub use config::*;
pub use connection::ClientConnection;
pub use error::ProtocolError;
pub use event::*;
pub use statistics::{ChannelStatistics, ConnectionStatistics};
