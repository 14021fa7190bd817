//! Virtual channels: the chunks of static ones and the dynamic ones inside `drdynvc`.
//!
//! ```text
//!  MCS channel ─▶ ChannelReassembler ─▶ message ─▶ dynamic::DynamicChannelsClient ─▶ events
//!              ◀─ write_chunks       ◀─ message ◀─              poll_transmit
//! ```

mod chunk;
pub mod dynamic;

pub use chunk::{CHUNK_LENGTH, ChannelFlags, ChannelHeader, ChannelReassembler, write_chunks};

/// The static channel that carries the dynamic ones.
pub const DYNAMIC_CHANNELS_NAME: &str = "drdynvc";
