//! The server's mouse pointer as the window's cursor.

use std::{collections::VecDeque, sync::Arc};

use oriel_codecs::{palette::Palette, picture::BYTES_PER_PIXEL, pointer};
use oriel_protocol::graphics::{PointerShape, PointerUpdate};
use winit::{
    event_loop::ActiveEventLoop,
    window::{Cursor, CursorIcon, CustomCursor, Window},
};

/// Shapes that are kept: servers cycle through a few, and making one is a round trip to the
/// window system.
const KEPT_SHAPES: usize = 32;

/// What the window's cursor looks like while it is over the desktop.
#[derive(Default)]
pub struct ServerCursor {
    current: Current,
    kept: VecDeque<(Arc<PointerShape>, CustomCursor)>,
}

#[derive(Clone, Default)]
enum Current {
    #[default]
    Arrow,
    Hidden,
    Shape(CustomCursor),
}

impl ServerCursor {
    /// Takes over a change; a position is none of the cursor's looks and changes nothing.
    pub fn update(&mut self, update: &PointerUpdate, event_loop: &ActiveEventLoop) {
        self.current = match update {
            PointerUpdate::Hidden => Current::Hidden,
            PointerUpdate::SystemDefault => Current::Arrow,
            PointerUpdate::Position(_) => return,
            PointerUpdate::Shape(shape) => match self.custom(shape, event_loop) {
                Some(cursor) => Current::Shape(cursor),
                None => Current::Arrow,
            },
        };
    }

    /// Makes the window show it.
    pub fn apply(&self, window: &Window) {
        window.set_cursor_visible(!matches!(self.current, Current::Hidden));
        match &self.current {
            Current::Arrow => window.set_cursor(CursorIcon::Default),
            Current::Shape(cursor) => window.set_cursor(Cursor::Custom(cursor.clone())),
            Current::Hidden => {}
        }
    }

    fn custom(
        &mut self,
        shape: &Arc<PointerShape>,
        event_loop: &ActiveEventLoop,
    ) -> Option<CustomCursor> {
        // The protocol hands out the same allocation for the same cache slot.
        if let Some((_, cursor)) = self.kept.iter().find(|(kept, _)| Arc::ptr_eq(kept, shape)) {
            return Some(cursor.clone());
        }
        let side = |length: u32| u16::try_from(length).ok();
        let (width, height) = (side(shape.size.width)?, side(shape.size.height)?);
        // Servers do send hotspots outside of the shape.
        let inside = |at: i32, side: u16| at.clamp(0, i32::from(side.saturating_sub(1))) as u16;
        let source = CustomCursor::from_rgba(
            rgba(shape)?,
            width,
            height,
            inside(shape.hotspot.x, width),
            inside(shape.hotspot.y, height),
        );
        let cursor = match source {
            Ok(source) => event_loop.create_custom_cursor(source),
            Err(error) => {
                tracing::warn!(%error, "a pointer's shape is not one the window system takes");
                return None;
            }
        };
        if self.kept.len() == KEPT_SHAPES {
            self.kept.pop_front();
        }
        self.kept.push_back((shape.clone(), cursor.clone()));
        Some(cursor)
    }
}

/// Red, green, blue and straight alpha of a shape. No window system's cursor can invert what is
/// below it: such pixels become black with a white rim, which shows on any ground.
fn rgba(shape: &PointerShape) -> Option<Vec<u8>> {
    let decoded = pointer::decode(
        shape.size,
        shape.bits_per_pixel,
        &shape.xor_mask,
        &shape.and_mask,
        &Palette::default(),
    );
    match decoded {
        Ok(pointer) => {
            let mut pixels = pointer.without_inversion().into_data();
            for pixel in pixels.chunks_exact_mut(BYTES_PER_PIXEL) {
                pixel.swap(0, 2);
            }
            Some(pixels)
        }
        Err(error) => {
            tracing::warn!(%error, "a pointer's shape cannot be decoded");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use oriel_codecs::geometry::{Point, Size};

    use super::*;

    #[test]
    fn a_shape_is_turned_upright_and_red_comes_first() {
        let shape = PointerShape {
            size: Size::new(1, 2),
            hotspot: Point::new(0, 0),
            bits_per_pixel: 32,
            // Bottom row first: opaque blue below, half-clear red above.
            xor_mask: vec![255, 0, 0, 255, 0, 0, 200, 128].into(),
            and_mask: vec![0; 4].into(),
        };
        assert_eq!(rgba(&shape).unwrap(), [200, 0, 0, 128, 0, 0, 255, 255]);
    }

    #[test]
    fn a_shape_that_is_cut_short_is_no_cursor() {
        let shape = PointerShape {
            size: Size::new(32, 32),
            hotspot: Point::new(0, 0),
            bits_per_pixel: 32,
            xor_mask: vec![0; 7].into(),
            and_mask: Default::default(),
        };
        assert_eq!(rgba(&shape), None);
    }
}
