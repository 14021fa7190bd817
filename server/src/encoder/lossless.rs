//! Exact pixels: planar or raw.

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::{BYTES_PER_PIXEL, Picture, PictureRef},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
};
use oriel_protocol::graphics::{GraphicsCommand, PayloadCodec, SurfaceId};

use super::{draw, row, tiles};

/// Rectangles are joined up to this size: large ones compress better, several can be decoded at
/// once.
pub(super) const MAX_DRAW: Size = Size::new(512, 256);
/// Bitmap updates carry a length of 16 bits: a tile fits even where it does not compress.
const MAX_BITMAP: Size = Size::new(64, 64);
/// The width of a bitmap in an update is a multiple of four (`[MS-RDPBCGR] 2.2.9.1.1.3.1.2.2`).
const BITMAP_ALIGNMENT: i32 = 4;

/// The way of exact pixels; keeps memory from one frame to the next.
#[derive(Debug, Default)]
pub(super) struct LosslessPath {
    scratch: PlanarScratch,
}

impl LosslessPath {
    /// Appends commands of the graphics pipeline that show `rects`, which have several colours each.
    pub fn draw(
        &mut self,
        surface: SurfaceId,
        pixels: &Picture,
        rects: &[Rect],
        out: &mut Vec<GraphicsCommand>,
    ) {
        for rect in tiles::merge(rects, MAX_DRAW) {
            let view = view(pixels, &rect);
            let raw_bytes = rect.size().area() as usize * BYTES_PER_PIXEL;
            let mut payload = Vec::with_capacity(raw_bytes / 4);
            self.planar(
                view,
                PlanarLayout::pipeline(rect.size(), false),
                &mut payload,
            );
            let codec = if payload.len() < raw_bytes {
                PayloadCodec::Planar
            } else {
                payload.clear();
                for y in rect.top..rect.bottom {
                    payload.extend_from_slice(row(pixels, &rect, y));
                }
                PayloadCodec::Uncompressed
            };
            out.push(draw(surface, rect, codec, payload));
        }
    }

    /// Appends bitmap updates of 32 bits a pixel that show `rects`.
    pub fn bitmaps(&mut self, pixels: &Picture, rects: &[Rect], out: &mut Vec<GraphicsCommand>) {
        for rect in rects {
            let aligned = Rect {
                left: rect.left & !(BITMAP_ALIGNMENT - 1),
                right: ((rect.right + BITMAP_ALIGNMENT - 1) & !(BITMAP_ALIGNMENT - 1))
                    .min(pixels.size().width as i32),
                ..*rect
            };
            for part in parts(&aligned, MAX_BITMAP) {
                self.bitmap(pixels, part, out);
            }
        }
    }

    fn bitmap(&mut self, pixels: &Picture, rect: Rect, out: &mut Vec<GraphicsCommand>) {
        let width = rect.width().next_multiple_of(BITMAP_ALIGNMENT as u32);
        let size = Size::new(width, rect.height());
        let layout = PlanarLayout::update(size);
        let mut payload = Vec::new();
        if width == rect.width() {
            self.planar(view(pixels, &rect), layout, &mut payload);
        } else {
            // The desktop ends before the bitmap does: its last column goes on.
            let mut padded = Picture::new(size);
            let stride = padded.stride_bytes();
            for (y, target) in (rect.top..).zip(padded.data_mut().chunks_exact_mut(stride)) {
                let source = row(pixels, &rect, y);
                let (inside, beyond) = target.split_at_mut(source.len());
                inside.copy_from_slice(source);
                let edge = &source[source.len() - BYTES_PER_PIXEL..];
                for pixel in beyond.chunks_exact_mut(BYTES_PER_PIXEL) {
                    pixel.copy_from_slice(edge);
                }
            }
            self.planar(padded.view(), layout, &mut payload);
        }
        let codec = PayloadCodec::Bitmap {
            bits_per_pixel: 32,
            is_compressed: true,
            size,
        };
        out.push(draw(SurfaceId::PRIMARY, rect, codec, payload));
    }

    fn planar(&mut self, view: PictureRef<'_>, layout: PlanarLayout, payload: &mut Vec<u8>) {
        let options = PlanarOptions::default();
        planar::encode(&view, &layout, &options, payload, &mut self.scratch);
    }
}

/// The pixels of a rectangle that the picture holds.
pub(super) fn view<'a>(pixels: &'a Picture, rect: &Rect) -> PictureRef<'a> {
    let start = rect.top as usize * pixels.stride_bytes() + rect.left as usize * BYTES_PER_PIXEL;
    match PictureRef::new(&pixels.data()[start..], rect.size(), pixels.stride_bytes()) {
        Some(view) => view,
        None => unreachable!("{rect:?} lies inside of {:?}", pixels.size()),
    }
}

/// Cuts a rectangle into parts of at most `max`.
pub(super) fn parts(rect: &Rect, max: Size) -> impl Iterator<Item = Rect> {
    let rect = *rect;
    (rect.top..rect.bottom)
        .step_by(max.height as usize)
        .flat_map(move |y| {
            (rect.left..rect.right)
                .step_by(max.width as usize)
                .map(move |x| Rect::at(Point::new(x, y), max).intersect(&rect))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_rectangle_once() {
        let rect = Rect::new(3, 5, 150, 70);
        let parts: Vec<_> = parts(&rect, Size::new(64, 64)).collect();
        let area: u64 = parts.iter().map(|part| part.size().area()).sum();
        assert_eq!(area, rect.size().area());
        assert!(parts.iter().all(|part| rect.contains_rect(part)));
    }

    #[test]
    fn bitmaps_at_an_odd_edge_are_padded_and_cut() {
        let size = Size::new(70, 10);
        let pixels = Picture::filled(size, [1, 2, 3, 255]);
        let mut out = Vec::new();
        LosslessPath::default().bitmaps(&pixels, &[size.to_rect()], &mut out);
        let sizes: Vec<_> = out
            .iter()
            .map(|command| match command {
                GraphicsCommand::Draw {
                    rect,
                    codec: PayloadCodec::Bitmap { size, .. },
                    ..
                } => (rect.width(), size.width),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sizes, [(64, 64), (6, 8)]);
    }
}
