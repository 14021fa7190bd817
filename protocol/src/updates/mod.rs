//! Drawing without the graphics pipeline: fast-path and slow-path updates, surface commands and
//! mouse pointers (`[MS-RDPBCGR] 2.2.9`).
//!
//! [`UpdateReader`] turns what a server sends into [`GraphicsCommand`]s on
//! [`SurfaceId::PRIMARY`](crate::graphics::SurfaceId::PRIMARY) and [`PointerUpdate`]s.
//! [`UpdateWriter`] is the way back.
//!
//! Updates come compressed where the client offered to take that. Drawing orders
//! (`[MS-RDPEGDI]`) are never offered: they are counted and passed over.

mod bitmap;
mod fast_path;
mod pointer;
mod reader;
mod surface_commands;
mod writer;

pub use fast_path::{FastPathFragment, MAX_FAST_PATH_UPDATE_BYTES};
pub use reader::{UpdateReader, UpdateReaderConfig};
pub use surface_commands::{SURFACE_BITS_HEADER_BYTES, SurfaceCodecIds};
pub use writer::{OutputPdu, UpdateWriter, UpdateWriterConfig};

use crate::graphics::{GraphicsCommand, PointerUpdate};

/// What an update says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateEvent {
    /// Drawing on the desktop's surface.
    Graphics(GraphicsCommand),
    /// The mouse pointer changed.
    Pointer(PointerUpdate),
}

#[cfg(test)]
mod tests;
