//! A page of coloured text.

use super::Dice;
use crate::demo::{canvas::Canvas, text::Font, theme::Rgba};

/// Logical units that a frame moves the page up.
pub const SCROLL_PER_FRAME: f32 = 6.0;

const LINE_HEIGHT: f32 = 24.0;
const SIZE: f32 = 16.0;
/// A paragraph's heading, its lines and the blank ones around it.
const PARAGRAPH_LINES: i64 = 9;

const PAPER: Rgba = Rgba::hex(0xFDFDFB);
const INK: Rgba = Rgba::hex(0x1F2328);
const LINK: Rgba = Rgba::hex(0x0B57D0);
const CODE: Rgba = Rgba::hex(0xB3261E);
const MARKED: Rgba = Rgba::hex(0xFFF3B0);
const HEADINGS: [Rgba; 4] = [
    Rgba::hex(0x14532D),
    Rgba::hex(0x6D28D9),
    Rgba::hex(0x9A3412),
    Rgba::hex(0x1E3A8A),
];

const WORDS: [&str; 64] = [
    "the", "of", "and", "window", "a", "to", "server", "in", "desktop", "is", "that", "frame",
    "for", "pixel", "as", "with", "tiles", "on", "be", "surface", "by", "this", "damage", "are",
    "or", "codec", "from", "an", "which", "screen", "has", "it", "at", "light", "not", "between",
    "each", "colour", "when", "plane", "only", "its", "sent", "where", "bytes", "one", "quickly",
    "may", "picture", "other", "than", "cache", "then", "two", "session", "after", "height",
    "before", "keyboard", "same", "never", "width", "row", "bay",
];

/// Draws the part of an endless page that has come into view at `frame`.
pub fn paint(canvas: &mut Canvas<'_>, dice: Dice, frame: u64) {
    canvas.clear(PAPER);
    let scrolled = frame as f32 * SCROLL_PER_FRAME;
    let first = (scrolled / LINE_HEIGHT) as i64 - 1;
    let rows = (canvas.height() / LINE_HEIGHT) as i64 + 3;
    for line in first..first + rows {
        // Relative to the line, so that a page that has run for hours is as sharp as a new one.
        let top = (line as f64 * f64::from(LINE_HEIGHT)
            - frame as f64 * f64::from(SCROLL_PER_FRAME)) as f32;
        paint_line(canvas, dice.at(line as u64), line, top);
    }
}

fn paint_line(canvas: &mut Canvas<'_>, dice: Dice, line: i64, top: f32) {
    let margin = (canvas.width() * 0.04).min(60.0);
    let right = canvas.width() - margin;
    let baseline = top + LINE_HEIGHT * 0.75;
    let row = line.rem_euclid(PARAGRAPH_LINES);
    let mut x = margin;
    if row == 0 {
        for word in 0..dice.below(0, 5) + 3 {
            let text = dice.pick(10 + word, &WORDS);
            let color = dice.pick(1, &HEADINGS);
            x += canvas.text(x, baseline, Font::Sans, 21.0, color, text) + 8.0;
        }
        return;
    }
    if row == PARAGRAPH_LINES - 1 {
        return;
    }
    // The last line of a paragraph ends early.
    let right = if row == PARAGRAPH_LINES - 2 {
        margin + (right - margin) * (dice.below(2, 70) as f32 + 20.0) / 100.0
    } else {
        right
    };
    for word in 0.. {
        let key = 100 + word * 4;
        let text = dice.pick(key, &WORDS);
        let (font, size, color) = match dice.below(key + 1, 24) {
            0 => (Font::Sans, SIZE, LINK),
            1 => (Font::Mono, SIZE - 1.5, CODE),
            _ => (Font::Sans, SIZE, INK),
        };
        let width = canvas.measure(font, size, text);
        if x + width > right {
            break;
        }
        if dice.below(key + 2, 60) == 0 {
            canvas.rect(x - 2.0, top + 2.0, width + 4.0, LINE_HEIGHT - 4.0, MARKED);
        }
        canvas.text(x, baseline, font, size, color, text);
        if color == LINK {
            canvas.rect(x, baseline + 2.0, width, 1.0, LINK);
        }
        x += width + 4.5;
    }
}
