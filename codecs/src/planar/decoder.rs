use super::{DecodeError, FormatHeader, PlanarLayout, PlanarScratch, plane};
use crate::geometry::Size;
use crate::picture::{BYTES_PER_PIXEL, PictureMut};
use crate::simd;

/// Decodes a picture to the top left corner of `target`.
///
/// What lies beyond `target` at the right or at the bottom is cut off; pixels of `target` beyond
/// the picture stay as they are.
///
/// Memory is claimed once the payload is long enough to fill it: at most 47 bytes for each of its
/// bytes, and 64 for each plane.
///
/// # Errors
/// Where the payload is faulty, before anything is drawn.
pub fn decode(
    payload: &[u8],
    layout: &PlanarLayout,
    target: &mut PictureMut<'_>,
    scratch: &mut PlanarScratch,
) -> Result<(), DecodeError> {
    let (&header, mut data) = payload.split_first().ok_or(DecodeError::Truncated)?;
    let header = FormatHeader::decode(header);
    if header.color_loss_level == 0 && header.subsamples_chroma {
        return Err(DecodeError::SubsampledRgb);
    }
    if layout.size.is_empty() {
        return Ok(());
    }
    let sizes = header.plane_sizes(layout.size);
    let least_bytes: u64 = sizes
        .iter()
        .map(|&size| match header.has_runs {
            true => plane::min_coded_bytes(size),
            false => size.area(),
        })
        .fold(0, u64::saturating_add);
    if least_bytes > data.len() as u64 {
        return Err(DecodeError::Truncated);
    }

    let planes = if header.has_runs {
        for (plane, size) in scratch.planes.iter_mut().zip(sizes) {
            if size.is_empty() {
                continue;
            }
            // Every value is written below: what the last picture left need not be cleared.
            plane.resize(size.area() as usize + plane::SLACK_BYTES, 0);
            plane::decode(&mut data, size.width as usize, plane)?;
        }
        scratch.planes.each_ref().map(Vec::as_slice)
    } else {
        sizes.map(|size| {
            data.split_off(..size.area() as usize)
                .expect("the planes' sum was compared above")
        })
    };
    simd::dispatch(
        #[inline(always)]
        || match header.color_loss_level {
            0 => combine_rgb(planes, layout, target),
            _ => combine_ycocg(planes, header, sizes, layout, target),
        },
    );
    if layout.has_alpha && header.has_alpha {
        let [alpha, ..] = planes;
        let width = layout.size.width as usize;
        draw_rows(layout, target, |stored, pixels| {
            let alpha = &alpha[stored * width..];
            for (pixel, alpha) in pixels.iter_mut().zip(alpha) {
                pixel[3] = *alpha;
            }
        });
    }
    Ok(())
}

/// Calls `f` with each row that shows, by its place among the stored rows, and with as many
/// pixels of the target as the row can fill.
#[inline(always)]
fn draw_rows(
    layout: &PlanarLayout,
    target: &mut PictureMut<'_>,
    mut f: impl FnMut(usize, &mut [[u8; BYTES_PER_PIXEL]]),
) {
    let Size { width, height } = layout.size;
    let shown_bytes = width.min(target.size().width) as usize * BYTES_PER_PIXEL;
    for y in 0..height.min(target.size().height) {
        let stored = layout.row_order.flip(y, height) as usize;
        let (pixels, _) = target.row_mut(y)[..shown_bytes].as_chunks_mut();
        f(stored, pixels);
    }
}

#[inline(always)]
fn combine_rgb(
    [_, red, green, blue]: [&[u8]; 4],
    layout: &PlanarLayout,
    target: &mut PictureMut<'_>,
) {
    let width = layout.size.width as usize;
    draw_rows(
        layout,
        target,
        #[inline(always)]
        |stored, pixels| {
            let row = stored * width..stored * width + pixels.len();
            let (red, green, blue) = (&red[row.clone()], &green[row.clone()], &blue[row]);
            for (((pixel, red), green), blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
                *pixel = [*blue, *green, *red, 255];
            }
        },
    );
}

