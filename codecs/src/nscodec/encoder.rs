use super::{Header, NsCodecOptions, NsCodecScratch, plane, plane_sizes};
use crate::picture::{BYTES_PER_PIXEL, PictureRef};
use crate::simd::dispatch;

/// Appends `source`.
///
/// Alpha comes back exactly. At color loss level 1 and without subsampling each color comes back
/// within 1 of 255, and gray exactly.
///
/// # Panics
/// If the picture is empty, or the color loss level is none of 1 to 7.
pub fn encode(
    source: &PictureRef<'_>,
    options: &NsCodecOptions,
    out: &mut Vec<u8>,
    scratch: &mut NsCodecScratch,
) {
    let size = source.size();
    assert!(!size.is_empty(), "an empty picture");
    let level = options.color_loss_level;
    assert!((1..=7).contains(&level), "color loss of 1 to 7 bits");
    split(source, options, &mut scratch.planes);

    let start = out.len();
    out.extend([0; Header::BYTES]);
    let mut header = Header {
        plane_bytes: [0; 4],
        color_loss_level: level,
        chroma_subsampling: options.chroma_subsampling,
    };
    for (bytes, plane) in header.plane_bytes.iter_mut().zip(&scratch.planes) {
        *bytes = plane::encode(plane, out);
    }
    out[start..start + Header::BYTES].copy_from_slice(&header.encode());
}

/// Fills the planes, rows in the order in which they are stored.
fn split(source: &PictureRef<'_>, options: &NsCodecOptions, planes: &mut [Vec<u8>; 4]) {
    let size = source.size();
    let [luma_size, chroma_size] = plane_sizes(size, options.chroma_subsampling);
    let [luma, orange, green, alpha] = planes;
    // Every value is written below: what the last picture left need not be cleared.
    luma.resize(luma_size.area() as usize, 0);
    orange.resize(chroma_size.area() as usize, 0);
    green.resize(chroma_size.area() as usize, 0);
    alpha.clear();

    let row = |stored: u32| {
        let row = source.row(options.row_order.flip(stored, size.height));
        row.as_chunks::<BYTES_PER_PIXEL>().0
    };
    let luma_width = luma_size.width as usize;
    let chroma_width = chroma_size.width as usize;
    let orange_rows = orange.chunks_exact_mut(chroma_width);
    let chroma_rows = orange_rows.zip(green.chunks_exact_mut(chroma_width));
    let reduce = Reduction::of(options.color_loss_level);
    dispatch(
        #[inline(always)]
        || {
            if options.chroma_subsampling {
                let luma_rows = luma.chunks_exact_mut(luma_width);
                for (stored, luma) in (0..size.height).zip(luma_rows) {
                    split_luma(row(stored), luma);
                }
                for (stored, (orange, green)) in (0..size.height).step_by(2).zip(chroma_rows) {
                    let (upper, lower) = (row(stored), row((stored + 1).min(size.height - 1)));
                    split_shared_chroma(upper, lower, reduce, orange, green);
                }
            } else {
                let rows = luma.chunks_exact_mut(luma_width).zip(chroma_rows);
                for (stored, (luma, (orange, green))) in (0..size.height).zip(rows) {
                    split_row(row(stored), reduce, luma, orange, green);
                }
            }
        },
    );
    if options.has_alpha {
        for stored in 0..size.height {
            alpha.extend(row(stored).iter().map(|pixel| pixel[3]));
        }
    }
}

/// A pixel's colors, one a word: vector instructions then need no shuffle to part them.
#[inline(always)]
fn colors(pixel: [u8; 4]) -> [i32; 3] {
    let pixel = i32::from_le_bytes(pixel);
    [pixel & 0xFF, pixel >> 8 & 0xFF, pixel >> 16 & 0xFF]
}

#[inline(always)]
fn luma([blue, green, red]: [i32; 3]) -> u8 {
    // Halves go up, so that green comes back as it was where chroma's halves go down.
    ((green + ((red + blue) >> 1) + 1) >> 1) as u8
}

