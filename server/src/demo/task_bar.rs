//! The task bar: a button for each program, and the clock.

use oriel_codecs::geometry::{Point, Rect, Size};
use tiny_skia::Pixmap;

use super::{
    calendar::Date,
    canvas::{Canvas, Scale},
    text::{Font, TextPainter},
    theme::{self, ACCENT, BAR, Rgba, TASK_BAR_HEIGHT, TEXT, TEXT_DIM},
};

const BUTTON_WIDTH: f32 = 118.0;
const BUTTON_GAP: f32 = 6.0;
const FIRST_BUTTON: f32 = 58.0;
const CLOCK_WIDTH: f32 = 96.0;

/// What a button shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// Its text.
    pub label: String,
    /// Its sign.
    pub color: Rgba,
    /// The window is open.
    pub is_open: bool,
    /// The window has the focus.
    pub is_focused: bool,
}

/// The task bar's picture.
#[derive(Debug)]
pub struct TaskBar {
    bounds: Rect,
    scale: Scale,
    picture: Pixmap,
    shown: Option<(Vec<Button>, Option<usize>, Date)>,
}

impl TaskBar {
    /// A bar at the bottom of a desktop; not painted yet.
    pub fn new(desktop: Size, scale: Scale) -> Self {
        let height = scale.px(TASK_BAR_HEIGHT).min(desktop.height as i32);
        let (width, bottom) = (desktop.width as i32, desktop.height as i32);
        let Some(picture) = Pixmap::new(width.max(1) as u32, height.max(1) as u32) else {
            unreachable!("a desktop's width is bounded by its source");
        };
        Self {
            bounds: Rect::new(0, bottom - height, width, bottom),
            scale,
            picture,
            shown: None,
        }
    }

    /// Where it lies on the desktop.
    pub fn bounds(&self) -> Rect {
        self.bounds
    }

    /// Its picture, which lets a little of what is below shine through.
    pub fn picture(&self) -> &Pixmap {
        &self.picture
    }

    /// Which button lies at a point of the desktop.
    pub fn button_at(&self, point: Point, buttons: usize) -> Option<usize> {
        (0..buttons).find(|&index| self.button(index).contains(point))
    }

    fn button(&self, index: usize) -> Rect {
        let left = self
            .scale
            .px(FIRST_BUTTON + index as f32 * (BUTTON_WIDTH + BUTTON_GAP));
        let width = self.scale.px(BUTTON_WIDTH);
        Rect::new(
            left,
            self.bounds.top,
            (left + width).min(self.bounds.right - self.scale.px(CLOCK_WIDTH)),
            self.bounds.bottom,
        )
    }

    /// Brings the picture up to date; returns what changed.
    pub fn update(
        &mut self,
        buttons: Vec<Button>,
        hovered: Option<usize>,
        date: Date,
        text: &mut TextPainter,
    ) -> Option<Rect> {
        let shown = (buttons, hovered, date);
        if let Some(before) = &self.shown {
            let same_buttons = before.0 == shown.0 && before.1 == shown.1;
            let same_clock =
                before.2.clock() == shown.2.clock() && before.2.short() == shown.2.short();
            if same_buttons && same_clock {
                return None;
            }
            let damage = if same_buttons {
                let left = self.bounds.right - self.scale.px(CLOCK_WIDTH);
                Rect {
                    left: left.max(self.bounds.left),
                    ..self.bounds
                }
            } else {
                self.bounds
            };
            self.paint(&shown.0, hovered, date, text);
            self.shown = Some(shown);
            return Some(damage);
        }
        self.paint(&shown.0, hovered, date, text);
        self.shown = Some(shown);
        Some(self.bounds)
    }

    fn paint(
        &mut self,
        buttons: &[Button],
        hovered: Option<usize>,
        date: Date,
        text: &mut TextPainter,
    ) {
        let rects: Vec<Rect> = (0..buttons.len()).map(|index| self.button(index)).collect();
        let factor = self.scale.factor();
        self.picture.fill(tiny_skia::Color::TRANSPARENT);
        let mut canvas = Canvas::new(&mut self.picture, text, self.scale);
        let width = canvas.width();
        canvas.rect(0.0, 0.0, width, TASK_BAR_HEIGHT, BAR.with_alpha(226));
        canvas.rect_px(
            0,
            0,
            canvas.size_px().width as i32,
            canvas.scale().hairline_px(),
            theme::OUTLINE.with_alpha(150),
        );
        bay_window(&mut canvas, 14.0, 9.0);
        for (index, (button, rect)) in buttons.iter().zip(rects).enumerate() {
            let (x, button_width) = (rect.left as f32 / factor, rect.width() as f32 / factor);
            if button_width < 30.0 {
                continue;
            }
            let ground = match (button.is_focused, hovered == Some(index)) {
                (true, _) => Some(TEXT.with_alpha(38)),
                (false, true) => Some(TEXT.with_alpha(20)),
                (false, false) => None,
            };
            if let Some(ground) = ground {
                canvas.round_rect(x, 6.0, button_width, 34.0, 7.0, ground);
            }
            canvas.round_rect(x + 12.0, 16.0, 14.0, 14.0, 4.0, button.color);
            let color = if button.is_open { TEXT } else { TEXT_DIM };
            if button_width > 100.0 {
                canvas.text(x + 34.0, 28.0, Font::Sans, 14.5, color, &button.label);
            }
            if button.is_open {
                let (mark, color) = if button.is_focused {
                    (26.0, ACCENT)
                } else {
                    (8.0, TEXT_DIM)
                };
                let left = x + (button_width - mark) / 2.0;
                canvas.round_rect(left, 40.0, mark, 3.0, 1.5, color);
            }
        }
        for (line, (size, color, words)) in
            [(15.0, TEXT, date.clock()), (12.0, TEXT_DIM, date.short())]
                .into_iter()
                .enumerate()
        {
            let x = width - 16.0 - canvas.measure(Font::Sans, size, &words);
            let baseline = 21.0 + line as f32 * 16.0;
            canvas.text(x, baseline, Font::Sans, size, color, &words);
        }
    }
}

/// Oriel's sign: a bay window of three panes, lit from inside.
fn bay_window(canvas: &mut Canvas<'_>, x: f32, y: f32) {
    let glass = [
        (0.0, 4.0, 8.0, 2.0, Rgba::hex(0xE9A46A)),
        (9.5, 2.0, 18.5, 2.0, Rgba::hex(0xFFD08A)),
        (20.0, 2.0, 28.0, 4.0, Rgba::hex(0xE9A46A)),
    ];
    for (left, left_top, right, right_top, color) in glass {
        canvas.path(color, |path| {
            path.move_to(x + left, y + left_top);
            path.line_to(x + right, y + right_top);
            path.line_to(x + right, y + 26.0 - right_top);
            path.line_to(x + left, y + 26.0 - left_top);
            path.close();
        });
    }
    canvas.rect(x, y + 12.4, 28.0, 1.2, BAR);
}
