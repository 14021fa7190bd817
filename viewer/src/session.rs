//! A session: the conversation with one server, from the first packet to the last.
//!
//! ```text
//!  window ──▶ Inbox ──▶ ┌──────┐ ◀── bytes ──▶ transport
//!  renderer ──▶ Inbox ─▶│ link │ ── commands ──▶ renderer (stops reading while that is full)
//!                       └──────┘ ── Notice ──▶ window or headless
//! ```
//!
//! One task owns the stream and the protocol's machine. It always takes input first, and keeps
//! sending while it is not reading.

mod activity;
mod attend;
mod errands;
mod inbox;
mod link;
mod outgoing;
mod record;
mod round_trip;

pub use activity::Activity;
pub use attend::{Plan, Source, attend};
pub use errands::Errands;
pub use inbox::{DecoderChange, Inbox, Requests};
pub use link::{Canvas, End, Farewell, Link, Notice, Wires};
pub use record::{Figures, SessionRecord, format_graphics_version, step_name};
