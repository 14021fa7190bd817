//! Paints window pixels on the CPU: desktop, bars, and what lies over them.

use oriel_codecs::{
    geometry::Rect,
    picture::{BYTES_PER_PIXEL, Picture, PictureMut},
};

use super::{Presentation, WindowLayer, copied::bytes_of, filter::Scaler};

/// The desktop, to be painted from.
pub(crate) trait Desktop {
    /// All of it.
    fn picture(&mut self) -> &Picture;

    /// Draws a rectangle of it in the same place of `target`, which is of its size; returns how
    /// many bytes of that are copies.
    fn draw(&mut self, rect: &Rect, target: &mut PictureMut<'_>) -> u64;
}

impl Desktop for Picture {
    fn picture(&mut self) -> &Picture {
        self
    }

    fn draw(&mut self, rect: &Rect, target: &mut PictureMut<'_>) -> u64 {
        if let Some(mut part) = target.sub(rect) {
            copy_rows(self, rect, &mut part);
        }
        bytes_of(rect.size())
    }
}

/// Paints parts of a window.
#[derive(Debug, Default)]
pub(crate) struct WindowPainter {
    scaler: Option<Scaler>,
}

impl WindowPainter {
    /// Paints `region` of the window into `window`, which is all of it; returns how many bytes of
    /// that are copies.
    pub(crate) fn paint(
        &mut self,
        desktop: &mut dyn Desktop,
        what: &Presentation<'_>,
        region: &Rect,
        window: &mut PictureMut<'_>,
    ) -> u64 {
        let viewport = what.view.viewport();
        let inner = region.intersect(&viewport);
        if inner != *region {
            blacken(window, region);
        }
        let rect = inner.translate(-viewport.left, -viewport.top);
        let mut copied = bytes_of(inner.size());
        if inner.is_empty() {
        } else if what.view.is_exact() {
            if let Some(mut target) = window.sub(&viewport) {
                copied = desktop.draw(&rect, &mut target);
            } else if let Some(mut part) = window.sub(&inner) {
                // The window is too small for all of it.
                copy_rows(desktop.picture(), &rect, &mut part);
            }
        } else if let Some(mut part) = window.sub(&inner) {
            let picture = desktop.picture();
            let (source, target) = (picture.size(), viewport.size());
            if !self
                .scaler
                .as_ref()
                .is_some_and(|kept| kept.is_for(source, target))
            {
                self.scaler = Some(Scaler::new(source, target));
            }
            if let Some(scaler) = &mut self.scaler {
                scaler.scale(picture.data(), &rect, &mut part);
            }
        }
        for layer in what.layers {
            blend(layer, region, window);
        }
        copied
    }
}

fn blacken(window: &mut PictureMut<'_>, region: &Rect) {
    if let Some(mut part) = window.sub(region) {
        for y in 0..region.height() {
            for pixel in part.row_mut(y).chunks_exact_mut(BYTES_PER_PIXEL) {
                pixel.copy_from_slice(&[0, 0, 0, 255]);
            }
        }
    }
}

/// Copies a rectangle to `target`, which is of its size.
pub(super) fn copy_rows(source: &Picture, rect: &Rect, target: &mut PictureMut<'_>) {
    let stride = source.stride_bytes();
    let bytes = rect.width() as usize * BYTES_PER_PIXEL;
    for y in 0..rect.height() {
        let from = (rect.top as usize + y as usize) * stride + rect.left as usize * BYTES_PER_PIXEL;
        target
            .row_mut(y)
            .copy_from_slice(&source.data()[from..from + bytes]);
    }
}

/// Inverts below a layer and then adds its premultiplied colours.
fn blend(layer: &WindowLayer, region: &Rect, window: &mut PictureMut<'_>) {
    let covered = layer.rect().intersect(region);
    let Some(mut part) = window.sub(&covered) else {
        return;
    };
    let offset = covered.translate(
        0i32.saturating_sub(layer.origin.x),
        0i32.saturating_sub(layer.origin.y),
    );
    let stride = layer.picture.stride_bytes();
    for y in 0..covered.height() {
        let from =
            (offset.top as usize + y as usize) * stride + offset.left as usize * BYTES_PER_PIXEL;
        let row = part.row_mut(y);
        if let Some(mask) = &layer.inverting {
            for (below, mask) in row.iter_mut().zip(&mask.data()[from..]) {
                let (old, mask) = (u32::from(*below), u32::from(*mask));
                *below = divide_by_255(mask * (255 - old) + (255 - mask) * old);
            }
        }
        let above = layer.picture.data()[from..].chunks_exact(BYTES_PER_PIXEL);
        for (below, above) in row.chunks_exact_mut(BYTES_PER_PIXEL).zip(above) {
            let through = 255 - u32::from(above[3]);
            for (below, above) in below.iter_mut().zip(above) {
                *below = above.saturating_add(divide_by_255(u32::from(*below) * through));
            }
        }
    }
}

/// `value / 255` to the nearest, for values up to 255 squared.
fn divide_by_255(value: u32) -> u8 {
    ((value + 127) / 255) as u8
}
