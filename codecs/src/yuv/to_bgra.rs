//! Planes to BGRA, full-range BT.709 (`[MS-RDPEGFX] 3.3.8.3.1`).
//!
//! The `yuv` crate's SIMD does the bulk. It wants a picture that starts on a whole block of 2×2
//! pixels; the odd first row and column of a rectangle are given to it apart, or done here.

use super::coefficients as k;
use super::plane::{Yuv420Planes, Yuv444Planes};
use crate::geometry::Rect;
use crate::picture::{BYTES_PER_PIXEL, PictureMut};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

const RANGE: YuvRange = YuvRange::Full;
const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt709;

/// Converts the pixels of `rect` from `planes` to the same place in `out`, alpha 255.
///
/// `rect` is clipped to both; all of a block of 2×2 pixels take its chroma sample as it is.
/// Each channel is within one step of the exact value.
pub fn yuv420_to_bgra(planes: &Yuv420Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>) {
    let mut rect = rect
        .intersect(&planes.size().to_rect())
        .intersect(&out.size().to_rect());
    if rect.is_empty() {
        return;
    }
    if rect.left & 1 == 1 {
        let column = Rect::new(rect.left, rect.top, rect.left + 1, rect.bottom);
        convert_420_by_pixel(planes, &column, out);
        rect.left += 1;
    }
    if rect.top & 1 == 1 {
        let row = Rect::new(rect.left, rect.top, rect.right, rect.top + 1);
        convert_420_aligned(planes, &row, out);
        rect.top += 1;
    }
    convert_420_aligned(planes, &rect, out);
}

/// Converts the pixels of `rect` from `planes` to the same place in `out`, alpha 255.
///
/// `rect` is clipped to both. Each channel is within one step of the exact value.
pub fn yuv444_to_bgra(planes: &Yuv444Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>) {
    let rect = rect
        .intersect(&planes.size().to_rect())
        .intersect(&out.size().to_rect());
    let Some(mut target) = out.sub(&rect) else {
        return;
    };
    let (x, y) = (rect.left as u32, rect.top as u32);
    let image = YuvPlanarImage {
        y_plane: planes.luma().from(x, y),
        y_stride: planes.luma().stride_bytes() as u32,
        u_plane: planes.cb().from(x, y),
        u_stride: planes.cb().stride_bytes() as u32,
        v_plane: planes.cr().from(x, y),
        v_stride: planes.cr().stride_bytes() as u32,
        width: rect.width(),
        height: rect.height(),
    };
    let stride_bytes = target.stride_bytes() as u32;
    let converted = yuv::yuv444_to_bgra(&image, target.data_mut(), stride_bytes, RANGE, MATRIX);
    debug_assert!(converted.is_ok(), "{converted:?}");
}

/// `rect` lies inside both pictures; its left and top edges lie on a block, unless it is one row
/// high.
fn convert_420_aligned(planes: &Yuv420Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>) {
    let Some(mut target) = out.sub(rect) else {
        return;
    };
    let (x, y) = (rect.left as u32, rect.top as u32);
    let image = YuvPlanarImage {
        y_plane: planes.luma().from(x, y),
        y_stride: planes.luma().stride_bytes() as u32,
        u_plane: planes.cb().from(x / 2, y / 2),
        u_stride: planes.cb().stride_bytes() as u32,
        v_plane: planes.cr().from(x / 2, y / 2),
        v_stride: planes.cr().stride_bytes() as u32,
        width: rect.width(),
        height: rect.height(),
    };
    let stride_bytes = target.stride_bytes() as u32;
    let converted = yuv::yuv420_to_bgra(&image, target.data_mut(), stride_bytes, RANGE, MATRIX);
    debug_assert!(converted.is_ok(), "{converted:?}");
}

fn convert_420_by_pixel(planes: &Yuv420Planes<'_>, rect: &Rect, out: &mut PictureMut<'_>) {
    for y in rect.top as u32..rect.bottom as u32 {
        let (Some(luma), Some(cb), Some(cr)) = (
            planes.luma().row(y),
            planes.cb().row(y / 2),
            planes.cr().row(y / 2),
        ) else {
            return;
        };
        let row = out.row_mut(y);
        for x in rect.left as usize..rect.right as usize {
            row[x * BYTES_PER_PIXEL..][..BYTES_PER_PIXEL].copy_from_slice(&pixel(
                luma[x],
                cb[x / 2],
                cr[x / 2],
            ));
        }
    }
}

