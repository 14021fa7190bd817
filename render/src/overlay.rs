//! What is shown over the desktop.

use std::sync::Arc;

use oriel_codecs::{
    geometry::{Point, Rect},
    picture::Picture,
};

use crate::{compositor::WindowLayer, pointer::CursorImage, view::View};

/// A picture of the owner's over the desktop: statistics, a menu.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Overlay {
    /// Pixels drawn elsewhere.
    Picture {
        /// Top left corner, in window pixels.
        origin: Point,
        /// BGRA with colours premultiplied by alpha.
        picture: Picture,
    },
}

/// The mouse pointer drawn as part of the picture: where the window system's own cannot be used,
/// or for screenshots with a pointer.
#[derive(Clone, Debug)]
pub struct PointerOverlay {
    /// The shape.
    pub image: Arc<CursorImage>,
    /// The desktop pixel that it points at.
    pub position: Point,
}

/// What lies over the desktop, ready to be blended.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    overlay: Option<WindowLayer>,
    pointer: Option<PointerLayer>,
}

#[derive(Debug)]
struct PointerLayer {
    image: Arc<CursorImage>,
    position: Point,
    picture: Arc<Picture>,
    inverting: Option<Arc<Picture>>,
}

impl Layers {
    /// Replaces the overlay; returns what must be painted again.
    pub(crate) fn set_overlay(&mut self, overlay: Option<Overlay>) -> [Rect; 2] {
        let old = self.overlay.take();
        self.overlay = overlay.map(|Overlay::Picture { origin, picture }| WindowLayer {
            origin,
            picture: Arc::new(picture),
            inverting: None,
        });
        [old.as_ref(), self.overlay.as_ref()]
            .map(|layer| layer.map(WindowLayer::rect).unwrap_or_default())
    }

    /// Replaces the pointer; returns what must be painted again.
    pub(crate) fn set_pointer(
        &mut self,
        pointer: Option<PointerOverlay>,
        view: &View,
    ) -> [Rect; 2] {
        let before = self.pointer_layer(view);
        // Most changes are moves: the shape's pictures are kept then.
        let old = self.pointer.take();
        self.pointer = pointer.map(|PointerOverlay { image, position }| match old {
            Some(old) if Arc::ptr_eq(&old.image, &image) => PointerLayer { position, ..old },
            _ => PointerLayer {
                position,
                picture: Arc::new(image.premultiplied()),
                inverting: image.inverting_picture().map(Arc::new),
                image,
            },
        });
        let after = self.pointer_layer(view);
        [before, after].map(|layer| layer.as_ref().map(WindowLayer::rect).unwrap_or_default())
    }

    /// The layers in a view, lowest first.
    pub(crate) fn in_view(&self, view: &View) -> Vec<WindowLayer> {
        self.pointer_layer(view)
            .into_iter()
            .chain(self.overlay.clone())
            .collect()
    }

    fn pointer_layer(&self, view: &View) -> Option<WindowLayer> {
        let pointer = self.pointer.as_ref()?;
        let (x, y) = view.window_at(pointer.position)?;
        let hotspot = pointer.image.hotspot();
        Some(WindowLayer {
            origin: Point::new(
                (x.floor() as i32).saturating_sub(hotspot.x),
                (y.floor() as i32).saturating_sub(hotspot.y),
            ),
            picture: pointer.picture.clone(),
            inverting: pointer.inverting.clone(),
        })
    }
}
