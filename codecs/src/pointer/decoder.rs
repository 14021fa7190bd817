use super::{BitMask, DecodeError, MAX_SIDE, PointerPicture, bit, mask_stride};
use crate::color_depth::{expand_555, expand_565};
use crate::geometry::Size;
use crate::palette::Palette;
use crate::picture::{BYTES_PER_PIXEL, Picture, RowOrder};

const TRANSPARENT: [u8; 4] = [0; 4];
const BLACK: [u8; 4] = [0, 0, 0, 255];
const WHITE: [u8; 4] = [255; 4];

/// Makes a pointer's picture from its masks, whose rows are padded to two bytes.
///
/// Rows are stored bottom first, but at 1 bit a pixel top first, as every known client takes them.
/// `palette` matters at 4 and 8 bits a pixel only. An empty AND mask is one of zeros.
///
/// # Errors
/// Where the size or the depth is none that a pointer has, or a mask is too short.
pub fn decode(
    size: Size,
    bits_per_pixel: u8,
    xor_mask: &[u8],
    and_mask: &[u8],
    palette: &Palette,
) -> Result<PointerPicture, DecodeError> {
    let Size { width, height } = size;
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(DecodeError::TooLarge { width, height });
    }
    if !matches!(bits_per_pixel, 1 | 4 | 8 | 15 | 16 | 24 | 32) {
        return Err(DecodeError::UnsupportedDepth(bits_per_pixel));
    }
    let row_order = match bits_per_pixel {
        1 => RowOrder::TopDown,
        _ => RowOrder::BottomUp,
    };
    // 15 bits take 16.
    let stored_bits = bits_per_pixel.next_multiple_of(if bits_per_pixel == 15 { 16 } else { 1 });
    let xor = MaskRows::new(xor_mask, size, stored_bits, row_order)?;
    let and = match and_mask {
        [] => None,
        _ => Some(MaskRows::new(and_mask, size, 1, row_order)?),
    };

    let mut picture = Picture::filled(size, TRANSPARENT);
    let mut inverting = None;
    if size.is_empty() {
        return Ok(PointerPicture { picture, inverting });
    }
    let meaning = Meaning::of(bits_per_pixel, &xor, and.as_ref());
    let stride_bytes = picture.stride_bytes();
    for (y, row) in (0u32..).zip(picture.data_mut().chunks_exact_mut(stride_bytes)) {
        let colors = xor.row(y);
        let keeps = and.as_ref().map(|and| and.row(y));
        let (pixels, _) = row.as_chunks_mut::<BYTES_PER_PIXEL>();
        for (x, pixel) in (0u32..).zip(pixels) {
            let color = color(colors, x, bits_per_pixel, palette);
            let keeps_screen = keeps.is_some_and(|row| row[x as usize / 8] & bit(x) != 0);
            match meaning.pixel(color, keeps_screen) {
                Some(color) => *pixel = color,
                None => inverting
                    .get_or_insert_with(|| BitMask::new(size))
                    .set(x, y),
            }
        }
    }
    Ok(PointerPicture { picture, inverting })
}

/// The colour of a pixel in a row of the XOR mask; alpha is what the mask has at 32 bits, else 255.
fn color(row: &[u8], x: u32, bits_per_pixel: u8, palette: &Palette) -> [u8; 4] {
    let x = x as usize;
    match bits_per_pixel {
        1 if row[x / 8] & bit(x as u32) != 0 => WHITE,
        1 => BLACK,
        4 => palette.color(match x % 2 {
            0 => row[x / 2] >> 4,
            _ => row[x / 2] & 0x0F,
        }),
        8 => palette.color(row[x]),
        15 => expand_555(u16::from_le_bytes([row[2 * x], row[2 * x + 1]])),
        16 => expand_565(u16::from_le_bytes([row[2 * x], row[2 * x + 1]])),
        24 => [row[3 * x], row[3 * x + 1], row[3 * x + 2], 255],
        _ => [row[4 * x], row[4 * x + 1], row[4 * x + 2], row[4 * x + 3]],
    }
}

/// What the masks of a pointer mean together.
#[derive(Clone, Copy)]
enum Meaning {
    /// As at every depth without alpha.
    Masks,
    /// The XOR mask has alpha.
    Alpha,
    /// Nothing shows. Masks of zeros would be a black box, and nobody means that.
    Nothing,
}

