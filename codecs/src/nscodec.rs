//! NSCodec (`[MS-RDPNSC]`): what a server sends as surface bits where it has no better codec in
//! common with its client, and one of the means of [`clearcodec`](crate::clearcodec).
//!
//! A picture becomes luma, two chroma planes ("orange" and "green") and, where it has one, an
//! alpha plane. Chroma loses bits ("color loss") and can be shared by four pixels
//! ("subsampling"). Each plane is run-length coded as one string of bytes, or goes as it is where
//! that is shorter.
//!
//! ```text
//! 4 byte counts │ color loss level │ subsampling │ 2 reserved │ luma │ orange │ green │ alpha?
//!
//!              PlaneReader          widen            merge
//!  luma   ─────────────────▶ row ──────────────────▶ ┐
//!  orange ─────────────────▶ row ───▶ twice as wide ▶ ├──▶ a row of the target
//!  green  ─────────────────▶ row ───▶ twice as wide ▶ │
//!  alpha  ─────────────────▶ row ──────────────────▶ ┘
//! ```
//!
//! Planes are read two rows at a time, so that what lies between a payload and its pixels is a few
//! rows, whatever the size of the picture. Where threads share a picture, each plane is one's, and
//! so is the merging of the rows before; what they have in common is then a band of more rows.

mod decoder;
mod encoder;
mod plane;

use thiserror::Error;

pub use decoder::decode;
pub(crate) use decoder::decode_opaque;
pub use encoder::encode;

use crate::geometry::Size;
use crate::picture::RowOrder;

/// Values beyond the end of a row that a [`plane::PlaneReader`] may write to.
const ROW_SLACK: usize = 16;

/// Why a payload could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The data ends before the last plane does.
    #[error("NSCodec data ends too early")]
    Truncated,
    /// The color loss level is none of 1 to 7.
    #[error("NSCodec color loss level {0}")]
    ColorLossLevel(u8),
    /// A plane that cannot be absent is.
    #[error("NSCodec picture without luma or chroma")]
    EmptyPlane,
    /// A plane has more bytes than values.
    #[error("NSCodec plane of {coded} bytes for {values} values")]
    PlaneTooLong {
        /// Bytes that the plane has.
        coded: u32,
        /// Values that it stands for.
        values: u64,
    },
    /// A run goes on into the last four values, which are never part of one.
    #[error("NSCodec run of {run} values where the plane has {left} left")]
    RunTooLong {
        /// Values of the run.
        run: u32,
        /// Values that the plane lacks, the last four among them.
        left: u64,
    },
}

/// How a picture is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NsCodecOptions {
    /// Bits to drop from each chroma value of nine, 1 to 7.
    pub color_loss_level: u8,
    /// Whether four pixels share their chroma.
    pub chroma_subsampling: bool,
    /// Whether the fourth byte of each pixel goes along; else the picture is opaque.
    pub has_alpha: bool,
    /// Which row comes first: the bottom one in surface bits, the top one in ClearCodec.
    pub row_order: RowOrder,
}

impl Default for NsCodecOptions {
    /// The least loss, for surface bits.
    fn default() -> Self {
        Self {
            color_loss_level: 1,
            chroma_subsampling: false,
            has_alpha: false,
            row_order: RowOrder::BottomUp,
        }
    }
}

/// The values of some rows: luma, orange chroma, green chroma, alpha.
type Buffers = [Vec<u8>; 4];

/// Memory that [`decode`] and [`encode`] use, to be kept from one picture to the next.
///
/// The decoder needs ten bytes a column, and none a row, or half a megabyte where threads share a
/// picture; the encoder three or four bytes a pixel.
#[derive(Clone, Debug, Default)]
pub struct NsCodecScratch {
    /// All planes of a picture that is being encoded.
    planes: Buffers,
    /// The rows of one that become pixels, and those that are being read.
    bands: [Buffers; 2],
    /// A row of orange and green chroma with a value for each pixel.
    widened: [Vec<u8>; 2],
}

/// Everything before the first plane (`NSCODEC_BITMAP_STREAM`, `2.2.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    /// Luma, orange chroma, green chroma, alpha.
    plane_bytes: [u32; 4],
    color_loss_level: u8,
    chroma_subsampling: bool,
}

impl Header {
    const BYTES: usize = 20;

    /// Takes a header off `data`.
    fn decode(data: &mut &[u8]) -> Result<Self, DecodeError> {
        let (header, rest) = data
            .split_first_chunk::<{ Self::BYTES }>()
            .ok_or(DecodeError::Truncated)?;
        *data = rest;
        let (counts, rest) = header.as_chunks::<4>();
        debug_assert!(rest.is_empty());
        let color_loss_level = header[16];
        if !(1..=7).contains(&color_loss_level) {
            return Err(DecodeError::ColorLossLevel(color_loss_level));
        }
        Ok(Self {
            plane_bytes: std::array::from_fn(|plane| u32::from_le_bytes(counts[plane])),
            color_loss_level,
            chroma_subsampling: header[17] != 0,
        })
    }

    fn encode(&self) -> [u8; Self::BYTES] {
        let mut header = [0; Self::BYTES];
        for (field, count) in header.as_chunks_mut().0.iter_mut().zip(self.plane_bytes) {
            *field = count.to_le_bytes();
        }
        header[16] = self.color_loss_level;
        header[17] = u8::from(self.chroma_subsampling);
        header
    }
}

/// Width and height of the planes of a picture of `size`: of luma, and of each chroma.
///
/// With subsampling rows are padded to a multiple of eight values (`2.2.2`, `3.1.8.2`).
fn plane_sizes(size: Size, chroma_subsampling: bool) -> [Size; 2] {
    if !chroma_subsampling {
        return [size; 2];
    }
    let padded = size.width.next_multiple_of(8);
    [
        Size::new(padded, size.height),
        Size::new(padded / 2, size.height.div_ceil(2)),
    ]
}
