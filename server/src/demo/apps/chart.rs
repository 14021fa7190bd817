//! A colour chart: what a codec does to chroma is seen here first.

use super::App;
use crate::demo::{
    canvas::Canvas,
    text::Font,
    theme::{self, Rgba},
};

const PAPER: Rgba = Rgba::hex(0xF3F4F8);
const INK: Rgba = Rgba::hex(0x23273A);
const PURE: [Rgba; 8] = [
    Rgba::hex(0xFF0000),
    Rgba::hex(0xFFFF00),
    Rgba::hex(0x00FF00),
    Rgba::hex(0x00FFFF),
    Rgba::hex(0x0000FF),
    Rgba::hex(0xFF00FF),
    Rgba::hex(0x000000),
    Rgba::hex(0xFFFFFF),
];
/// Pairs that differ in colour far more than in brightness.
const PAIRS: [(Rgba, Rgba, &str); 4] = [
    (Rgba::hex(0xFF0000), Rgba::hex(0x0000FF), "red / blue"),
    (Rgba::hex(0x00A000), Rgba::hex(0xE000E0), "green / magenta"),
    (Rgba::hex(0x00A0A0), Rgba::hex(0xD06000), "teal / orange"),
    (Rgba::hex(0x000000), Rgba::hex(0xFFFFFF), "black / white"),
];
const MARGIN: f32 = 14.0;

/// Swatches, ramps, and lines one pixel wide.
#[derive(Debug, Default)]
pub struct Chart;

impl Chart {
    fn label(canvas: &mut Canvas<'_>, x: f32, baseline: f32, text: &str) {
        canvas.text(x, baseline, Font::Sans, 12.0, INK, text);
    }

    /// Hue from left to right, from light at the top to dark at the bottom.
    fn spectrum(canvas: &mut Canvas<'_>, y: f32, height: f32) {
        let scale = canvas.scale();
        let (left, right) = (scale.px(MARGIN), scale.px(canvas.width() - MARGIN));
        let (top, bottom) = (scale.px(y), scale.px(y + height));
        let stride = canvas.size_px().width as usize * 4;
        let data = canvas.data_mut();
        for row in top..bottom {
            let lightness = 1.0 - (row - top) as f32 / (bottom - top) as f32;
            for column in left..right {
                let hue = (column - left) as f32 / (right - left) as f32 * 6.0;
                let pixel = shade(hue, lightness).bgra();
                let at = row as usize * stride + column as usize * 4;
                if let Some(bytes) = data.get_mut(at..at + 4) {
                    bytes.copy_from_slice(&pixel);
                }
            }
        }
    }

    /// Upright lines, lying lines and a chessboard, each one pixel wide whatever the scale.
    fn fine_patterns(canvas: &mut Canvas<'_>, y: f32, height: f32) {
        let scale = canvas.scale();
        let gap = 10.0;
        let width = (canvas.width() - 2.0 * MARGIN - gap * 3.0) / 4.0;
        for (index, (first, second, name)) in PAIRS.into_iter().enumerate() {
            let x = MARGIN + index as f32 * (width + gap);
            let (left, top) = (scale.px(x), scale.px(y));
            let (columns, rows) = (scale.px(width), scale.px(height));
            let third = rows / 3;
            canvas.rect_px(left, top, columns, rows, second);
            for column in (0..columns).step_by(2) {
                canvas.rect_px(left + column, top, 1, third, first);
            }
            for row in (third..2 * third).step_by(2) {
                canvas.rect_px(left, top + row, columns, 1, first);
            }
            let stride = canvas.size_px().width as usize * 4;
            let data = canvas.data_mut();
            for row in 2 * third..rows {
                for column in (row % 2..columns).step_by(2) {
                    let at = (top + row) as usize * stride + (left + column) as usize * 4;
                    if let Some(bytes) = data.get_mut(at..at + 4) {
                        bytes.copy_from_slice(&first.bgra());
                    }
                }
            }
            Self::label(canvas, x, y + height + 15.0, name);
        }
    }
}

/// A colour of the spectrum: `hue` from 0 to 6, from white (`lightness` 1) through the pure colour
/// to black.
fn shade(hue: f32, lightness: f32) -> Rgba {
    let channel = |center: f32| {
        let distance = (hue - center).abs().min(6.0 - (hue - center).abs());
        (2.0 - distance).clamp(0.0, 1.0)
    };
    let level = |pure: f32| {
        let value = if lightness > 0.5 {
            pure + (1.0 - pure) * (lightness - 0.5) * 2.0
        } else {
            pure * lightness * 2.0
        };
        (value * 255.0).round() as u8
    };
    Rgba {
        red: level(channel(0.0)),
        green: level(channel(2.0)),
        blue: level(channel(4.0)),
        alpha: 255,
    }
}

impl App for Chart {
    fn title(&self) -> &str {
        "Colour chart"
    }

    fn short_title(&self) -> &str {
        "Chart"
    }

    fn color(&self) -> Rgba {
        theme::ANSI[5]
    }

    fn preferred_size(&self) -> (f32, f32) {
        (416.0, 316.0)
    }

    fn paint(&mut self, canvas: &mut Canvas<'_>) {
        canvas.clear(PAPER);
        let inner = canvas.width() - 2.0 * MARGIN;
        let gap = 6.0;
        let side = (inner - gap * 7.0) / 8.0;
        for (index, color) in PURE.into_iter().enumerate() {
            let x = MARGIN + index as f32 * (side + gap);
            canvas.round_rect(x, MARGIN, side, 34.0, 5.0, color);
            canvas.round_outline(x, MARGIN, side, 34.0, 5.0, INK.with_alpha(60));
        }
        Self::spectrum(canvas, 58.0, 64.0);
        let steps = 32;
        for step in 0..steps {
            let grey = Rgba::hex(0).mix(Rgba::hex(0xFFFFFF), step as f32 / (steps - 1) as f32);
            let width = inner / steps as f32;
            canvas.rect(MARGIN + step as f32 * width, 132.0, width, 18.0, grey);
        }
        Self::fine_patterns(canvas, 164.0, 72.0);
        let samples = [
            (PURE[0], PURE[4], "Red on blue 12 px"),
            (PURE[4], PURE[6], "Blue on black"),
            (PURE[5], Rgba::hex(0x008000), "Magenta on green"),
        ];
        let width = (inner - 20.0) / 3.0;
        for (index, (ink, ground, text)) in samples.into_iter().enumerate() {
            let x = MARGIN + index as f32 * (width + 10.0);
            canvas.round_rect(x, 266.0, width, 36.0, 5.0, ground);
            canvas.text(x + 9.0, 288.0, Font::Sans, 12.5, ink, text);
        }
    }
}