impl Meaning {
    fn of(bits_per_pixel: u8, xor: &MaskRows<'_>, and: Option<&MaskRows<'_>>) -> Self {
        if bits_per_pixel != 32 {
            return Meaning::Masks;
        }
        let pixels = xor.data.as_chunks::<BYTES_PER_PIXEL>().0;
        if pixels.iter().any(|pixel| pixel[3] != 0) {
            return Meaning::Alpha;
        }
        let is_zero = |data: &[u8]| data.iter().all(|&byte| byte == 0);
        if is_zero(xor.data) && and.is_none_or(|and| is_zero(and.data)) {
            Meaning::Nothing
        } else {
            Meaning::Masks
        }
    }

    /// What a pixel shows; `None` where it inverts.
    fn pixel(self, [blue, green, red, alpha]: [u8; 4], keeps_screen: bool) -> Option<[u8; 4]> {
        let color = match self {
            Meaning::Nothing => return Some(TRANSPARENT),
            Meaning::Masks => [blue, green, red, 255],
            Meaning::Alpha if alpha == 0 => return Some(TRANSPARENT),
            Meaning::Alpha => [blue, green, red, alpha],
        };
        match color {
            BLACK if keeps_screen => Some(TRANSPARENT),
            WHITE if keeps_screen => None,
            _ => Some(color),
        }
    }
}

/// The rows of a mask.
struct MaskRows<'a> {
    /// As many bytes as the mask takes.
    data: &'a [u8],
    stride_bytes: usize,
    row_order: RowOrder,
    height: u32,
}

impl<'a> MaskRows<'a> {
    fn new(
        data: &'a [u8],
        size: Size,
        bits_per_pixel: u8,
        row_order: RowOrder,
    ) -> Result<Self, DecodeError> {
        let stride_bytes = mask_stride(size.width, bits_per_pixel);
        let needed = stride_bytes * size.height as usize;
        Ok(Self {
            data: data.get(..needed).ok_or(DecodeError::Truncated {
                needed,
                actual: data.len(),
            })?,
            stride_bytes,
            row_order,
            height: size.height,
        })
    }

    /// A row, counted from the top.
    fn row(&self, y: u32) -> &'a [u8] {
        let stored = self.row_order.flip(y, self.height) as usize;
        &self.data[stored * self.stride_bytes..][..self.stride_bytes]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Point;

    fn decoded(size: Size, bits: u8, xor: &[u8], and: &[u8]) -> PointerPicture {
        decode(size, bits, xor, and, &Palette::default()).unwrap()
    }

    #[test]
    fn the_four_kinds_of_pixel_at_one_bit() {
        let pointer = decoded(Size::new(4, 1), 1, &[0b0101_0000, 0], &[0b0011_0000, 0]);
        let colors: Vec<_> = (0..4)
            .map(|x| pointer.picture.pixel(Point::new(x, 0)))
            .collect();
        assert_eq!(colors, [BLACK, WHITE, TRANSPARENT, TRANSPARENT]);
        assert_eq!(pointer.inverting.unwrap().bits(), [0b0001_0000]);
    }

    #[test]
    fn rows_stand_bottom_first_but_for_one_bit() {
        let pointer = decoded(Size::new(1, 2), 8, &[10, 0, 20, 0], &[0; 4]);
        assert_eq!(pointer.picture.data(), [20, 20, 20, 255, 10, 10, 10, 255]);
        let pointer = decoded(Size::new(1, 2), 1, &[0x80, 0, 0, 0], &[0; 4]);
        assert_eq!(pointer.picture.data(), [255, 255, 255, 255, 0, 0, 0, 255]);
    }

