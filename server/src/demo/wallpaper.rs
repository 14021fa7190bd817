//! The demo's background: dusk over hills, in flat colours that compress well.

use super::{canvas::Canvas, theme::Rgba};

/// The sky from its top to the horizon.
const SKY: [(f32, Rgba); 5] = [
    (0.0, Rgba::hex(0x12183A)),
    (0.34, Rgba::hex(0x2B2F66)),
    (0.56, Rgba::hex(0x6A4C8C)),
    (0.70, Rgba::hex(0xC9788F)),
    (0.80, Rgba::hex(0xF2B48C)),
];

/// A ridge: height of its middle as a part of the desktop's, how far it swings, how many waves
/// cross the desktop, where they start, and its colour.
const RIDGES: [(f32, f32, f32, f32, Rgba); 5] = [
    (0.70, 0.045, 2.1, 0.3, Rgba::hex(0x9A6A97)),
    (0.76, 0.040, 3.0, 2.0, Rgba::hex(0x71528A)),
    (0.82, 0.045, 2.3, 4.1, Rgba::hex(0x503F78)),
    (0.885, 0.035, 3.4, 0.9, Rgba::hex(0x342C5C)),
    (0.945, 0.030, 2.6, 3.0, Rgba::hex(0x1E1C42)),
];

const MOON: Rgba = Rgba::hex(0xFBE9CF);

/// Paints the whole background.
pub fn paint(canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    canvas.vertical_gradient((0.0, 0.0), (width, height), &SKY);
    stars(canvas);
    let (moon_x, moon_y, radius) = (width * 0.574, height * 0.26, height * 0.052);
    for (reach, alpha) in [(2.3, 14), (1.8, 20), (1.4, 30)] {
        canvas.circle(moon_x, moon_y, radius * reach, MOON.with_alpha(alpha));
    }
    canvas.circle(moon_x, moon_y, radius, MOON);
    for (middle, swing, waves, phase, color) in RIDGES {
        canvas.path(color, |path| {
            path.move_to(0.0, height);
            let steps = 96;
            for step in 0..=steps {
                let at = step as f32 / steps as f32;
                let angle = at * waves * std::f32::consts::TAU + phase;
                let ridge = angle.sin() * 0.6 + (angle * 1.73 + phase).sin() * 0.4;
                path.line_to(at * width, height * (middle - swing * ridge));
            }
            path.line_to(width, height);
            path.close();
        });
    }
}

/// Stars in the upper sky, always the same ones.
fn stars(canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let mut state = 0x2545_f491u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 24) as f32
    };
    for _ in 0..90 {
        let (x, y, size) = (next() * width, next() * next() * height * 0.5, next());
        let alpha = (60.0 + 150.0 * size * (1.0 - y / (height * 0.5))) as u8;
        canvas.circle(
            x,
            y,
            0.5 + 0.7 * size,
            Rgba::hex(0xFFF6E8).with_alpha(alpha),
        );
    }
}