/// Luma of a row; what pads it repeats the last value, which is likely to lengthen a run.
#[inline(always)]
fn split_luma(pixels: &[[u8; 4]], values: &mut [u8]) {
    let (values, padding) = values.split_at_mut(pixels.len());
    for (value, &pixel) in values.iter_mut().zip(pixels) {
        *value = luma(colors(pixel));
    }
    pad(values, padding);
}

/// A row without subsampling: three values for each pixel.
#[inline(always)]
fn split_row(
    pixels: &[[u8; 4]],
    reduce: Reduction,
    lumas: &mut [u8],
    oranges: &mut [u8],
    greens: &mut [u8],
) {
    let values = lumas.iter_mut().zip(oranges).zip(greens);
    for (((to_luma, to_orange), to_green), &pixel) in values.zip(pixels) {
        let [b, g, r] = colors(pixel);
        *to_luma = luma([b, g, r]);
        *to_orange = reduce.reduced((r - b) >> 1);
        *to_green = reduce.reduced((g - ((r + b) >> 1)) >> 1);
    }
}

/// Chroma of two rows, a value for each two by two pixels: the mean.
#[inline(always)]
fn split_shared_chroma(
    upper: &[[u8; 4]],
    lower: &[[u8; 4]],
    reduce: Reduction,
    orange: &mut [u8],
    green: &mut [u8],
) {
    let shared = |block: [[u8; 4]; 4]| {
        let block = block.map(colors);
        let sum = |channel: usize| block.iter().map(|pixel| pixel[channel]).sum();
        let [b, g, r]: [i32; 3] = [sum(0), sum(1), sum(2)];
        let halves = [(r - b + 4) >> 3, (2 * g - r - b + 8) >> 4];
        halves.map(|half| reduce.reduced(half))
    };
    let (upper_pairs, upper_last) = upper.as_chunks::<2>();
    let (lower_pairs, lower_last) = lower.as_chunks::<2>();
    let pairs = upper_pairs.iter().zip(lower_pairs);
    for (([a, b], [c, d]), (orange, green)) in pairs.zip(orange.iter_mut().zip(&mut *green)) {
        [*orange, *green] = shared([*a, *b, *c, *d]);
    }
    let mut count = upper_pairs.len();
    if let ([upper], [lower]) = (upper_last, lower_last) {
        [orange[count], green[count]] = shared([*upper, *upper, *lower, *lower]);
        count += 1;
    }
    for values in [orange, green] {
        let (values, padding) = values.split_at_mut(count);
        pad(values, padding);
    }
}

fn pad(values: &[u8], padding: &mut [u8]) {
    if let Some(&last) = values.last() {
        padding.fill(last);
    }
}

/// How chroma that has been halved loses the rest of its bits (`[MS-RDPEGDI] 3.1.9.1.4`).
#[derive(Clone, Copy)]
struct Reduction {
    shift: u8,
    rounding: i32,
    /// What rounding up must not exceed, lest the sign change.
    most: i32,
}

impl Reduction {
    fn of(level: u8) -> Self {
        let shift = level - 1;
        Self {
            shift,
            rounding: (1 << shift) >> 1,
            most: i32::from(i8::MAX) >> shift,
        }
    }

