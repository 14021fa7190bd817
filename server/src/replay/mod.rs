//! A server with a script: frames that were encoded beforehand, sent as fast as the client takes
//! them, at a fixed rate, or one for each key and click.
//!
//! ```text
//!  pictures ─▶ Recording ─▶ Part (where, when) ─┐
//!              a codec       Part ──────────────┴▶ Stage ─▶ Player, one a client ─▶ session
//! ```
//!
//! What a client costs, and how soon it shows what it was sent, can be measured against it: the
//! server itself only copies bytes while the clock runs.

mod player;
mod recording;
mod server;

pub use player::{Pace, Part, ReplayControl, Stage};
pub use recording::{Recording, RecordingError, ReplayCodec};
pub use server::{ReplayOptions, ReplayServer};