/// One pixel in fixed point with 16 bits of fraction.
fn pixel(luma: u8, cb: u8, cr: u8) -> [u8; 4] {
    const fn fixed(coefficient: f32) -> i32 {
        (coefficient * 65536.0) as i32
    }
    const HALF: i32 = 1 << 15;
    let luma = (i32::from(luma) << 16) + HALF;
    let cb = i32::from(cb) - i32::from(k::CHROMA_ZERO);
    let cr = i32::from(cr) - i32::from(k::CHROMA_ZERO);
    let channel = |value: i32| (value >> 16).clamp(0, 255) as u8;
    [
        channel(luma + const { fixed(k::BLUE_FROM_CB) } * cb),
        channel(
            luma + const { fixed(k::GREEN_FROM_CB) } * cb + const { fixed(k::GREEN_FROM_CR) } * cr,
        ),
        channel(luma + const { fixed(k::RED_FROM_CR) } * cr),
        255,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Point, Size};
    use crate::picture::Picture;
    use crate::yuv::{Plane, Yuv420Picture};
    use proptest::prelude::*;

    /// `[MS-RDPEGFX] 3.3.8.3.1` with the coefficients of BT.709 in full.
    fn exact(luma: u8, cb: u8, cr: u8) -> [u8; 4] {
        let (y, u, v) = (
            f64::from(luma),
            f64::from(cb) - 128.0,
            f64::from(cr) - 128.0,
        );
        let channel = |value: f64| value.round().clamp(0.0, 255.0) as u8;
        [
            channel(y + 1.8556 * u),
            channel(y - 0.187_324 * u - 0.468_124 * v),
            channel(y + 1.5748 * v),
            255,
        ]
    }

    fn assert_close(actual: [u8; 4], exact: [u8; 4], of: impl std::fmt::Debug) {
        let is_close = std::iter::zip(actual, exact).all(|(a, b)| a.abs_diff(b) <= 1);
        assert!(is_close, "{actual:?} for {exact:?} of {of:?}");
    }

    /// All 65536 pairs of chroma, and every luma with a spread of them.
    #[test]
    fn every_colour_is_within_one_step() {
        let size = Size::new(256, 256);
        let cb: Vec<u8> = (0..=255).cycle().take(65536).collect();
        let cr: Vec<u8> = (0..65536u32).map(|at| (at / 256) as u8).collect();
        let mut out = Picture::new(size);
        for luma_step in 0..=255u8 {
            let luma: Vec<u8> = (0..65536u32)
                .map(|at| luma_step.wrapping_add((at / 256 * 7) as u8))
                .collect();
            let plane = |data| Plane::new(data, size, 256).unwrap();
            let planes = Yuv444Planes::new(plane(&luma), plane(&cb), plane(&cr)).unwrap();
            yuv444_to_bgra(&planes, &size.to_rect(), &mut out.as_mut());
            for (at, bgra) in out.data().as_chunks::<4>().0.iter().enumerate() {
                let sample = (luma[at], cb[at], cr[at]);
                let wanted = exact(sample.0, sample.1, sample.2);
                assert_close(*bgra, wanted, sample);
                assert_close(pixel(sample.0, sample.1, sample.2), wanted, sample);
            }
        }
    }

    fn noise(seed: u32) -> impl FnMut() -> u8 {
        let mut state = seed | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8
        }
    }

    fn noisy(size: Size, seed: u32) -> Yuv420Picture {
        let mut picture = Yuv420Picture::new(size);
        let mut noise = noise(seed);
        for plane in [&mut picture.luma, &mut picture.cb, &mut picture.cr] {
            plane.data_mut().fill_with(&mut noise);
        }
        picture
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn any_rectangle_of_any_size_is_converted_and_nothing_else_touched(
            width in 1u32..70, height in 1u32..40, out_width in 1u32..70, out_height in 1u32..40,
            corners in any::<[u8; 4]>(), seed in any::<u32>(),
        ) {
            let picture = noisy(Size::new(width, height), seed);
            let planes = picture.planes();
            let rect = Rect::new(
                i32::from(corners[0]) % 70 - 2,
                i32::from(corners[1]) % 40 - 2,
                i32::from(corners[2]) % 80,
                i32::from(corners[3]) % 50,
            );
            let untouched = [1, 2, 3, 4];
            let mut out = Picture::filled(Size::new(out_width, out_height), untouched);
            yuv420_to_bgra(&planes, &rect, &mut out.as_mut());
            for y in 0..out_height {
                for x in 0..out_width {
                    let at = Point::new(x as i32, y as i32);
                    if rect.contains(at) && x < width && y < height {
                        let wanted = exact(
                            planes.luma().row(y).unwrap()[x as usize],
                            planes.cb().row(y / 2).unwrap()[x as usize / 2],
                            planes.cr().row(y / 2).unwrap()[x as usize / 2],
                        );
                        assert_close(out.pixel(at), wanted, (at, rect));
                    } else {
                        prop_assert_eq!(out.pixel(at), untouched, "at {:?} of {:?}", at, rect);
                    }
                }
            }
        }
    }
}
