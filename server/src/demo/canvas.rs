//! Drawing for the demo's windows: shapes by tiny-skia, text by [`TextPainter`], in logical units.
//!
//! tiny-skia draws RGBA. Red and blue change places on the way in, so that what lies in memory is
//! BGRA as everywhere in Oriel, with premultiplied alpha.

use oriel_codecs::geometry::Size;
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point,
    RadialGradient, Shader, SpreadMode, Stroke, Transform,
};

use super::{
    text::{Font, TextPainter},
    theme::Rgba,
};

/// The colour as tiny-skia must get it to write BGRA.
fn skia(color: Rgba) -> Color {
    Color::from_rgba8(color.blue, color.green, color.red, color.alpha)
}

/// Turns logical units into whole pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    percent: u32,
}

impl Scale {
    /// A scale between 100 and 300 percent; others are clamped.
    pub fn new(percent: u32) -> Self {
        Self {
            percent: percent.clamp(100, 300),
        }
    }

    /// This scale or a smaller one.
    pub fn at_most(self, factor: f32) -> Self {
        Self::new(self.percent.min((factor * 100.0) as u32))
    }

    /// Pixels a logical unit.
    pub fn factor(self) -> f32 {
        self.percent as f32 / 100.0
    }

    /// A length in whole pixels.
    pub fn px(self, units: f32) -> i32 {
        (units * self.factor()).round() as i32
    }

    /// Thickness of the thinnest line: whole pixels, at least one.
    pub fn hairline_px(self) -> i32 {
        (self.percent / 100) as i32
    }
}

/// A picture to draw on. Coordinates are logical units from its top left corner; edges of
/// rectangles fall on whole pixels.
#[derive(Debug)]
pub struct Canvas<'a> {
    pixmap: &'a mut Pixmap,
    text: &'a mut TextPainter,
    scale: Scale,
}

impl<'a> Canvas<'a> {
    /// A canvas over a picture with premultiplied BGRA pixels.
    pub fn new(pixmap: &'a mut Pixmap, text: &'a mut TextPainter, scale: Scale) -> Self {
        Self {
            pixmap,
            text,
            scale,
        }
    }

    /// Logical units to pixels.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Width in logical units.
    pub fn width(&self) -> f32 {
        self.pixmap.width() as f32 / self.scale.factor()
    }

    /// Height in logical units.
    pub fn height(&self) -> f32 {
        self.pixmap.height() as f32 / self.scale.factor()
    }

    /// Size in pixels.
    pub fn size_px(&self) -> Size {
        Size::new(self.pixmap.width(), self.pixmap.height())
    }

