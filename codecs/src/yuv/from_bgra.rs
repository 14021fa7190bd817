//! BGRA to planes, full-range BT.709 (`[MS-RDPEGFX] 3.3.8.3.1`), for the encoding side.
//!
//! Done here and not by the `yuv` crate, which in this direction leaves out the last row of a
//! rectangle that does not start in the first column, and makes white of the grey next to it.

use super::coefficients as k;
use super::picture::{Yuv420Picture, Yuv444Picture};
use super::widen_to_blocks;
use crate::geometry::Rect;
use crate::picture::{BYTES_PER_PIXEL, Picture};

/// Bits of fraction: with these, weights fit 16 bits, of which compilers make vector code.
const FRACTION_BITS: u32 = 14;

const LUMA: [i32; 3] = [
    fixed(k::LUMA_FROM_BLUE),
    // What the others leave, so that the weights sum to one and greys stay greys.
    fixed(1.0) - fixed(k::LUMA_FROM_BLUE) - fixed(k::LUMA_FROM_RED),
    fixed(k::LUMA_FROM_RED),
];
const CB: [i32; 3] = {
    let (half, red) = (fixed(0.5), fixed(-k::LUMA_FROM_RED / k::BLUE_FROM_CB));
    [half, -half - red, red]
};
const CR: [i32; 3] = {
    let (half, blue) = (fixed(0.5), fixed(-k::LUMA_FROM_BLUE / k::RED_FROM_CR));
    [blue, -half - blue, half]
};

const fn fixed(coefficient: f32) -> i32 {
    (coefficient * (1 << FRACTION_BITS) as f32).round_ties_even() as i32
}

/// Converts the pixels of `rect` to the same place in `out`, three samples a pixel.
///
/// `rect` is clipped to both pictures. Padding of `out` that touches it repeats the outermost
/// samples.
pub fn bgra_to_yuv444(bgra: &Picture, rect: &Rect, out: &mut Yuv444Picture) {
    let rect = rect
        .intersect(&bgra.size().to_rect())
        .intersect(&out.size().to_rect());
    if rect.is_empty() {
        return;
    }
    let (left, right) = (rect.left as usize, rect.right as usize);
    for y in rect.top as usize..rect.bottom as usize {
        let source = pixels(bgra, y, left, right);
        convert_row(source, &mut out.luma.row_mut(y)[left..right], LUMA, 0);
        convert_row(
            source,
            &mut out.cb.row_mut(y)[left..right],
            CB,
            k::CHROMA_ZERO,
        );
        convert_row(
            source,
            &mut out.cr.row_mut(y)[left..right],
            CR,
            k::CHROMA_ZERO,
        );
    }
    out.pad_edges(&rect);
}

/// Converts the pixels of `rect` to the same place in `out`, chroma averaged over blocks of 2×2
/// pixels.
///
/// `rect` is clipped to both pictures and widened to whole blocks. Padding of `out` that touches
/// it repeats the outermost samples.
pub fn bgra_to_yuv420(bgra: &Picture, rect: &Rect, out: &mut Yuv420Picture) {
    let both = bgra.size().to_rect().intersect(&out.size().to_rect());
    let rect = widen_to_blocks(rect, both.size()).intersect(&both);
    if rect.is_empty() {
        return;
    }
    let (left, right) = (rect.left as usize, rect.right as usize);
    for y in rect.top as usize..rect.bottom as usize {
        let source = pixels(bgra, y, left, right);
        convert_row(source, &mut out.luma.row_mut(y)[left..right], LUMA, 0);
        if y % 2 == 0 {
            // The last row of an odd height stands for the one that is not there.
            let below = (y + 1).min(rect.bottom as usize - 1);
            let below = pixels(bgra, below, left, right);
            let columns = left / 2..right.div_ceil(2);
            average_row(
                source,
                below,
                &mut out.cb.row_mut(y / 2)[columns.clone()],
                CB,
            );
            average_row(source, below, &mut out.cr.row_mut(y / 2)[columns], CR);
        }
    }
    out.pad_edges(&rect);
}

