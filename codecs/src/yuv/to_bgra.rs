//! Planes to BGRA, full-range BT.709 (`[MS-RDPEGFX] 3.3.8.3.1`).
//!
//! The `yuv` crate's SIMD does the bulk. It wants a picture that starts on a whole block of 2×2
//! pixels; the odd first row and column of a rectangle are given to it apart, or done here.

use super::coefficients as k;
use super::plane::{Yuv420Planes, Yuv444Planes};
use crate::geometry::Rect;
use crate::picture::{BYTES_PER_PIXEL, PictureMut};
use yuv::{YuvConversionMode, YuvPlanarImage, YuvRange, YuvStandardMatrix};

pub(super) const RANGE: YuvRange = YuvRange::Full;
pub(super) const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt709;
pub(super) const MODE: YuvConversionMode = YuvConversionMode::Balanced;

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
