//! The demo's own mouse pointers, drawn at the desktop's scale.

use std::sync::Arc;

use bytes::Bytes;
use oriel_codecs::geometry::{Point, Size};
use oriel_protocol::graphics::PointerShape;
use tiny_skia::{PathBuilder, Pixmap};

use super::{
    canvas::{Canvas, Scale},
    text::TextPainter,
    theme::Rgba,
};

/// Which pointer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PointerKind {
    /// Points.
    Arrow,
    /// Over text.
    Text,
    /// Over what can be pressed.
    Hand,
    /// While a window is dragged.
    Move,
}

/// Pointers are drawn in a square of this many logical units.
const SIDE: f32 = 32.0;
const FILL: Rgba = Rgba::hex(0xFFFFFF);
const LINE: Rgba = Rgba::hex(0x161A2B);

/// Draws a pointer as a 32-bit colour pointer with alpha, smaller than `scale` asks for where it
/// would have more than `max_side_px` columns.
pub fn shape(
    kind: PointerKind,
    scale: Scale,
    max_side_px: u32,
    text: &mut TextPainter,
) -> Arc<PointerShape> {
    let scale = scale.at_most(max_side_px as f32 / SIDE);
    let side_px = scale.px(SIDE) as u32;
    let Some(mut pixmap) = Pixmap::new(side_px, side_px) else {
        unreachable!("a scale is at least 1");
    };
    let mut canvas = Canvas::new(&mut pixmap, text, scale);
    let (x, y) = match kind {
        PointerKind::Arrow => arrow(&mut canvas),
        PointerKind::Text => beam(&mut canvas),
        PointerKind::Hand => hand(&mut canvas),
        PointerKind::Move => cross(&mut canvas),
    };
    let size = Size::new(side_px, side_px);
    let pixels = pixmap.take_demultiplied();
    let row_bytes = side_px as usize * 4;
    let xor_mask: Vec<u8> = pixels.rchunks_exact(row_bytes).flatten().copied().collect();
    Arc::new(PointerShape {
        size,
        hotspot: Point::new(scale.px(x), scale.px(y)),
        bits_per_pixel: 32,
        and_mask: and_mask(&xor_mask, side_px as usize),
        xor_mask: Bytes::from(xor_mask),
    })
}

/// The mask for clients that look at it: set where nothing of the picture is seen.
fn and_mask(xor_mask: &[u8], side: usize) -> Bytes {
    let row_bytes = side.div_ceil(16) * 2;
    let mut mask = vec![0; row_bytes * side];
    for (index, pixel) in xor_mask.chunks_exact(4).enumerate() {
        if pixel[3] == 0 {
            mask[index / side * row_bytes + index % side / 8] |= 0x80 >> (index % side % 8);
        }
    }
    Bytes::from(mask)
}

fn polygon(path: &mut PathBuilder, points: &[(f32, f32)]) {
    for (index, &(x, y)) in points.iter().enumerate() {
        if index == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    path.close();
}

/// Fills a polygon and draws its outline.
fn outlined(canvas: &mut Canvas<'_>, points: &[(f32, f32)]) {
    canvas.path(FILL, |path| polygon(path, points));
    canvas.stroke(LINE, 1.4, |path| polygon(path, points));
}

fn arrow(canvas: &mut Canvas<'_>) -> (f32, f32) {
    let points = [
        (2.0, 1.5),
        (2.0, 18.3),
        (6.1, 14.4),
        (8.9, 20.8),
        (11.7, 19.6),
        (9.0, 13.4),
        (14.6, 13.4),
    ];
    let shadow = points.map(|(x, y)| (x + 1.2, y + 1.8));
    canvas.path(LINE.with_alpha(70), |path| polygon(path, &shadow));
    outlined(canvas, &points);
    (2.0, 1.0)
}

fn beam(canvas: &mut Canvas<'_>) -> (f32, f32) {
    let build = |path: &mut PathBuilder| {
        for (from, to) in [
            ((8.0, 4.0), (14.0, 4.0)),
            ((11.0, 4.0), (11.0, 20.0)),
            ((8.0, 20.0), (14.0, 20.0)),
        ] {
            path.move_to(from.0, from.1);
            path.line_to(to.0, to.1);
        }
    };
    canvas.stroke(LINE, 3.6, build);
    canvas.stroke(FILL, 1.5, build);
    (11.0, 12.0)
}

fn hand(canvas: &mut Canvas<'_>) -> (f32, f32) {
    outlined(
        canvas,
        &[
            (8.0, 2.6),
            (9.4, 2.0),
            (10.8, 2.8),
            (11.0, 9.0),
            (16.6, 10.2),
            (18.2, 11.8),
            (17.4, 17.6),
            (16.0, 21.4),
            (9.4, 21.4),
            (7.0, 18.2),
            (3.4, 13.6),
            (4.2, 12.2),
            (6.0, 12.4),
            (8.0, 14.4),
        ],
    );
    (9.0, 2.0)
}

fn cross(canvas: &mut Canvas<'_>) -> (f32, f32) {
    let mut points = Vec::with_capacity(24);
    // One arm's outline, turned by quarters around (12, 12).
    let arm = [
        (-1.0, -1.0),
        (-1.0, -6.2),
        (-3.4, -6.2),
        (0.0, -10.2),
        (3.4, -6.2),
        (1.0, -6.2),
    ];
    for (cos, sin) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
        points.extend(
            arm.map(|(x, y): (f32, f32)| (12.0 + x * cos - y * sin, 12.0 + x * sin + y * cos)),
        );
    }
    outlined(canvas, &points);
    (12.0, 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_point_inside_of_themselves_and_are_partly_clear() {
        let mut text = TextPainter::new();
        for kind in [
            PointerKind::Arrow,
            PointerKind::Text,
            PointerKind::Hand,
            PointerKind::Move,
        ] {
            for percent in [100, 150, 300] {
                let shape = shape(kind, Scale::new(percent), 64, &mut text);
                assert!(shape.size.to_rect().contains(shape.hotspot), "{kind:?}");
                assert_eq!(shape.size.width, (32 * percent / 100).min(64));
                let alphas = || shape.xor_mask.iter().skip(3).step_by(4);
                assert!(alphas().any(|&a| a == 255) && alphas().any(|&a| a == 0));
            }
        }
    }
}
