//! Mouse pointers: two masks to a picture with alpha, and back
//! (`[MS-RDPBCGR] 2.2.9.1.1.4.4`, `2.2.9.1.1.4.5`, `2.2.9.1.2.1.11`).
//!
//! A pointer is drawn as old hardware did: the screen AND one mask, XOR the other. That leaves
//! four kinds of pixel:
//!
//! | AND | XOR          | on the screen                    |
//! |-----|--------------|----------------------------------|
//! | 0   | a colour     | the colour                       |
//! | 1   | black        | what was there                   |
//! | 1   | white        | what was there, inverted         |
//! | 1   | other colour | shown as the colour: no known client inverts by it |
//!
//! At 32 bits a pixel the XOR mask has alpha (straight, not premultiplied), and the AND mask only
//! tells what alpha cannot. Where all alpha is zero the masks mean what they do at other depths.

mod decoder;
mod encoder;

use thiserror::Error;

pub use decoder::decode;
pub use encoder::{PointerMasks, encode};

use crate::geometry::Size;
use crate::picture::{BYTES_PER_PIXEL, Picture};

/// Most columns and rows of a pointer (`[MS-RDPBCGR] 2.2.9.1.2.1.11`).
pub const MAX_SIDE: u32 = 384;

/// Why a pointer's picture could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Wider or higher than any pointer may be.
    #[error("pointer of {width} by {height} pixels")]
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The XOR mask has 1, 4, 8, 15, 16, 24 or 32 bits a pixel.
    #[error("pointer of {0} bits a pixel")]
    UnsupportedDepth(u8),
    /// A mask has fewer bytes than its pixels take.
    #[error("pointer mask of {needed} bytes in {actual} bytes")]
    Truncated {
        /// Bytes that the mask takes.
        needed: usize,
        /// Bytes that are there.
        actual: usize,
    },
}

/// A pointer ready to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerPicture {
    /// Blue, green, red and straight alpha. Pixels that invert are transparent here.
    pub picture: Picture,
    /// The pixels that invert what is under them, where there are any.
    pub inverting: Option<BitMask>,
}

impl PointerPicture {
    /// Width and height.
    pub fn size(&self) -> Size {
        self.picture.size()
    }

    /// The picture for a cursor that cannot invert: what inverts becomes black, and transparent
    /// pixels beside it white, so that it shows on any ground.
    pub fn without_inversion(&self) -> Picture {
        let mut picture = self.picture.clone();
        let Some(mask) = &self.inverting else {
            return picture;
        };
        let Size { width, height } = self.size();
        let (pixels, _) = picture.data_mut().as_chunks_mut::<BYTES_PER_PIXEL>();
        for y in 0..height {
            for x in 0..width {
                let pixel = &mut pixels[(y * width + x) as usize];
                if mask.get(x, y) {
                    *pixel = [0, 0, 0, 255];
                } else if pixel[3] == 0 {
                    let rows = y.saturating_sub(1)..=y + 1;
                    let is_beside = rows
                        .flat_map(|y| (x.saturating_sub(1)..=x + 1).map(move |x| (x, y)))
                        .any(|(x, y)| mask.get(x, y));
                    if is_beside {
                        *pixel = [255; 4];
                    }
                }
            }
        }
        picture
    }
}

/// One bit a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitMask {
    size: Size,
    bits: Vec<u8>,
}

impl BitMask {
    /// A mask without a bit set.
    pub fn new(size: Size) -> Self {
        Self {
            size,
            bits: vec![0; size.width.div_ceil(8) as usize * size.height as usize],
        }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Rows from the top, each padded to a whole byte; the leftmost pixel is the highest bit.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The bit of a pixel; false outside.
    pub fn get(&self, x: u32, y: u32) -> bool {
        x < self.size.width && y < self.size.height && self.bits[self.byte(x, y)] & bit(x) != 0
    }

    /// Sets the bit of a pixel.
    ///
    /// # Panics
    /// If the pixel lies outside.
    pub fn set(&mut self, x: u32, y: u32) {
        assert!(x < self.size.width && y < self.size.height);
        let byte = self.byte(x, y);
        self.bits[byte] |= bit(x);
    }

    fn byte(&self, x: u32, y: u32) -> usize {
        y as usize * self.size.width.div_ceil(8) as usize + x as usize / 8
    }
}

/// A pixel's bit in its byte.
const fn bit(x: u32) -> u8 {
    0x80 >> (x % 8)
}

/// Bytes from one row of a mask to the next: rows are padded to two bytes.
const fn mask_stride(width: u32, bits_per_pixel: u8) -> usize {
    (width as usize * bits_per_pixel as usize).div_ceil(16) * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;

    #[test]
    fn without_inversion_what_inverts_is_black_with_a_white_edge() {
        let size = Size::new(4, 3);
        let mut mask = BitMask::new(size);
        mask.set(1, 1);
        let mut picture = Picture::filled(size, [0; 4]);
        picture.data_mut()[..4].fill(9);
        let pointer = PointerPicture {
            picture: picture.clone(),
            inverting: Some(mask),
        };
        let plain = pointer.without_inversion();
        assert_eq!(plain.pixel(Point::new(1, 1)), [0, 0, 0, 255]);
        assert_eq!(plain.pixel(Point::new(0, 0)), [9; 4], "colours stay");
        assert_eq!(plain.pixel(Point::new(2, 2)), [255; 4]);
        assert_eq!(plain.pixel(Point::new(3, 1)), [0; 4]);
        let pointer = PointerPicture {
            picture: picture.clone(),
            inverting: None,
        };
        assert_eq!(pointer.without_inversion(), picture);
    }

    #[test]
    fn a_bit_mask_has_its_leftmost_pixel_in_the_highest_bit() {
        let mut mask = BitMask::new(Size::new(9, 2));
        mask.set(0, 0);
        mask.set(8, 1);
        assert_eq!(mask.bits(), [0x80, 0, 0, 0x80]);
        assert!(mask.get(8, 1) && !mask.get(8, 0) && !mask.get(9, 1) && !mask.get(0, 2));
    }
}
