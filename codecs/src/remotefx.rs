//! RemoteFX (`[MS-RDPRFX]`).
//!
//! A picture is cut into tiles of 64 by 64 pixels; each of a tile's three components takes this
//! way, in fixed point with five fractional bits from [`quant`] on:
//!
//! ```text
//!  blocks ─▶ bits ─▶ rlgr ─▶ LL3 deltas summed ─▶ quant ─▶ dwt ─▶ color ─▶ BGRA
//!                    4096 coefficients, ten sub-bands      3 levels
//! ```
//!
//! [`RemoteFxEncoder`] goes the same way from right to left. A stream is a sequence of blocks:
//! headers (synchronisation, versions, channels, context), then frames; a frame holds a region,
//! which is a list of rectangles, and the set of tiles that cover it. Nothing of a frame is needed
//! to decode the next one.
//!
//! RemoteFX Progressive ([`crate::progressive`]) is built of these stages.

pub mod bits;
mod blocks;
pub(crate) mod clip;
pub mod coefficients;
pub mod color;
mod decoder;
pub mod dwt;
mod encoder;
mod error;
pub(crate) mod fields;
pub(crate) mod painter;
pub mod quant;
pub mod rlgr;
pub(crate) mod tile;
pub(crate) mod tile_source;

pub use coefficients::{CoefficientTile, CoefficientTiles};
pub use decoder::RemoteFxDecoder;
pub use encoder::{Mode, RemoteFxEncoder, RemoteFxEncoderOptions};
pub use error::RemoteFxError;

/// Columns and rows of a tile.
pub const TILE_SIZE: usize = 64;

/// Coefficients, or samples, of one component of a tile.
pub const TILE_AREA: usize = TILE_SIZE * TILE_SIZE;

/// One component of a tile.
pub type Component = [i16; TILE_AREA];

/// Bytes of a tile in BGRA.
pub const TILE_BYTES: usize = TILE_AREA * crate::picture::BYTES_PER_PIXEL;

/// Bytes from one row of a tile in BGRA to the next.
pub const TILE_STRIDE_BYTES: usize = TILE_SIZE * crate::picture::BYTES_PER_PIXEL;

/// The entropy coder (`[MS-RDPRFX] 3.1.8.1.7`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entropy {
    /// A value a code.
    Rlgr1,
    /// Two values a code outside of runs.
    Rlgr3,
}

/// Sums the deltas that an LL3 band is sent as (`[MS-RDPRFX] 3.1.8.1.6`).
pub fn sum_deltas(ll3: &mut [i16]) {
    let mut sum = 0i16;
    for value in ll3 {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

/// Replaces the values of an LL3 band by their deltas: the way back from [`sum_deltas`].
pub fn take_deltas(ll3: &mut [i16]) {
    let mut before = 0i16;
    for value in ll3 {
        let delta = value.wrapping_sub(before);
        before = *value;
        *value = delta;
    }
}
