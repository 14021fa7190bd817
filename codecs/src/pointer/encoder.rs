use super::{BitMask, bit, mask_stride};
use crate::picture::{BYTES_PER_PIXEL, PictureRef};

/// Alpha from which on a pixel is opaque where there is no alpha.
const OPAQUE_ALPHA: u8 = 128;

/// The masks of a pointer, rows bottom first and padded to two bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerMasks {
    /// 24 or 32 bits a pixel.
    pub bits_per_pixel: u8,
    /// Colours.
    pub xor_mask: Vec<u8>,
    /// One bit a pixel.
    pub and_mask: Vec<u8>,
}

/// Makes the masks of a pointer from its picture, whose alpha is straight, and the pixels that
/// invert, if any.
///
/// With alpha the masks have 32 bits a pixel, for clients that take them; without, 24, and a pixel
/// is either opaque or transparent.
pub fn encode(
    picture: &PictureRef<'_>,
    inverting: Option<&BitMask>,
    has_alpha: bool,
) -> PointerMasks {
    let bits_per_pixel = if has_alpha { 32 } else { 24 };
    let (width, height) = (picture.size().width, picture.size().height);
    let xor_stride = mask_stride(width, bits_per_pixel);
    let and_stride = mask_stride(width, 1);
    let mut xor_mask = vec![0; xor_stride * height as usize];
    let mut and_mask = vec![0; and_stride * height as usize];
    for (stored, y) in (0..height).rev().enumerate() {
        let colors = &mut xor_mask[stored * xor_stride..][..xor_stride];
        let keeps = &mut and_mask[stored * and_stride..][..and_stride];
        let (pixels, _) = picture.row(y).as_chunks::<BYTES_PER_PIXEL>();
        let colors = colors.chunks_exact_mut(usize::from(bits_per_pixel / 8));
        for ((x, &[blue, green, red, alpha]), color) in (0..).zip(pixels).zip(colors) {
            let inverts = inverting.is_some_and(|mask| mask.get(x, y));
            let is_shown = if has_alpha {
                alpha > 0
            } else {
                alpha >= OPAQUE_ALPHA
            };
            if inverts || !is_shown {
                keeps[x as usize / 8] |= bit(x);
            }
            if inverts {
                color.fill(0xFF);
            } else if is_shown {
                color.copy_from_slice(&[blue, green, red, alpha][..color.len()]);
            }
        }
    }
    PointerMasks {
        bits_per_pixel,
        xor_mask,
        and_mask,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Size;
    use crate::palette::Palette;
    use crate::picture::Picture;
    use crate::pointer::{PointerPicture, decode};

    fn round_trip(pointer: &PointerPicture, has_alpha: bool) -> PointerPicture {
        let masks = encode(
            &pointer.picture.view(),
            pointer.inverting.as_ref(),
            has_alpha,
        );
        decode(
            pointer.size(),
            masks.bits_per_pixel,
            &masks.xor_mask,
            &masks.and_mask,
            &Palette::default(),
        )
        .unwrap()
    }

    #[test]
    fn without_alpha_half_transparent_pixels_become_opaque() {
        let pixels = vec![1, 2, 3, 127, 4, 5, 6, 128];
        let pointer = PointerPicture {
            picture: Picture::from_bgra(Size::new(2, 1), pixels).unwrap(),
            inverting: None,
        };
        let shown = round_trip(&pointer, false);
        assert_eq!(shown.picture.data(), [0, 0, 0, 0, 4, 5, 6, 255]);
    }

    #[test]
    fn masks_are_padded_to_two_bytes() {
        // The example of [MS-RDPBCGR] 2.2.9.1.1.4.4: 3 by 3 pixels of 24 bits take 10 bytes a row.
        let picture = Picture::new(Size::new(3, 3));
        let masks = encode(&picture.view(), None, false);
        assert_eq!((masks.xor_mask.len(), masks.and_mask.len()), (30, 6));
    }

    proptest! {
        #[test]
        fn every_pointer_comes_back(
            (width, height) in (1u32..40, 1u32..40),
            values in prop::collection::vec(any::<[u8; 4]>(), 1600),
            kinds in prop::collection::vec(0u8..4, 1600),
            has_alpha in any::<bool>(),
        ) {
            let size = Size::new(width, height);
            let mut picture = Picture::new(size);
            let mut mask = BitMask::new(size);
            for y in 0..height {
                for x in 0..width {
                    let i = (y * width + x) as usize;
                    let [blue, green, red, alpha] = values[i];
                    let alpha = if has_alpha { alpha.max(1) } else { 255 };
                    let color = if kinds[i] > 1 { [blue, green, red, alpha] } else { [0; 4] };
                    picture.data_mut()[i * 4..i * 4 + 4].copy_from_slice(&color);
                    if kinds[i] == 1 {
                        mask.set(x, y);
                    }
                }
            }
            let inverting = mask.bits().iter().any(|&bits| bits != 0).then_some(mask);
            let pointer = PointerPicture { picture, inverting };
            prop_assert_eq!(round_trip(&pointer, has_alpha), pointer);
        }
    }
}
