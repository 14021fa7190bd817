//! ClearCodec (`[MS-RDPEGFX] 2.2.4.1`, `3.3.8.1`): what Windows sends for text, without loss.
//!
//! A picture is up to three layers, each drawn over the one before:
//!
//! ```text
//! flags │ sequence │ glyph? │ 3 byte counts │ residual      │ bands            │ subcodecs
//!                                           │ runs of one   │ columns of text, │ rectangles: raw,
//!                                           │ color, raster │ by two caches    │ NSCodec, RLEX
//!                                           │ order         │                  │
//! ```
//!
//! A *band* is up to 52 rows high and made of columns, called V-bars. One that both sides have in
//! their V-bar cache is sent as its index. One that is not is a string of pixels on a background;
//! that string, the short V-bar, is sent as its index in a second cache or, failing that, pixel by
//! pixel. Every column that was not a hit goes into the first cache, and every string that was not
//! into the second, in the order in which they come and round about. A page of text has few
//! columns that are new.
//!
//! A *glyph* is a whole picture of up to 1024 pixels that is kept under an index of the server's
//! choice, and drawn again by that.
//!
//! All caches outlive a picture, a frame and a surface: there is one decoder, and one encoder, a
//! connection, and pictures go through it in their order.

mod bands;
mod bars;
mod columns;
mod decoder;
mod encoder;
mod glyphs;
mod residual;
mod rlex;
mod row;
mod strip;
mod subcodecs;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use decoder::ClearCodecDecoder;
pub use encoder::ClearCodecEncoder;

use crate::geometry::Size;
use crate::nscodec;

/// A pixel as the caches and the encoder have it: the bytes of [`Picture`](crate::Picture) as a
/// little endian number, opaque.
type Pixel = u32;

/// The alpha of an opaque [`Pixel`].
const OPAQUE: Pixel = 0xFF00_0000;

/// The highest band, and with it the longest V-bar (`2.2.4.1.1.2.1`).
const MAX_BAND_HEIGHT: usize = 52;
/// Slots of the V-bar cache (`3.3.1.10`).
const BAR_SLOTS: usize = 32_768;
/// Slots of the short V-bar cache (`3.3.1.12`).
const SHORT_BAR_SLOTS: usize = 16_384;
/// Slots for glyphs, and the most pixels of one (`3.3.1.9`).
const GLYPH_SLOTS: usize = 4_000;
const MAX_GLYPH_PIXELS: u64 = 1_024;

/// `CLEARCODEC_FLAG_GLYPH_INDEX`.
const FLAG_GLYPH_INDEX: u8 = 0x01;
/// `CLEARCODEC_FLAG_GLYPH_HIT`.
const FLAG_GLYPH_HIT: u8 = 0x02;
/// `CLEARCODEC_FLAG_CACHE_RESET`.
const FLAG_CACHE_RESET: u8 = 0x04;

