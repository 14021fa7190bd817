//! The client's side of the conversation.

mod config;
mod event;

pub use config::*;
pub use event::*;