#[inline(always)]
fn combine_ycocg(
    [_, luma, orange, green]: [&[u8]; 4],
    header: FormatHeader,
    [_, _, chroma_size, _]: [Size; 4],
    layout: &PlanarLayout,
    target: &mut PictureMut<'_>,
) {
    let width = layout.size.width as usize;
    let chroma_width = chroma_size.width as usize;
    // Chroma has nine bits, of which the lowest is not needed: it is halved below anyway. The sign
    // comes to lie where eight bits have theirs.
    let shift = header.color_loss_level - 1;
    draw_rows(
        layout,
        target,
        #[inline(always)]
        |stored, pixels| {
            let luma = &luma[stored * width..][..pixels.len()];
            if !header.subsamples_chroma {
                let row = stored * width..stored * width + pixels.len();
                return combine_row(pixels, luma, &orange[row.clone()], &green[row], shift);
            }
            let row = stored / 2 * chroma_width..(stored / 2 + 1) * chroma_width;
            let chroma = orange[row.clone()]
                .chunks(SHARED_BLOCK)
                .zip(green[row].chunks(SHARED_BLOCK));
            let blocks = pixels
                .chunks_mut(2 * SHARED_BLOCK)
                .zip(luma.chunks(2 * SHARED_BLOCK))
                .zip(chroma);
            for ((pixels, luma), (orange, green)) in blocks {
                let (orange, green) = (doubled(orange), doubled(green));
                let chroma = (orange.as_flattened(), green.as_flattened());
                combine_row(pixels, luma, chroma.0, chroma.1, shift);
            }
        },
    );
}

/// Subsampled chroma values that are spread over their pixels at a time.
const SHARED_BLOCK: usize = 64;

/// Each of up to [`SHARED_BLOCK`] values twice.
#[inline(always)]
fn doubled(values: &[u8]) -> [[u8; 2]; SHARED_BLOCK] {
    let mut doubled = [[0; 2]; SHARED_BLOCK];
    for (pair, value) in doubled.iter_mut().zip(values) {
        *pair = [*value; 2];
    }
    doubled
}

/// As many pixels as there are luma values, whose coded chroma is to be shifted.
#[inline(always)]
fn combine_row(
    pixels: &mut [[u8; BYTES_PER_PIXEL]],
    luma: &[u8],
    orange: &[u8],
    green: &[u8],
    shift: u8,
) {
    let half = |coded: u8| i16::from((coded << shift) as i8);
    let chroma = orange.iter().zip(green);
    for ((pixel, luma), (orange, green)) in pixels.iter_mut().zip(luma).zip(chroma) {
        *pixel = ycocg_to_bgra(*luma, half(*orange), half(*green));
    }
}