    /// The pixels, for what is drawn pixel by pixel.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.pixmap.data_mut()
    }

    /// One colour everywhere.
    pub fn clear(&mut self, color: Rgba) {
        self.pixmap.fill(skia(color));
    }

    /// A filled rectangle.
    pub fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, color: Rgba) {
        let (left, top) = (self.scale.px(x), self.scale.px(y));
        let (right, bottom) = (self.scale.px(x + width), self.scale.px(y + height));
        self.rect_px(left, top, right - left, bottom - top, color);
    }

    /// A filled rectangle in pixels.
    pub fn rect_px(&mut self, x: i32, y: i32, width: i32, height: i32, color: Rgba) {
        let rect = tiny_skia::Rect::from_xywh(
            x as f32,
            y as f32,
            width.max(0) as f32,
            height.max(0) as f32,
        );
        if let Some(rect) = rect.filter(|rect| rect.width() > 0.0 && rect.height() > 0.0) {
            self.pixmap
                .fill_rect(rect, &solid(color), Transform::identity(), None);
        }
    }

    /// A filled rectangle with round corners.
    pub fn round_rect(
        &mut self,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        radius: f32,
        color: Rgba,
    ) {
        let path = self.round_rect_path(x, y, width, height, radius);
        self.fill(path, &solid(color));
    }

    /// The outline of a rectangle with round corners, one hairline thick, inside of its edges.
    pub fn round_outline(
        &mut self,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        radius: f32,
        color: Rgba,
    ) {
        let line_px = self.scale.hairline_px() as f32;
        let inset = line_px / 2.0 / self.scale.factor();
        if let Some(path) = self.round_rect_path(
            x + inset,
            y + inset,
            width - 2.0 * inset,
            height - 2.0 * inset,
            radius - inset,
        ) {
            let stroke = Stroke {
                width: line_px,
                ..Stroke::default()
            };
            self.pixmap
                .stroke_path(&path, &solid(color), &stroke, Transform::identity(), None);
        }
    }

    /// A filled circle.
    pub fn circle(&mut self, x: f32, y: f32, radius: f32, color: Rgba) {
        let factor = self.scale.factor();
        let path = PathBuilder::from_circle(x * factor, y * factor, radius * factor);
        self.fill(path, &solid(color));
    }

    /// A circle that is lit from the upper left.
    pub fn ball(&mut self, x: f32, y: f32, radius: f32, light: Rgba, dark: Rgba) {
        let factor = self.scale.factor();
        let (x, y, radius) = (x * factor, y * factor, radius * factor);
        let shader = RadialGradient::new(
            Point::from_xy(x - radius * 0.35, y - radius * 0.4),
            0.0,
            Point::from_xy(x, y),
            radius * 1.05,
            vec![
                GradientStop::new(0.0, skia(light)),
                GradientStop::new(1.0, skia(dark)),
            ],
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let Some(shader) = shader {
            self.fill(PathBuilder::from_circle(x, y, radius), &shaded(shader));
        }
    }

    /// A rectangle filled from top to bottom through the colours at `stops` (0 to 1).
    pub fn vertical_gradient(
        &mut self,
        (x, y): (f32, f32),
        (width, height): (f32, f32),
        stops: &[(f32, Rgba)],
    ) {
        let stops: Vec<_> = stops
            .iter()
            .map(|&(at, color)| GradientStop::new(at, skia(color)))
            .collect();
        let (left, top) = (self.scale.px(x) as f32, self.scale.px(y) as f32);
        let (right, bottom) = (
            self.scale.px(x + width) as f32,
            self.scale.px(y + height) as f32,
        );
        let shader = LinearGradient::new(
            Point::from_xy(left, top),
            Point::from_xy(left, bottom),
            stops,
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let (Some(shader), Some(rect)) =
            (shader, tiny_skia::Rect::from_ltrb(left, top, right, bottom))
        {
            self.pixmap
                .fill_rect(rect, &shaded(shader), Transform::identity(), None);
        }
    }

    /// A filled polygon or curve; `build` gets the path in logical units.
    pub fn path(&mut self, color: Rgba, build: impl FnOnce(&mut PathBuilder)) {
        let mut builder = PathBuilder::new();
        build(&mut builder);
        let factor = self.scale.factor();
        let path = builder
            .finish()
            .and_then(|path| path.transform(Transform::from_scale(factor, factor)));
        self.fill(path, &solid(color));
    }

    /// A line of `width` logical units along a path.
    pub fn stroke(&mut self, color: Rgba, width: f32, build: impl FnOnce(&mut PathBuilder)) {
        let mut builder = PathBuilder::new();
        build(&mut builder);
        let factor = self.scale.factor();
        if let Some(path) = builder.finish() {
            let stroke = Stroke {
                width,
                line_cap: tiny_skia::LineCap::Round,
                line_join: tiny_skia::LineJoin::Round,
                ..Stroke::default()
            };
            self.pixmap.stroke_path(
                &path,
                &solid(color),
                &stroke,
                Transform::from_scale(factor, factor),
                None,
            );
        }
    }

    /// A line of text on `baseline`; returns its width in logical units.
    pub fn text(
        &mut self,
        x: f32,
        baseline: f32,
        font: Font,
        size: f32,
        color: Rgba,
        text: &str,
    ) -> f32 {
        let factor = self.scale.factor();
        self.text.draw(
            self.pixmap,
            self.scale.px(x),
            self.scale.px(baseline),
            font,
            size * factor,
            color,
            text,
        ) / factor
    }

    /// Characters in cells of `cell_px` pixels each, for text in columns.
    pub fn text_cells(
        &mut self,
        x_px: i32,
        baseline_px: i32,
        cell_px: i32,
        size: f32,
        color: Rgba,
        text: &str,
    ) {
        let size_px = size * self.scale.factor();
        let mut buffer = [0; 4];
        for (column, character) in text.chars().enumerate() {
            if character != ' ' {
                self.text.draw(
                    self.pixmap,
                    x_px + column as i32 * cell_px,
                    baseline_px,
                    Font::Mono,
                    size_px,
                    color,
                    character.encode_utf8(&mut buffer),
                );
            }
        }
    }

    /// Width of a line of text in logical units.
    pub fn measure(&mut self, font: Font, size: f32, text: &str) -> f32 {
        let factor = self.scale.factor();
        self.text.measure_px(font, size * factor, text) / factor
    }

    fn fill(&mut self, path: Option<Path>, paint: &Paint<'_>) {
        if let Some(path) = path {
            self.pixmap
                .fill_path(&path, paint, FillRule::Winding, Transform::identity(), None);
        }
    }

    fn round_rect_path(
        &self,
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        radius: f32,
    ) -> Option<Path> {
        let factor = self.scale.factor();
        round_rect(
            x * factor,
            y * factor,
            width * factor,
            height * factor,
            radius * factor,
        )
    }
}

fn solid(color: Rgba) -> Paint<'static> {
    shaded(Shader::SolidColor(skia(color)))
}

fn shaded(shader: Shader<'_>) -> Paint<'_> {
    Paint {
        shader,
        ..Paint::default()
    }
}

fn round_rect(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Option<Path> {
    // How far a cubic's handles stand from the corner to follow a quarter of a circle.
    const HANDLE: f32 = 0.447_715;
    let radius = radius.min(width / 2.0).min(height / 2.0).max(0.0);
    let (right, bottom, handle) = (x + width, y + height, radius * HANDLE);
    let mut path = PathBuilder::new();
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.cubic_to(right - handle, y, right, y + handle, right, y + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(
        right,
        bottom - handle,
        right - handle,
        bottom,
        right - radius,
        bottom,
    );
    path.line_to(x + radius, bottom);
    path.cubic_to(x + handle, bottom, x, bottom - handle, x, bottom - radius);
    path.line_to(x, y + radius);
    path.cubic_to(x, y + handle, x + handle, y, x + radius, y);
    path.close();
    path.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_holds_blue_first() {
        let mut pixmap = Pixmap::new(4, 4).expect("not empty");
        let mut text = TextPainter::new();
        let mut canvas = Canvas::new(&mut pixmap, &mut text, Scale::new(100));
        canvas.rect(0.0, 0.0, 4.0, 4.0, Rgba::hex(0x102030));
        assert_eq!(&pixmap.data()[..4], &[0x30, 0x20, 0x10, 255]);
    }

    #[test]
    fn a_scale_out_of_range_is_clamped() {
        assert_eq!(Scale::new(50).px(10.0), 10);
        assert_eq!(Scale::new(1000).px(10.0), 30);
        assert_eq!(Scale::new(250).hairline_px(), 2);
    }
}
