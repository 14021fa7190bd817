//! A window of the demo desktop: frame, shadow, title bar, and a program's content.

use oriel_codecs::geometry::{Point, Rect, Size};
use tiny_skia::Pixmap;

use super::{
    apps::App,
    canvas::{Canvas, Scale},
    text::{Font, TextPainter},
    theme::{self, CLOSE, CORNER_RADIUS, OUTLINE, SHADOW_REACH, TITLE_HEIGHT},
};

/// What lies under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The title bar: drags.
    Title,
    /// The close button.
    Close,
    /// The program's own.
    Content,
}

/// A window and its pictures.
pub struct Window {
    pub(super) app: Box<dyn App>,
    /// Top left corner of the body, without the shadow, on the desktop.
    pub(super) origin: Point,
    pub(super) is_open: bool,
    is_focused: bool,
    is_close_lit: bool,
    scale: Scale,
    body: Size,
    reach_px: i32,
    title_px: i32,
    radius_px: i32,
    frame: Pixmap,
    content: Pixmap,
    /// What `content` was: painted over next, and compared with.
    previous: Pixmap,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window")
            .field("title", &self.app.title())
            .field("origin", &self.origin)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// A picture of at least one pixel.
fn pixmap(width: i32, height: i32) -> Pixmap {
    match Pixmap::new(width.max(1) as u32, height.max(1) as u32) {
        Some(pixmap) => pixmap,
        None => unreachable!("windows are at most a few thousand pixels a side"),
    }
}

impl Window {
    /// A window around a program, at `origin`, painted.
    pub fn new(app: Box<dyn App>, origin: Point, scale: Scale, text: &mut TextPainter) -> Self {
        let mut window = Self {
            app,
            origin,
            is_open: true,
            is_focused: false,
            is_close_lit: false,
            scale,
            body: Size::default(),
            reach_px: 0,
            title_px: 0,
            radius_px: 0,
            frame: pixmap(1, 1),
            content: pixmap(1, 1),
            previous: pixmap(1, 1),
        };
        window.set_scale(scale, text);
        window
    }

    /// Takes another scale and paints everything anew.
    pub fn set_scale(&mut self, scale: Scale, text: &mut TextPainter) {
        self.scale = scale;
        let (width, height) = self.app.preferred_size();
        self.title_px = scale.px(TITLE_HEIGHT);
        self.radius_px = scale.px(CORNER_RADIUS);
        self.reach_px = scale.px(SHADOW_REACH);
        let line_px = scale.hairline_px();
        let content = (scale.px(width), scale.px(height));
        self.body = Size::new(
            (content.0 + 2 * line_px) as u32,
            (content.1 + self.title_px + line_px) as u32,
        );
        self.content = pixmap(content.0, content.1);
        self.previous = pixmap(content.0, content.1);
        self.frame = pixmap(
            self.body.width as i32 + 2 * self.reach_px,
            self.body.height as i32 + 2 * self.reach_px,
        );
        self.paint_frame(text);
        self.paint_content(text);
    }

    /// Width and height without the shadow.
    pub fn body_size(&self) -> Size {
        self.body
    }

    /// The body on the desktop.
    pub fn body(&self) -> Rect {
        Rect::at(self.origin, self.body)
    }

    /// Body and shadow on the desktop: all that the window can touch.
    pub fn bounds(&self) -> Rect {
        let reach = self.reach_px;
        let body = self.body();
        Rect::new(
            body.left - reach,
            body.top - reach,
            body.right + reach,
            body.bottom + reach,
        )
    }

    /// Part of the body that hides everything below it.
    pub fn opaque(&self) -> Rect {
        let body = self.body();
        Rect::new(
            body.left,
            body.top + self.radius_px,
            body.right,
            body.bottom - self.radius_px,
        )
    }

    /// The frame's picture and where it lies.
    pub fn frame(&self) -> (&Pixmap, Point) {
        (&self.frame, self.bounds().origin())
    }

    /// The content's picture and where it lies.
    pub fn content(&self) -> (&Pixmap, Point) {
        (&self.content, self.content_origin())
    }

