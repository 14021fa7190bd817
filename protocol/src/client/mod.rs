//! The client's side of the conversation.

mod config;
mod error;
mod event;

pub use config::*;
pub use error::ProtocolError;
pub use event::*;
