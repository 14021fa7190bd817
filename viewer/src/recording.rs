//! Recordings of sessions: what a server sent, decrypted, with the time of each frame.
//!
//! A recording holds what is needed to see a session again, and no secret: neither who signed in
//! nor with what, nothing that was typed, and no clipboard. What the desktop showed is in it, of
//! course.
//!
//! ```text
//!  "ORIELREC"  version u32  header bytes u32  header (JSON)
//!  then for each frame, as it was on the wire under TLS (TPKT or fast-path):
//!  microseconds since the frame before u32  bytes u32  frame
//! ```
//!
//! Numbers are little-endian. The clock stands still until the session is active.

mod player;
mod setup;
mod writer;

pub use player::{Played, Player, RecordingError, Speed};
pub use writer::RecordingWriter;

const MAGIC: [u8; 8] = *b"ORIELREC";
const VERSION: u32 = 1;
/// No header comes near it.
const MAX_HEADER_BYTES: u32 = 1 << 20;
