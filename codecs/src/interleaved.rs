//! Interleaved RLE (`[MS-RDPBCGR] 2.2.9.1.1.3.1.2.4`, `3.1.9`): the codec of bitmap updates at 8,
//! 15, 16 and 24 bits a pixel.
//!
//! A stream of orders fills the bitmap from its bottom row up, pixel by pixel, across the ends of
//! rows. Most orders tell a pixel by the one above it (which in the stream comes a row earlier):
//! it is the same ("background"), or the same with the bits of a current colour flipped
//! ("foreground"). On the first row black stands in for the pixel above.
//!
//! ```text
//! header              3 bits of order, 5 of length │ 4 and 4 (lite) │ F0..FE and 16 bits of length
//! background run      ──            as above
//! foreground run      [colour]      as above, flipped; the colour is kept ("set") for later ones
//! image of both       [colour] bits one bit a pixel picks
//! colour run          colour
//! dithered run        two colours   in turn
//! colour image        pixels        as they are
//! white, black        ──            one pixel
//! ```

mod decoder;
mod encoder;
mod orders;

use thiserror::Error;

pub use decoder::decode;
pub use encoder::encode;

/// Why a stream could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The codec knows 8, 15, 16 and 24 bits a pixel.
    #[error("interleaved bitmap of {0} bits a pixel")]
    UnsupportedDepth(u8),
    /// Wider than the wire's 16 bits can tell: no bitmap, and no reason to claim memory for a row.
    #[error("interleaved bitmap of {0} columns")]
    TooWide(u32),
    /// A header that stands for no order.
    #[error("unknown order {0:#04x} in an interleaved bitmap")]
    UnknownOrder(u8),
    /// The data ends inside an order.
    #[error("interleaved bitmap ends inside an order")]
    Truncated,
    /// An order goes on after the last pixel.
    #[error("interleaved bitmap goes on after its last pixel")]
    TooManyPixels,
}

/// Memory that [`decode`] and [`encode`] use, to be kept from one bitmap to the next.
#[derive(Debug, Default)]
pub struct InterleavedScratch {
    bytes: Buffers<u8>,
    words: Buffers<u16>,
    triples: Buffers<u32>,
    packed: Vec<u8>,
}

/// Pixels of one width.
#[derive(Debug, Default)]
struct Buffers<P> {
    above: Vec<P>,
    here: Vec<P>,
}

/// A pixel as the orders see it: a number whose bits can be flipped.
trait Pixel: Copy + Default + Eq + std::ops::BitXor<Output = Self> {
    /// Bytes on the wire.
    const BYTES: usize;

    /// From exactly [`Self::BYTES`] bytes.
    fn read(bytes: &[u8]) -> Self;

    /// As many pixels as there are.
    fn read_all(bytes: &[u8], pixels: &mut [Self]);

    fn write(self, out: &mut Vec<u8>);
}

impl Pixel for u8 {
    const BYTES: usize = 1;

    fn read(bytes: &[u8]) -> Self {
        bytes[0]
    }

    #[inline(always)]
    fn read_all(bytes: &[u8], pixels: &mut [Self]) {
        pixels.copy_from_slice(bytes);
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self);
    }
}

impl Pixel for u16 {
    const BYTES: usize = 2;

    fn read(bytes: &[u8]) -> Self {
        u16::from_le_bytes([bytes[0], bytes[1]])
    }

    #[inline(always)]
    fn read_all(bytes: &[u8], pixels: &mut [Self]) {
        for (pixel, bytes) in pixels.iter_mut().zip(bytes.as_chunks().0) {
            *pixel = u16::from_le_bytes(*bytes);
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
}

/// 24 bits, in the low end.
impl Pixel for u32 {
    const BYTES: usize = 3;

    fn read(bytes: &[u8]) -> Self {
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
    }

    #[inline(always)]
    fn read_all(bytes: &[u8], pixels: &mut [Self]) {
        for (pixel, &[blue, green, red]) in pixels.iter_mut().zip(bytes.as_chunks().0) {
            *pixel = u32::from_le_bytes([blue, green, red, 0]);
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend(&self.to_le_bytes()[..3]);
    }
}

const WHITE_8: u8 = 0xFF;
const WHITE_15: u16 = 0x7FFF;
const WHITE_16: u16 = 0xFFFF;
const WHITE_24: u32 = 0x00FF_FFFF;
