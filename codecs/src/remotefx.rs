//! The stages of RemoteFX, from entropy-coded bits to pixels (`[MS-RDPRFX] 3.1.8.2`).
//!
//! A picture is cut into tiles of 64 by 64 pixels; each of a tile's three components takes this
//! way, in fixed point with five fractional bits from [`quant`] on:
//!
//! ```text
//!  bits ─▶ rlgr ─▶ LL3 deltas summed ─▶ quant ─▶ dwt ─▶ color ─▶ BGRA
//!          4096 coefficients, ten sub-bands      3 levels
//! ```
//!
//! RemoteFX Progressive ([`crate::progressive`]) is built of these stages.

pub mod bits;
pub mod color;
pub mod dwt;
pub mod quant;
pub mod rlgr;

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

/// Sums the deltas that an LL3 band is sent as (`[MS-RDPRFX] 3.1.8.1.6`).
pub fn sum_deltas(ll3: &mut [i16]) {
    let mut sum = 0i16;
    for value in ll3 {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}