    #[inline(always)]
    fn reduced(self, half: i32) -> u8 {
        ((half + self.rounding) >> self.shift).min(self.most) as u8
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::{Rect, Size};
    use crate::nscodec::decode;
    use crate::picture::{Picture, RowOrder};

    fn round_trip(source: &PictureRef<'_>, options: &NsCodecOptions) -> (Picture, usize) {
        let mut scratch = NsCodecScratch::default();
        let mut coded = vec![1, 2, 3];
        encode(source, options, &mut coded, &mut scratch);
        let coded = &coded[3..];
        let padded = source.size().width.next_multiple_of(8) * source.size().height;
        assert!(coded.len() <= Header::BYTES + padded as usize * 4);
        let mut decoded = Picture::filled(source.size(), [9; 4]);
        decode(
            coded,
            options.row_order,
            &mut decoded.as_mut(),
            &mut scratch,
        )
        .unwrap();
        (decoded, coded.len())
    }

    /// The greatest difference of a color.
    fn color_error(decoded: &Picture, source: &PictureRef<'_>) -> u8 {
        let rows = decoded.data().chunks_exact(decoded.stride_bytes());
        let bytes = rows
            .zip(0..)
            .flat_map(|(row, y)| row.iter().zip(source.row(y)));
        let colors = bytes.enumerate().filter(|(at, _)| at % 4 != 3);
        colors.map(|(_, (a, b))| a.abs_diff(*b)).max().unwrap_or(0)
    }

    #[test]
    fn at_level_1_every_color_comes_back_within_1() {
        // Every color that there is, one blue at a time.
        let size = Size::new(256, 256);
        for blue in 0..=255 {
            let mut source = Picture::new(size);
            for (i, pixel) in source.data_mut().as_chunks_mut().0.iter_mut().enumerate() {
                *pixel = [blue, i as u8, (i >> 8) as u8, 255];
            }
            let (decoded, _) = round_trip(&source.view(), &NsCodecOptions::default());
            assert!(color_error(&decoded, &source.view()) <= 1, "blue {blue}");
        }
    }

    #[test]
    fn gray_comes_back_exactly_at_every_level() {
        let mut source = Picture::new(Size::new(16, 16));
        for (i, pixel) in source.data_mut().as_chunks_mut().0.iter_mut().enumerate() {
            *pixel = [i as u8, i as u8, i as u8, 255];
        }
        for color_loss_level in 1..=7 {
            for chroma_subsampling in [false, true] {
                let options = NsCodecOptions {
                    color_loss_level,
                    chroma_subsampling,
                    ..Default::default()
                };
                assert!(round_trip(&source.view(), &options).0 == source);
            }
        }
    }

    #[test]
    fn the_extremes_keep_their_sign_at_every_level() {
        for color in [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]] {
            let source = Picture::filled(Size::new(9, 3), color);
            for color_loss_level in 1..=7 {
                for chroma_subsampling in [false, true] {
                    let options = NsCodecOptions {
                        color_loss_level,
                        chroma_subsampling,
                        ..Default::default()
                    };
                    let (decoded, _) = round_trip(&source.view(), &options);
                    let step = 1 << color_loss_level;
                    let error = color_error(&decoded, &source.view());
                    assert!(error <= step, "{color:?} level {color_loss_level}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_plain_picture_takes_11_bytes_a_plane() {
        let source = Picture::filled(Size::new(100, 100), [1, 2, 3, 255]);
        let (_, bytes) = round_trip(&source.view(), &NsCodecOptions::default());
        assert_eq!(bytes, Header::BYTES + 3 * 11);
    }

    proptest! {
        #[test]
        fn every_picture_comes_back_within_1_and_with_its_alpha(
            (width, height) in (1u32..70, 1u32..12),
            (left, above) in (0u32..3, 0u32..3),
            values in prop::collection::vec(prop_oneof![2 => Just(7u8), 1 => 0u8..9, 1 => any::<u8>()], 73 * 15 * 4),
            (has_alpha, is_bottom_up) in any::<(bool, bool)>(),
        ) {
            let whole = Size::new(width + left, height + above);
            let data = values[..whole.area() as usize * 4].to_vec();
            let whole = Picture::from_bgra(whole, data).unwrap();
            let rect = Rect::new(left as i32, above as i32, (left + width) as i32, (above + height) as i32);
            let source = whole.view().sub(&rect).unwrap();
            let row_order = if is_bottom_up { RowOrder::BottomUp } else { RowOrder::TopDown };
            let options = NsCodecOptions { has_alpha, row_order, ..Default::default() };
            let (decoded, _) = round_trip(&source, &options);
            prop_assert!(color_error(&decoded, &source) <= 1);
            for y in 0..height {
                for (x, pixel) in source.row(y).as_chunks::<4>().0.iter().enumerate() {
                    let alpha = decoded.pixel(crate::geometry::Point::new(x as i32, y as i32))[3];
                    prop_assert_eq!(alpha, if has_alpha { pixel[3] } else { 255 });
                }
            }
        }
    }
}