    fn content_origin(&self) -> Point {
        Point::new(
            self.origin.x + self.scale.hairline_px(),
            self.origin.y + self.title_px,
        )
    }

    fn close_button(&self) -> (f32, f32, f32) {
        let width = self.body.width as f32 / self.scale.factor();
        (width - 20.0, TITLE_HEIGHT / 2.0, 9.0)
    }

    /// What lies at a point of the desktop; `None` outside of the body.
    pub fn part_at(&self, point: Point) -> Option<Part> {
        if !self.body().contains(point) {
            return None;
        }
        if point.y - self.origin.y >= self.title_px {
            return Some(Part::Content);
        }
        let factor = self.scale.factor();
        let (x, y, radius) = self.close_button();
        let dx = (point.x - self.origin.x) as f32 / factor - x;
        let dy = (point.y - self.origin.y) as f32 / factor - y;
        // A little beyond the circle that is seen: easier to hit.
        let is_close = dx.abs() <= radius + 2.0 && dy.abs() <= radius + 2.0;
        Some(if is_close { Part::Close } else { Part::Title })
    }

    /// Gives or takes the focus; returns what must be shown anew.
    pub fn set_focus(&mut self, is_focused: bool, text: &mut TextPainter) -> Vec<Rect> {
        if self.is_focused == is_focused {
            return Vec::new();
        }
        self.is_focused = is_focused;
        self.paint_frame(text);
        let mut damage = vec![self.bounds()];
        if self.app.set_focus(is_focused) {
            damage.extend(self.paint_content(text));
        }
        damage
    }

    /// Lights the close button or not; returns what must be shown anew.
    pub fn set_close_lit(&mut self, is_lit: bool, text: &mut TextPainter) -> Option<Rect> {
        if self.is_close_lit == is_lit {
            return None;
        }
        self.is_close_lit = is_lit;
        self.paint_frame(text);
        let body = self.body();
        Some(Rect::new(
            body.left,
            body.top,
            body.right,
            body.top + self.title_px,
        ))
    }

    /// Paints the content and returns the parts of the desktop that it changed.
    pub fn paint_content(&mut self, text: &mut TextPainter) -> Vec<Rect> {
        std::mem::swap(&mut self.content, &mut self.previous);
        self.app
            .paint(&mut Canvas::new(&mut self.content, text, self.scale));
        round_bottom_corners(
            &mut self.content,
            (self.radius_px - self.scale.hairline_px()).max(0),
        );
        let origin = self.content_origin();
        changed_rects(&self.previous, &self.content)
            .into_iter()
            .map(|rect| rect.translate(origin.x, origin.y))
            .collect()
    }