/// Why a payload could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClearCodecError {
    /// The data ends too early.
    #[error("ClearCodec data ends too early")]
    Truncated,
    /// A glyph is to be drawn from the cache, and no index tells which.
    #[error("ClearCodec glyph without an index")]
    GlyphWithoutIndex,
    /// The index of a glyph is none of 0 to 3999.
    #[error("ClearCodec glyph {0}")]
    GlyphIndex(u16),
    /// A glyph has more than 1024 pixels.
    #[error("ClearCodec glyph of {}x{} pixels", .0.width, .0.height)]
    GlyphTooLarge(Size),
    /// A glyph is to be drawn from the cache that has fewer pixels than the picture.
    #[error("ClearCodec glyph {index} of {cached} pixels is to fill {due}")]
    GlyphMissing {
        /// The slot.
        index: u16,
        /// Pixels that are there.
        cached: usize,
        /// Pixels of the picture.
        due: u64,
    },
    /// A run goes on after the last pixel.
    #[error("ClearCodec run beyond the last pixel")]
    RunTooLong,
    /// A band ends before it starts, or is higher than 52 rows.
    #[error("ClearCodec band from row {top} to {bottom}, from column {left} to {right}")]
    Band {
        /// First row.
        top: u16,
        /// Last row.
        bottom: u16,
        /// First column.
        left: u16,
        /// Last column.
        right: u16,
    },
    /// A short V-bar ends before it starts, or is longer than 52 pixels.
    #[error("ClearCodec short V-bar from {on} to {off}")]
    ShortBar {
        /// First row.
        on: u8,
        /// One past the last row.
        off: u8,
    },
    /// A rectangle of the third layer is not inside the picture.
    #[error("ClearCodec rectangle of {}x{} pixels at {left}, {top}, outside the picture", size.width, size.height)]
    Outside {
        /// First column.
        left: u16,
        /// First row.
        top: u16,
        /// Width and height.
        size: Size,
    },
    /// A way to code a rectangle that there is not.
    #[error("ClearCodec subcodec {0}")]
    Subcodec(u8),
    /// A palette has no color, or more than 127.
    #[error("ClearCodec palette of {0} colors")]
    PaletteCount(u8),
    /// A suite of colors starts before the first or ends after the last.
    #[error("ClearCodec suite of {depth} colors before {stop}, in a palette of {count}")]
    Suite {
        /// Index of the last color.
        stop: u8,
        /// How many precede it.
        depth: u8,
        /// Colors of the palette.
        count: u8,
    },
    /// A rectangle coded by NSCodec is faulty.
    #[error(transparent)]
    NsCodec(#[from] nscodec::DecodeError),
}

/// Takes `N` bytes off `data`.
fn take<const N: usize>(data: &mut &[u8]) -> Result<[u8; N], ClearCodecError> {
    let (bytes, rest) = data.split_first_chunk().ok_or(ClearCodecError::Truncated)?;
    *data = rest;
    Ok(*bytes)
}

/// Takes a little endian number off `data`.
fn take_u16(data: &mut &[u8]) -> Result<u16, ClearCodecError> {
    take(data).map(u16::from_le_bytes)
}

/// Takes a little endian number off `data`.
fn take_u32(data: &mut &[u8]) -> Result<u32, ClearCodecError> {
    take(data).map(u32::from_le_bytes)
}

/// Takes `count` bytes off `data`.
fn take_slice<'a>(data: &mut &'a [u8], count: u32) -> Result<&'a [u8], ClearCodecError> {
    data.split_off(..count as usize)
        .ok_or(ClearCodecError::Truncated)
}

/// Takes the length of a run off `data`: one byte, or two or four more where it is larger than
/// fewer can hold (`2.2.4.1.1.1.1`, `2.2.4.1.1.3.1.1.2`).
#[inline]
fn take_run(data: &mut &[u8]) -> Result<u32, ClearCodecError> {
    let [short] = take(data)?;
    if short < u8::MAX {
        return Ok(u32::from(short));
    }
    let medium = take_u16(data)?;
    if medium < u16::MAX {
        return Ok(u32::from(medium));
    }
    take_u32(data)
}

/// Appends the length of a run.
fn push_run(run: u32, out: &mut Vec<u8>) {
    if run < u32::from(u8::MAX) {
        out.push(run as u8);
    } else if run < u32::from(u16::MAX) {
        out.push(u8::MAX);
        out.extend((run as u16).to_le_bytes());
    } else {
        out.extend([0xFF; 3]);
        out.extend(run.to_le_bytes());
    }
}

/// Appends blue, green and red of each pixel.
fn push_pixels(pixels: &[Pixel], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + 3 * pixels.len(), 0);
    for (to, &from) in out[start..].as_chunks_mut().0.iter_mut().zip(pixels) {
        *to = bgr(from);
    }
}

/// An opaque pixel from blue, green and red.
const fn pixel([blue, green, red]: [u8; 3]) -> Pixel {
    Pixel::from_le_bytes([blue, green, red, 0xFF])
}

/// Blue, green and red of a pixel.
const fn bgr(pixel: Pixel) -> [u8; 3] {
    let [blue, green, red, _] = pixel.to_le_bytes();
    [blue, green, red]
}
