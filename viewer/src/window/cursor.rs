//! The server's mouse pointer as the window's cursor.

use std::{collections::VecDeque, sync::Arc};

use oriel_protocol::graphics::{PointerShape, PointerUpdate};
use oriel_render::CursorImage;
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
        let image = cursor_image(shape)?;
        let side = |length: u32| u16::try_from(length).ok();
        let (width, height) = (side(image.size().width)?, side(image.size().height)?);
        let hotspot = image.hotspot();
        let source = CustomCursor::from_rgba(
            image.rgba(),
            width,
            height,
            u16::try_from(hotspot.x).ok()?,
            u16::try_from(hotspot.y).ok()?,
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

fn cursor_image(_shape: &PointerShape) -> Option<CursorImage> {
    None
}
