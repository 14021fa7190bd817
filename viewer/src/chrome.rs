//! What Oriel itself shows over the desktop: progress, errors, a notice, statistics.
//!
//! egui lays the pages out, [`raster`] paints them on the CPU into a picture of just the size
//! needed, and the renderer blends that picture over the desktop, with a GPU or without. A page
//! that looks as it did before costs the renderer nothing.

mod pages;
pub mod raster;
mod style;

use std::time::Duration;

use egui::{Context, FullOutput, PlatformOutput, RawInput, ViewportId};
use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
};

pub(crate) use pages::format_bytes;
pub use pages::{
    Action, FailurePage, NoticePage, Page, ProgressPage, ProgressStep, StatisticsPage, StepFigures,
    show,
};
pub use style::apply as apply_style;

/// The pages with their state, and what they looked like last.
pub struct Chrome {
    context: Context,
    rasterizer: raster::Rasterizer,
    shown: Option<PlacedPicture>,
}

/// A premultiplied picture and where its top left corner belongs, in window pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedPicture {
    /// Top left corner.
    pub origin: Point,
    /// Premultiplied BGRA.
    pub picture: Picture,
}

impl PlacedPicture {
    /// The window pixels that the picture covers.
    pub fn rect(&self) -> Rect {
        Rect::at(self.origin, self.picture.size())
    }
}

/// What came of a run of [`Chrome`].
pub struct Painted {
    /// What the person asked for.
    pub action: Option<Action>,
    /// The picture, if it is another one than before; `Some(None)` where nothing is shown any more.
    pub changed: Option<Option<PlacedPicture>>,
    /// For the window: the cursor, the accessibility tree.
    pub platform: PlatformOutput,
    /// When the page wants to be painted again by itself.
    pub repaint_after: Option<Duration>,
}

impl Chrome {
    /// Pages that were never shown.
    pub fn new() -> Self {
        let context = Context::default();
        style::apply(&context);
        Self {
            context,
            rasterizer: raster::Rasterizer::default(),
            shown: None,
        }
    }

    /// egui's own state, to feed input to.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The window pixels that are covered now.
    pub fn covered(&self) -> Rect {
        self.shown
            .as_ref()
            .map(PlacedPicture::rect)
            .unwrap_or_default()
    }

    /// Lays `page` out for a window of `size` pixels and paints it.
    pub fn run(&mut self, input: RawInput, page: &Page, size: Size) -> Painted {
        let mut action = None;
        let FullOutput {
            platform_output,
            mut textures_delta,
            shapes,
            pixels_per_point,
            viewport_output,
        } = self.context.run_ui(input, |ui| {
            // egui may lay out twice; what was asked for the first time counts.
            action = action.take().or(show(ui, page));
        });
        self.rasterizer.update_textures(&mut textures_delta);
        let primitives = self.context.tessellate(shapes, pixels_per_point);
        let shown = self.rasterizer.paint(size, pixels_per_point, &primitives);
        self.rasterizer.free_textures(&mut textures_delta);
        let changed = (shown != self.shown).then(|| {
            self.shown = shown;
            self.shown.clone()
        });
        Painted {
            action,
            changed,
            platform: platform_output,
            repaint_after: viewport_output
                .get(&ViewportId::ROOT)
                .map(|output| output.repaint_delay)
                .filter(|&delay| delay < Duration::MAX),
        }
    }
}

impl Default for Chrome {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(size: Size) -> RawInput {
        RawInput {
            screen_rect: Some(egui::Rect::from_min_size(
                egui::Pos2::ZERO,
                egui::vec2(size.width as f32, size.height as f32),
            )),
            ..Default::default()
        }
    }

    #[test]
    fn a_page_is_handed_on_once_and_taken_away_once() {
        let size = Size::new(800, 600);
        let mut chrome = Chrome::new();
        let page = Page::Connecting(ProgressPage::new("pc"));
        // egui measures what is new before it shows it.
        let measured = chrome.run(input(size), &page, size);
        assert_eq!(measured.repaint_after, Some(Duration::ZERO));
        let painted = chrome.run(input(size), &page, size);
        let first = painted.changed.flatten().expect("a picture");
        assert!(size.to_rect().contains_rect(&first.rect()));
        assert!(first.rect().size() != size, "only what the card covers");
        // egui settles hover and focus within a few runs.
        for _ in 0..3 {
            chrome.run(input(size), &page, size);
        }
        assert!(chrome.run(input(size), &page, size).changed.is_none());
        let painted = chrome.run(input(size), &Page::default(), size);
        assert_eq!(painted.changed, Some(None));
        assert_eq!(chrome.covered(), Rect::default());
    }

    #[test]
    fn a_desktop_without_anything_over_it_wants_no_repaint() {
        let size = Size::new(800, 600);
        let mut chrome = Chrome::new();
        for _ in 0..4 {
            chrome.run(input(size), &Page::default(), size);
        }
        let painted = chrome.run(input(size), &Page::default(), size);
        assert_eq!(painted.repaint_after, None);
        assert!(painted.changed.is_none());
    }
}