/// One pixel from luma and halved chroma (`[MS-RDPEGDI] 3.1.9.1.2`).
///
/// Red and blue change places, as the note there demands: servers confuse the two when they make
/// orange chroma.
#[inline(always)]
fn ycocg_to_bgra(luma: u8, orange: i16, green: i16) -> [u8; 4] {
    let luma = i16::from(luma);
    let clamp = |value: i16| value.clamp(0, 255) as u8;
    [
        clamp(luma + orange - green),
        clamp(luma + green),
        clamp(luma - orange - green),
        255,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;
    use crate::picture::{Picture, RowOrder};

    fn decoded(payload: &[u8], layout: &PlanarLayout) -> Result<Picture, DecodeError> {
        let mut picture = Picture::filled(layout.size, [9; 4]);
        decode(
            payload,
            layout,
            &mut picture.as_mut(),
            &mut PlanarScratch::default(),
        )?;
        Ok(picture)
    }

    #[test]
    fn planes_are_alpha_red_green_blue() {
        let payload = [0x00, 10, 11, 20, 21, 30, 31, 40, 41, 0];
        let size = Size::new(2, 1);
        let with_alpha = decoded(&payload, &PlanarLayout::pipeline(size, true)).unwrap();
        assert_eq!(with_alpha.data(), [40, 30, 20, 10, 41, 31, 21, 11]);
        let opaque = decoded(&payload, &PlanarLayout::pipeline(size, false)).unwrap();
        assert_eq!(opaque.data(), [40, 30, 20, 255, 41, 31, 21, 255]);
        let none = decoded(
            &[0x20, 20, 21, 30, 31, 40, 41],
            &PlanarLayout::pipeline(size, true),
        )
        .unwrap();
        assert_eq!(none, opaque, "the byte of padding may be missing");
    }

    #[test]
    fn the_row_order_says_where_the_first_row_goes() {
        let payload = [0x20, 1, 2, 1, 2, 1, 2];
        let size = Size::new(1, 2);
        let down = decoded(&payload, &PlanarLayout::pipeline(size, false)).unwrap();
        assert_eq!(down.pixel(Point::new(0, 0)), [1, 1, 1, 255]);
        let up = decoded(&payload, &PlanarLayout::update(size)).unwrap();
        assert_eq!(up.pixel(Point::new(0, 0)), [2, 2, 2, 255]);
    }

    #[test]
    fn chroma_is_signed_and_shared_by_four_pixels() {
        // Level 1: the coded chroma is half of itself already. 3 by 1 has two chroma values.
        let payload = [0x29, 100, 100, 100, 20, 0xF6, 0, 5];
        let picture = decoded(&payload, &PlanarLayout::pipeline(Size::new(3, 1), false)).unwrap();
        assert_eq!(picture.pixel(Point::new(0, 0)), [120, 100, 80, 255]);
        assert_eq!(picture.pixel(Point::new(1, 0)), [120, 100, 80, 255]);
        assert_eq!(picture.pixel(Point::new(2, 0)), [85, 105, 105, 255]);
        // Level 3: six bits, the highest of which is the sign.
        let payload = [0x23, 100, 0x3F, 0];
        let picture = decoded(&payload, &PlanarLayout::pipeline(Size::new(1, 1), false)).unwrap();
        assert_eq!(picture.pixel(Point::new(0, 0)), [96, 100, 104, 255]);
    }

    #[test]
    fn what_lies_beyond_the_target_is_cut_at_the_right_and_the_bottom() {
        let payload = [0x20, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4];
        let mut picture = Picture::new(Size::new(1, 1));
        for (row_order, shown) in [(RowOrder::TopDown, 1), (RowOrder::BottomUp, 3)] {
            let layout = PlanarLayout {
                size: Size::new(2, 2),
                row_order,
                has_alpha: false,
            };
            let mut scratch = PlanarScratch::default();
            decode(&payload, &layout, &mut picture.as_mut(), &mut scratch).unwrap();
            assert_eq!(picture.pixel(Point::new(0, 0))[0], shown);
        }
    }

    #[test]
    fn a_size_that_the_payload_cannot_fill_claims_no_memory() {
        let mut picture = Picture::new(Size::new(1, 1));
        let mut scratch = PlanarScratch::default();
        for header in [0x00, 0x10, 0x29, 0x39] {
            let layout = PlanarLayout::update(Size::new(u32::MAX, u32::MAX));
            let result = decode(
                &[header, 0x13, 5, 0, 0],
                &layout,
                &mut picture.as_mut(),
                &mut scratch,
            );
            assert_eq!(result, Err(DecodeError::Truncated));
        }
        assert!(scratch.planes.iter().all(|plane| plane.capacity() == 0));
    }

    #[test]
    fn subsampled_rgb_is_refused() {
        let layout = PlanarLayout::update(Size::new(1, 1));
        assert_eq!(
            decoded(&[0x28, 1, 1, 1], &layout),
            Err(DecodeError::SubsampledRgb)
        );
    }
}
