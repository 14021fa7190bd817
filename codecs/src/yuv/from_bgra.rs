//! BGRA to planes, full-range BT.709 (`[MS-RDPEGFX] 3.3.8.3.1`), for the encoding side.

use super::picture::{PlaneBuffer, Yuv420Picture, Yuv444Picture};
use super::to_bgra::{MATRIX, MODE, RANGE};
use super::widen_to_blocks;
use crate::geometry::Rect;
use crate::picture::{BYTES_PER_PIXEL, Picture};
use yuv::{BufferStoreMut, YuvPlanarImageMut};

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
    let mut image = planar(
        [&mut out.luma, &mut out.cb, &mut out.cr],
        &rect,
        rect.left,
        rect.top,
    );
    let converted = yuv::bgra_to_yuv444(
        &mut image,
        from(bgra, &rect),
        bgra.stride_bytes() as u32,
        RANGE,
        MATRIX,
        MODE,
    );
    debug_assert!(converted.is_ok(), "{converted:?}");
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
    let mut image = planar(
        [&mut out.luma, &mut out.cb, &mut out.cr],
        &rect,
        rect.left / 2,
        rect.top / 2,
    );
    let converted = yuv::bgra_to_yuv420(
        &mut image,
        from(bgra, &rect),
        bgra.stride_bytes() as u32,
        RANGE,
        MATRIX,
        MODE,
    );
    debug_assert!(converted.is_ok(), "{converted:?}");
    out.pad_edges(&rect);
}

/// The pixels from the top left corner of `rect` on.
fn from<'a>(bgra: &'a Picture, rect: &Rect) -> &'a [u8] {
    let start = rect.top as usize * bgra.stride_bytes() + rect.left as usize * BYTES_PER_PIXEL;
    bgra.data().get(start..).unwrap_or_default()
}

/// The part of three planes under `rect`; the chroma of its corner lies at
/// (`chroma_x`, `chroma_y`).
fn planar<'a>(
    [luma, cb, cr]: [&'a mut PlaneBuffer; 3],
    rect: &Rect,
    chroma_x: i32,
    chroma_y: i32,
) -> YuvPlanarImageMut<'a, u8> {
    fn at(buffer: &mut PlaneBuffer, x: i32, y: i32) -> BufferStoreMut<'_, u8> {
        let start = y as usize * buffer.stride_bytes() + x as usize;
        BufferStoreMut::Borrowed(buffer.data_mut().get_mut(start..).unwrap_or_default())
    }
    YuvPlanarImageMut {
        y_stride: luma.stride_bytes() as u32,
        u_stride: cb.stride_bytes() as u32,
        v_stride: cr.stride_bytes() as u32,
        y_plane: at(luma, rect.left, rect.top),
        u_plane: at(cb, chroma_x, chroma_y),
        v_plane: at(cr, chroma_x, chroma_y),
        width: rect.width(),
        height: rect.height(),
    }
}
