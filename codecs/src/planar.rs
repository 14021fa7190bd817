//! The planar codec, also called RDP 6.0 bitmap compression (`[MS-RDPEGDI] 2.2.2.5.1`, `3.1.9`):
//! what Windows sends for small and for sharp parts of the desktop.
//!
//! A picture is split into planes of one byte a pixel, alpha first, then red, green and blue; or
//! luma and two chroma planes, of which bits may be dropped ("color loss") and three pixels of
//! four ("subsampling"). Each plane is coded by itself, by rows: the first row's values, then the
//! differences of each row from the one above.
//!
//! ```text
//! format header │ alpha? │ red or luma │ green or orange chroma │ blue or green chroma │ pad?
//!
//! bits 0-2  color loss level; 0 means RGB
//! bit 3     chroma is subsampled
//! bit 4     planes are run-length coded, else raw (and a byte of padding follows)
//! bit 5     no alpha plane
//! ```

mod decoder;
mod encoder;
mod plane;

use thiserror::Error;

pub use decoder::decode;
pub use encoder::encode;

use crate::geometry::Size;
use crate::picture::RowOrder;

/// What a payload cannot tell about its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanarLayout {
    /// Width and height of the encoded picture, which may be more than is shown.
    pub size: Size,
    /// Which row comes first: the bottom one in bitmap updates, the top one in the graphics
    /// pipeline.
    pub row_order: RowOrder,
    /// Whether the alpha plane, where there is one, becomes the fourth byte. Else that is 255, as
    /// it is without an alpha plane.
    pub has_alpha: bool,
}

impl PlanarLayout {
    /// A picture of a bitmap update at 32 bits a pixel: bottom row first, opaque.
    pub const fn update(size: Size) -> Self {
        Self {
            size,
            row_order: RowOrder::BottomUp,
            has_alpha: false,
        }
    }

    /// A picture of the graphics pipeline: top row first.
    pub const fn pipeline(size: Size, has_alpha: bool) -> Self {
        Self {
            size,
            row_order: RowOrder::TopDown,
            has_alpha,
        }
    }
}

/// Why a payload could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The data ends before the last plane does.
    #[error("planar data ends too early")]
    Truncated,
    /// A segment goes on after the end of its row.
    #[error("planar segment of {segment} pixels where the row has {left} left")]
    RowOverrun {
        /// Pixels of the segment.
        segment: usize,
        /// Pixels that the row lacks.
        left: usize,
    },
    /// Subsampled chroma in a picture that has no chroma.
    #[error("planar picture with subsampled red, green and blue")]
    SubsampledRgb,
}

/// How a picture is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanarOptions {
    /// Bits to drop from each chroma value, 1 to 7; 0 keeps red, green and blue, and every bit.
    pub color_loss_level: u8,
    /// Whether four pixels share their chroma; only with a color loss level above 0.
    pub subsamples_chroma: bool,
}

/// Memory that [`decode`] and [`encode`] use, to be kept from one picture to the next.
#[derive(Debug, Default)]
pub struct PlanarScratch {
    /// Alpha, red or luma, green or orange chroma, blue or green chroma.
    planes: [Vec<u8>; 4],
    /// A row's values as the encoder codes them.
    row: Vec<u8>,
}

/// The first byte of a payload.
#[derive(Clone, Copy)]
struct FormatHeader {
    color_loss_level: u8,
    subsamples_chroma: bool,
    has_runs: bool,
    has_alpha: bool,
}

impl FormatHeader {
    const COLOR_LOSS_MASK: u8 = 0x07;
    const CHROMA_SUBSAMPLING: u8 = 0x08;
    const RLE: u8 = 0x10;
    const NO_ALPHA: u8 = 0x20;

    fn decode(byte: u8) -> Self {
        Self {
            color_loss_level: byte & Self::COLOR_LOSS_MASK,
            subsamples_chroma: byte & Self::CHROMA_SUBSAMPLING != 0,
            has_runs: byte & Self::RLE != 0,
            has_alpha: byte & Self::NO_ALPHA == 0,
        }
    }

    fn encode(self) -> u8 {
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        self.color_loss_level
            | flag(self.subsamples_chroma, Self::CHROMA_SUBSAMPLING)
            | flag(self.has_runs, Self::RLE)
            | flag(!self.has_alpha, Self::NO_ALPHA)
    }

    /// Width and height of each plane of a picture of `size`; nothing where there is no plane.
    fn plane_sizes(self, size: Size) -> [Size; 4] {
        let chroma = if self.subsamples_chroma {
            Size::new(size.width.div_ceil(2), size.height.div_ceil(2))
        } else {
            size
        };
        let alpha = if self.has_alpha {
            size
        } else {
            Size::default()
        };
        [alpha, size, chroma, chroma]
    }
}