/// Columns `left` to `right` of row `y`.
fn pixels(bgra: &Picture, y: usize, left: usize, right: usize) -> &[[u8; BYTES_PER_PIXEL]] {
    let row = y * bgra.stride_bytes();
    bgra.data()[row + left * BYTES_PER_PIXEL..row + right * BYTES_PER_PIXEL]
        .as_chunks()
        .0
}

fn convert_row(
    source: &[[u8; BYTES_PER_PIXEL]],
    out: &mut [u8],
    [blue, green, red]: [i32; 3],
    zero: u8,
) {
    let bias = (i32::from(zero) << FRACTION_BITS) + (1 << (FRACTION_BITS - 1));
    for (sample, &[b, g, r, _]) in out.iter_mut().zip(source) {
        let sum = blue * i32::from(b) + green * i32::from(g) + red * i32::from(r);
        *sample = ((sum + bias) >> FRACTION_BITS).clamp(0, 255) as u8;
    }
}

/// One chroma sample for each block of two rows; the last pixel of an odd width counts twice.
fn average_row(
    above: &[[u8; BYTES_PER_PIXEL]],
    below: &[[u8; BYTES_PER_PIXEL]],
    out: &mut [u8],
    [blue, green, red]: [i32; 3],
) {
    const BITS: u32 = FRACTION_BITS + 2; // and a fourth
    const BIAS: i32 = ((k::CHROMA_ZERO as i32) << BITS) + (1 << (BITS - 1));
    let block = |pixels: [[u8; BYTES_PER_PIXEL]; 4]| {
        let channel = |at: usize| pixels.iter().map(|pixel| i32::from(pixel[at])).sum::<i32>();
        let sum = blue * channel(0) + green * channel(1) + red * channel(2);
        ((sum + BIAS) >> BITS).clamp(0, 255) as u8
    };
    let (above, last_above) = above.as_chunks::<2>();
    let (below, last_below) = below.as_chunks::<2>();
    for ((sample, above), below) in out.iter_mut().zip(above).zip(below) {
        *sample = block([above[0], above[1], below[0], below[1]]);
    }
    if let ([above], [below], Some(sample)) = (last_above, last_below, out.last_mut()) {
        *sample = block([*above, *above, *below, *below]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Point, Size};
    use crate::yuv::{yuv420_to_bgra, yuv444_to_bgra};
    use proptest::prelude::*;

    fn colourful(size: Size, seed: u32) -> Picture {
        let mut state = seed | 1;
        let data = (0..size.area() * 4)
            .map(|at| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if at % 4 == 3 {
                    255
                } else {
                    (state >> 24) as u8
                }
            })
            .collect();
        Picture::from_bgra(size, data).unwrap()
    }

    #[test]
    fn black_white_and_grey_have_no_colour() {
        for grey in [0u8, 1, 127, 128, 254, 255] {
            let size = Size::new(40, 3);
            let picture = Picture::filled(size, [grey, grey, grey, 255]);
            let mut out = Yuv444Picture::new(size);
            bgra_to_yuv444(&picture, &size.to_rect(), &mut out);
            let planes = out.planes();
            assert_eq!(planes.luma().row(2).unwrap(), vec![grey; 40]);
            assert_eq!(planes.cb().row(2).unwrap(), vec![128; 40]);
            assert_eq!(planes.cr().row(2).unwrap(), vec![128; 40]);
        }
    }

    /// `[MS-RDPEGFX] 3.3.8.3.1` with the coefficients of BT.709 in full.
    fn exact([blue, green, red, _]: [u8; 4]) -> [u8; 3] {
        let [b, g, r] = [blue, green, red].map(f64::from);
        let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        [
            luma,
            (b - luma) / 1.8556 + 128.0,
            (r - luma) / 1.5748 + 128.0,
        ]
        .map(|sample| sample.round().clamp(0.0, 255.0) as u8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn samples_are_within_one_step_in_any_rectangle_and_untouched_outside(
            width in 1u32..60, height in 1u32..40, corners in any::<[u8; 4]>(), seed in any::<u32>(),
        ) {
            let size = Size::new(width, height);
            let rect = Rect::new(
                i32::from(corners[0]) % 60,
                i32::from(corners[1]) % 40,
                i32::from(corners[2]) % 70,
                i32::from(corners[3]) % 50,
            );
            let picture = colourful(size, seed);
            let mut yuv = Yuv444Picture::new(size);
            bgra_to_yuv444(&picture, &rect, &mut yuv);
            let planes = yuv.planes();
            for y in 0..height {
                for x in 0..width {
                    let at = Point::new(x as i32, y as i32);
                    let actual = [planes.luma(), planes.cb(), planes.cr()]
                        .map(|plane| plane.row(y).unwrap()[x as usize]);
                    if rect.contains(at) {
                        let wanted = exact(picture.pixel(at));
                        prop_assert!(
                            std::iter::zip(actual, wanted).all(|(a, b)| a.abs_diff(b) <= 1),
                            "{:?} for {:?}", actual, wanted,
                        );
                    } else {
                        prop_assert_eq!(actual, [0, 128, 128]);
                    }
                }
            }
        }

        #[test]
        fn colours_come_back_within_rounding(
            width in 1u32..60, height in 1u32..40, seed in any::<u32>(),
        ) {
            let size = Size::new(width, height);
            let picture = colourful(size, seed);
            let mut yuv = Yuv444Picture::new(size);
            bgra_to_yuv444(&picture, &size.to_rect(), &mut yuv);
            let mut back = Picture::new(size);
            yuv444_to_bgra(&yuv.planes(), &size.to_rect(), &mut back.as_mut());
            // Half a step each of luma and chroma, the latter weighted by up to 1.86, and rounding.
            for (before, after) in std::iter::zip(picture.data(), back.data()) {
                prop_assert!(before.abs_diff(*after) <= 3, "{} {}", before, after);
            }
        }

        #[test]
        fn only_the_blocks_that_a_rectangle_touches_change(
            width in 1u32..60, height in 1u32..40, corners in any::<[u8; 4]>(), seed in any::<u32>(),
        ) {
            let size = Size::new(width, height);
            let rect = Rect::new(
                i32::from(corners[0]) % 60,
                i32::from(corners[1]) % 40,
                i32::from(corners[2]) % 70,
                i32::from(corners[3]) % 50,
            );
            let before = Picture::filled(size, [60, 120, 180, 255]);
            let mut yuv = Yuv420Picture::new(size);
            bgra_to_yuv420(&before, &size.to_rect(), &mut yuv);
            let mut whole = Picture::new(size);
            yuv420_to_bgra(&yuv.planes(), &size.to_rect(), &mut whole.as_mut());

            bgra_to_yuv420(&colourful(size, seed), &rect, &mut yuv);
            let mut after = Picture::new(size);
            yuv420_to_bgra(&yuv.planes(), &size.to_rect(), &mut after.as_mut());
            let touched = widen_to_blocks(&rect, size);
            for y in 0..height as i32 {
                for x in 0..width as i32 {
                    let at = Point::new(x, y);
                    if !touched.contains(at) {
                        prop_assert_eq!(whole.pixel(at), after.pixel(at), "{:?} {:?}", at, rect);
                    }
                }
            }
        }

        #[test]
        fn padding_repeats_the_outermost_samples(width in 1u32..40, height in 1u32..40, seed in any::<u32>()) {
            let size = Size::new(width, height);
            let mut yuv = Yuv420Picture::new(size);
            bgra_to_yuv420(&colourful(size, seed), &size.to_rect(), &mut yuv);
            let coded = yuv.coded_planes();
            for plane in [(coded.luma(), width, height), (coded.cb(), width.div_ceil(2), height.div_ceil(2))] {
                let (plane, width, height) = plane;
                for y in 0..plane.size().height {
                    let row = plane.row(y).unwrap();
                    let source = plane.row(y.min(height - 1)).unwrap();
                    prop_assert_eq!(&row[..width as usize], &source[..width as usize]);
                    prop_assert!(row[width as usize..].iter().all(|&s| s == source[width as usize - 1]));
                }
            }
        }
    }
}
