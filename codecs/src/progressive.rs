//! RemoteFX Progressive (`[MS-RDPEGFX] 2.2.4.2`, `3.2.8.1`, `3.3.8.2`).
//!
//! A tile comes whole, or as a rough first pass that later passes refine; either as it is or as the
//! difference to the one before it.
//!
//! ```text
//!  payload ─▶ blocks ─▶ region ─▶ simple, first ── rlgr ──┐
//!                          │      upgrade ── srl, raw ────┴▶ tile's coefficients ─▶ dwt ─▶ BGRA
//!                          └─▶ rectangles: what of the tiles is drawn
//! ```
//!
//! [`ProgressiveEncoder`] keeps the same coefficients, as they were before dequantisation, so that it
//! knows what the decoder is short of.
//!
//! One [`ProgressiveDecoder`] is one codec context of one surface (`RDPGFX_WIRE_TO_SURFACE_PDU_2`,
//! `codecContextId`); it is dropped by `RDPGFX_DELETE_ENCODING_CONTEXT_PDU`, with the surface, and
//! by a reset.

mod blocks;
mod decoder;
mod encoded_tile;
mod encoder;
mod srl;
mod tile;

use thiserror::Error;

use crate::remotefx::fields::{BlockError, Truncated};

pub use decoder::ProgressiveDecoder;
pub use encoder::{Pass, ProgressiveEncoder, ProgressiveEncoderOptions, QualityStep};

/// A payload that cannot be decoded. The pictures of tiles that came before it in the payload may
/// have changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProgressiveError {
    /// The data ends inside a block.
    #[error("progressive: the data ends inside {0}")]
    Truncated(&'static str),
    /// A field holds a value that makes the rest unreadable.
    #[error("progressive: invalid {field} {value}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A tile that never came is refined.
    #[error("progressive: tile ({column}, {row}) is upgraded without a first pass")]
    NoFirstPass {
        /// Column of the tile.
        column: u16,
        /// Row of the tile.
        row: u16,
    },
}

impl From<Truncated> for ProgressiveError {
    fn from(Truncated(what): Truncated) -> Self {
        Self::Truncated(what)
    }
}

impl From<BlockError> for ProgressiveError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Truncated(truncated) => truncated.into(),
            BlockError::Length(length) => Self::Invalid {
                field: "block length",
                value: length.into(),
            },
        }
    }
}
