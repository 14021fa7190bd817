//! Luma and chroma planes, and the way between them and BGRA.
//!
//! The graphics pipeline uses full-range BT.709 throughout (`[MS-RDPEGFX] 3.3.8.3.1`), whatever a
//! stream says about itself. A 4:4:4 picture travels as two 4:2:0 pictures; [`avc444`] packs and
//! unpacks them.
//!
//! ```text
//!  H.264 main view ─▶ YuvFrame ─┬─────────────── yuv420_to_bgra ─▶ BGRA
//!                               ▼ avc444::combine_luma                ▲
//!                          Yuv444Picture ──────── yuv444_to_bgra ─────┘
//!                               ▲ avc444::combine_chroma_v1 / _v2
//!  H.264 auxiliary view ─▶ YuvFrame
//! ```

pub mod avc444;
mod from_bgra;
pub mod guided;
mod main_chroma;
mod picture;
mod plane;
mod to_bgra;

pub use from_bgra::{bgra_to_yuv420, bgra_to_yuv444};
pub use guided::{ChromaUpsampling, yuv420_to_bgra_guided};
pub use main_chroma::{MainChroma, MainChromaDetector};
pub use picture::{Yuv420Picture, Yuv444Picture};
pub use plane::{Plane, Yuv420Planes, Yuv444Planes, chroma_size};
pub use to_bgra::{yuv420_to_bgra, yuv444_to_bgra};

use crate::geometry::{Rect, Size};

/// The numbers of the colour conversion and of the 4:4:4 reassembly, for CPU and shaders alike.
///
/// With `y` from 0 to 255 and `cb`, `cr` less [`CHROMA_ZERO`](coefficients::CHROMA_ZERO):
/// `red = y + RED_FROM_CR * cr`, `green = y + GREEN_FROM_CB * cb + GREEN_FROM_CR * cr`,
/// `blue = y + BLUE_FROM_CB * cb`, each rounded to the nearest and clamped to 0 to 255.
pub mod coefficients {
    /// Weight of red in luma, BT.709.
    pub const LUMA_FROM_RED: f32 = 0.2126;
    /// Weight of blue in luma, BT.709.
    pub const LUMA_FROM_BLUE: f32 = 0.0722;
    /// Weight of green in luma.
    pub const LUMA_FROM_GREEN: f32 = 1.0 - LUMA_FROM_RED - LUMA_FROM_BLUE;
    /// Red for each step of Cr: 1.5748.
    pub const RED_FROM_CR: f32 = 2.0 * (1.0 - LUMA_FROM_RED);
    /// Blue for each step of Cb: 1.8556.
    pub const BLUE_FROM_CB: f32 = 2.0 * (1.0 - LUMA_FROM_BLUE);
    /// Green for each step of Cb: -0.1873.
    pub const GREEN_FROM_CB: f32 = -BLUE_FROM_CB * LUMA_FROM_BLUE / LUMA_FROM_GREEN;
    /// Green for each step of Cr: -0.4681.
    pub const GREEN_FROM_CR: f32 = -RED_FROM_CR * LUMA_FROM_RED / LUMA_FROM_GREEN;
    /// The chroma sample that stands for no colour.
    pub const CHROMA_ZERO: u8 = 128;
    /// A chroma sample that the reverse filter moves by this much or less stays as the main view
    /// has it, since the move is then more likely quantisation noise than colour
    /// (`[MS-RDPEGFX] 3.3.8.3.2`).
    pub const REVERSE_FILTER_THRESHOLD: u8 = 30;
}

/// Width and height of the macroblocks in which H.264 codes pictures.
pub const MACROBLOCK_PX: u32 = 16;

/// `size` rounded up to whole macroblocks, as coded pictures are (`[MS-RDPEGFX] 2.2.4.4`).
pub fn coded_size(size: Size) -> Size {
    Size::new(
        size.width
            .checked_next_multiple_of(MACROBLOCK_PX)
            .unwrap_or(!(MACROBLOCK_PX - 1)),
        size.height
            .checked_next_multiple_of(MACROBLOCK_PX)
            .unwrap_or(!(MACROBLOCK_PX - 1)),
    )
}

/// The part of `rect` inside a picture of `size`, widened to whole blocks of 2×2 pixels, which
/// share chroma. The result may reach one column and one row beyond an odd `size`.
///
/// Planes are updated in these; only the pixels of `rect` itself are shown.
pub fn widen_to_blocks(rect: &Rect, size: Size) -> Rect {
    let clipped = rect.intersect(&size.to_rect());
    if clipped.is_empty() {
        return Rect::default();
    }
    Rect::new(
        clipped.left & !1,
        clipped.top & !1,
        clipped.right.saturating_add(clipped.right & 1),
        clipped.bottom.saturating_add(clipped.bottom & 1),
    )
}