    fn paint_frame(&mut self, text: &mut TextPainter) {
        paint_shadow(
            &mut self.frame,
            self.body,
            self.reach_px,
            self.radius_px as f32,
            if self.is_focused { 0.55 } else { 0.38 },
        );
        let factor = self.scale.factor();
        let (width, height) = (
            self.body.width as f32 / factor,
            self.body.height as f32 / factor,
        );
        let (close_x, close_y, radius) = self.close_button();
        // The frame is the body with the shadow's reach around it.
        let reach = self.reach_px as f32 / factor;
        let mut canvas = Canvas::new(&mut self.frame, text, self.scale);
        let title = if self.is_focused {
            theme::TITLE_FOCUSED
        } else {
            theme::TITLE
        };
        canvas.round_rect(reach, reach, width, height, CORNER_RADIUS, title);
        canvas.round_outline(reach, reach, width, height, CORNER_RADIUS, OUTLINE);
        let color = if self.is_focused {
            theme::TEXT
        } else {
            theme::TEXT_DIM
        };
        canvas.circle(
            reach + 18.0,
            reach + TITLE_HEIGHT / 2.0,
            4.5,
            self.app.color(),
        );
        canvas.text(
            reach + 32.0,
            reach + 22.0,
            Font::Sans,
            14.5,
            color,
            self.app.title(),
        );
        let (x, y) = (reach + close_x, reach + close_y);
        if self.is_close_lit {
            canvas.circle(x, y, radius, CLOSE);
        }
        let arm = 3.6;
        canvas.stroke(
            if self.is_close_lit {
                theme::TEXT
            } else {
                color
            },
            1.3,
            |path| {
                path.move_to(x - arm, y - arm);
                path.line_to(x + arm, y + arm);
                path.move_to(x - arm, y + arm);
                path.line_to(x + arm, y - arm);
            },
        );
    }
}

/// Fills the frame's picture with the body's shadow: the distance to a rectangle with round
/// corners, a little below the body, through a smooth fall-off.
fn paint_shadow(frame: &mut Pixmap, body: Size, reach_px: i32, radius: f32, strength: f32) {
    let width = frame.width() as usize;
    let (half_x, half_y) = (body.width as f32 / 2.0, body.height as f32 / 2.0);
    let (center_x, center_y) = (
        reach_px as f32 + half_x,
        reach_px as f32 + half_y + reach_px as f32 * 0.18,
    );
    let reach = reach_px as f32 * 0.8;
    for (y, row) in frame.data_mut().chunks_exact_mut(width * 4).enumerate() {
        let dy = ((y as f32 + 0.5 - center_y).abs() - half_y + radius).max(0.0);
        for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
            let dx = ((x as f32 + 0.5 - center_x).abs() - half_x + radius).max(0.0);
            let distance = (dx * dx + dy * dy).sqrt() - radius;
            let falloff = (1.0 - distance / reach).clamp(0.0, 1.0);
            let alpha = strength * falloff * falloff * falloff;
            // Black, premultiplied: only the alpha is not zero.
            pixel.copy_from_slice(&[0, 0, 0, (alpha * 255.0) as u8]);
        }
    }
}

/// Makes the lower corners of an opaque picture round by fading what lies beyond the arc.
fn round_bottom_corners(content: &mut Pixmap, radius_px: i32) {
    let (width, height) = (content.width() as i32, content.height() as i32);
    if width < 2 * radius_px || height < radius_px {
        return;
    }
    let radius = radius_px as f32;
    for row in 0..radius_px {
        let y = height - radius_px + row;
        for column in 0..radius_px {
            let dx = radius - (column as f32 + 0.5);
            let dy = row as f32 + 0.5;
            let covered = (radius + 0.5 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 1.0);
            for x in [column, width - 1 - column] {
                let at = (y * width + x) as usize * 4;
                for channel in &mut content.data_mut()[at..at + 4] {
                    *channel = (*channel as f32 * covered).round() as u8;
                }
            }
        }
    }
}

/// Rectangles that cover all pixels in which two pictures of one size differ: runs of changed rows,
/// each from its first to its last changed column.
fn changed_rects(before: &Pixmap, after: &Pixmap) -> Vec<Rect> {
    /// Runs of rows that lie closer than this are one.
    const GAP: i32 = 8;
    let row_bytes = after.width() as usize * 4;
    let mut rects: Vec<Rect> = Vec::new();
    let rows = before
        .data()
        .chunks_exact(row_bytes)
        .zip(after.data().chunks_exact(row_bytes));
    for (y, (old, new)) in rows.enumerate() {
        if old == new {
            continue;
        }
        let differs = |(a, b): (&[u8], &[u8])| a != b;
        let pairs = || old.chunks_exact(4).zip(new.chunks_exact(4));
        let first = pairs().position(differs).unwrap_or(0) as i32;
        let last = pairs().rposition(differs).unwrap_or(0) as i32;
        let row = Rect::new(first, y as i32, last + 1, y as i32 + 1);
        match rects.last_mut() {
            Some(rect) if row.top - rect.bottom < GAP => *rect = rect.union(&row),
            _ => rects.push(row),
        }
    }
    rects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_rectangles_cover_exactly_what_differs() {
        let before = pixmap(40, 60);
        let mut after = before.clone();
        for (x, y) in [(3, 2), (9, 4), (20, 50)] {
            after.data_mut()[(y * 40 + x) * 4 + 1] = 9;
        }
        assert_eq!(
            changed_rects(&before, &after),
            [Rect::new(3, 2, 10, 5), Rect::new(20, 50, 21, 51)]
        );
        assert!(changed_rects(&after, &after).is_empty());
    }
}