    #[test]
    fn every_depth_has_its_colours() {
        let shown = |bits, xor: &[u8]| {
            let pointer = decoded(Size::new(2, 1), bits, xor, &[]);
            assert_eq!(pointer.inverting, None);
            [0, 1].map(|x| pointer.picture.pixel(Point::new(x, 0)))
        };
        assert_eq!(shown(4, &[0x3A, 0]), [[3, 3, 3, 255], [10, 10, 10, 255]]);
        assert_eq!(shown(8, &[3, 10]), [[3, 3, 3, 255], [10, 10, 10, 255]]);
        assert_eq!(
            shown(15, &[0x00, 0x7C, 0x1F, 0x00]),
            [[0, 0, 255, 255], [255, 0, 0, 255]]
        );
        assert_eq!(
            shown(16, &[0x00, 0xF8, 0xE0, 0x07]),
            [[0, 0, 255, 255], [0, 255, 0, 255]]
        );
        assert_eq!(
            shown(24, &[1, 2, 3, 4, 5, 6]),
            [[1, 2, 3, 255], [4, 5, 6, 255]]
        );
        assert_eq!(
            shown(32, &[1, 2, 3, 4, 5, 6, 7, 0]),
            [[1, 2, 3, 4], TRANSPARENT]
        );
    }

    #[test]
    fn with_alpha_the_other_mask_tells_only_what_inverts() {
        let xor = [
            255, 255, 255, 255, 0, 0, 0, 255, 9, 9, 9, 128, 255, 255, 255, 0,
        ];
        let pointer = decoded(Size::new(4, 1), 32, &xor, &[0xF0, 0]);
        assert!(pointer.inverting.unwrap().get(0, 0));
        assert_eq!(pointer.picture.pixel(Point::new(1, 0)), TRANSPARENT);
        assert_eq!(pointer.picture.pixel(Point::new(2, 0)), [9, 9, 9, 128]);
        assert_eq!(pointer.picture.pixel(Point::new(3, 0)), TRANSPARENT);
    }

    #[test]
    fn without_any_alpha_the_masks_mean_what_they_do_at_24_bits() {
        let xor = [1, 2, 3, 0, 0, 0, 0, 0];
        let pointer = decoded(Size::new(2, 1), 32, &xor, &[0x40, 0]);
        assert_eq!(pointer.picture.data(), [1, 2, 3, 255, 0, 0, 0, 0]);
        // A black pointer is black because the other mask keeps the screen around it.
        let pointer = decoded(Size::new(2, 1), 32, &[0; 8], &[0x40, 0]);
        assert_eq!(pointer.picture.data(), [0, 0, 0, 255, 0, 0, 0, 0]);
        // Zeros alone hide the pointer.
        let pointer = decoded(Size::new(2, 1), 32, &[0; 8], &[0, 0]);
        assert_eq!(pointer.picture.data(), [0; 8]);
    }

    #[test]
    fn sizes_depths_and_lengths_are_checked() {
        let decode = |size, bits, xor: &[u8], and: &[u8]| {
            decode(size, bits, xor, and, &Palette::default()).unwrap_err()
        };
        assert_eq!(
            decode(Size::new(385, 1), 32, &[], &[]),
            DecodeError::TooLarge {
                width: 385,
                height: 1
            }
        );
        assert_eq!(
            decode(Size::new(1, 1), 2, &[], &[]),
            DecodeError::UnsupportedDepth(2)
        );
        // 3 pixels of 24 bits take 10 bytes.
        assert_eq!(
            decode(Size::new(3, 3), 24, &[0; 29], &[]),
            DecodeError::Truncated {
                needed: 30,
                actual: 29
            }
        );
        assert_eq!(
            decode(Size::new(7, 3), 24, &[0; 66], &[0; 5]),
            DecodeError::Truncated {
                needed: 6,
                actual: 5
            }
        );
    }

    #[test]
    fn the_largest_pointer_and_the_smallest_are_decoded() {
        let largest = Size::new(MAX_SIDE, MAX_SIDE);
        let xor = vec![7; 384 * 384 * 4];
        let pointer = decoded(largest, 32, &xor, &vec![0; 48 * 384]);
        assert_eq!(pointer.picture.data(), xor);
        assert!(decoded(Size::new(0, 0), 24, &[], &[]).size().is_empty());
        assert!(decoded(Size::new(0, 5), 24, &[], &[]).size().is_empty());
    }

    proptest! {
        #[test]
        fn random_masks_never_panic(
            (width, height) in (0u32..70, 0u32..70),
            bits in prop::sample::select(&[0u8, 1, 4, 8, 15, 16, 24, 32, 33][..]),
            xor in prop::collection::vec(any::<u8>(), 0..2000),
            and in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let size = Size::new(width, height);
            if let Ok(pointer) = decode(size, bits, &xor, &and, &Palette::default()) {
                prop_assert_eq!(pointer.without_inversion().size(), size);
            }
        }
    }
}
