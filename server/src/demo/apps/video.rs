//! A window with something that moves like video.

use std::time::Duration;

use super::{App, Moment};
use crate::demo::{
    canvas::Canvas,
    text::Font,
    theme::{self, Rgba},
};

const COLORS: [Rgba; 7] = [
    Rgba::hex(0x10163A),
    Rgba::hex(0x1D4E89),
    Rgba::hex(0x1FA6A0),
    Rgba::hex(0xF6D186),
    Rgba::hex(0xF0825F),
    Rgba::hex(0x8E3B82),
    Rgba::hex(0x10163A),
];
const PALETTE_SIZE: usize = 1024;

/// Flowing colour with balls that circle over it, and the time of the picture.
#[derive(Debug)]
pub struct Video {
    frames_per_second: u32,
    /// `None`: moves. Else the only picture that is ever shown.
    frozen_at: Option<u64>,
    frame: u64,
    palette: Box<[[u8; 4]]>,
}

impl Video {
    /// A film of `frames_per_second` pictures, or a still of it.
    pub fn new(frames_per_second: u32, is_frozen: bool) -> Self {
        let spread = (COLORS.len() - 1) as f32;
        Self {
            frames_per_second: frames_per_second.clamp(1, 120),
            frozen_at: is_frozen.then_some(100),
            frame: if is_frozen { 100 } else { 0 },
            palette: (0..PALETTE_SIZE)
                .map(|index| {
                    let at = index as f32 / PALETTE_SIZE as f32 * spread;
                    let first = at as usize;
                    COLORS[first].mix(COLORS[first + 1], at.fract()).bgra()
                })
                .collect(),
        }
    }

    /// The flowing ground: a sum of waves along the columns, the rows and a diagonal.
    fn paint_ground(&self, canvas: &mut Canvas<'_>, time_s: f32) {
        let factor = canvas.scale().factor();
        let size = canvas.size_px();
        let wave = |at: f32, length: f32, speed: f32, height: f32| {
            ((at / length + time_s * speed).sin() * height) as i32
        };
        let columns: Vec<i32> = (0..size.width)
            .map(|x| {
                let x = x as f32 / factor;
                wave(x, 61.0, 0.9, 150.0) + wave(x, 23.0, -0.7, 46.0)
            })
            .collect();
        let rows: Vec<i32> = (0..size.height)
            .map(|y| {
                let y = y as f32 / factor;
                wave(y, 47.0, -0.8, 140.0) + wave(y, 19.0, 1.1, 40.0) + (time_s * 60.0) as i32
            })
            .collect();
        let diagonal: Vec<i32> = (0..size.width + size.height)
            .map(|d| wave(d as f32 / factor, 71.0, 1.3, 130.0))
            .collect();
        let pixels = canvas.data_mut().chunks_exact_mut(size.width as usize * 4);
        for ((y, line), row) in pixels.enumerate().zip(rows) {
            for ((pixel, column), diagonal) in
                line.chunks_exact_mut(4).zip(&columns).zip(&diagonal[y..])
            {
                let index = (row + column + diagonal).rem_euclid(PALETTE_SIZE as i32);
                pixel.copy_from_slice(&self.palette[index as usize]);
            }
        }
    }
}

impl App for Video {
    fn title(&self) -> &str {
        "Motion"
    }

    fn short_title(&self) -> &str {
        "Motion"
    }

    fn color(&self) -> Rgba {
        theme::ANSI[3]
    }

    fn preferred_size(&self) -> (f32, f32) {
        (416.0, 234.0)
    }

    fn paint(&mut self, canvas: &mut Canvas<'_>) {
        let time_s = self.frame as f32 / self.frames_per_second as f32;
        self.paint_ground(canvas, time_s);
        let (width, height) = (canvas.width(), canvas.height());
        for (index, (light, dark)) in [(15, 4), (11, 1), (14, 6)].into_iter().enumerate() {
            let angle = time_s * (0.8 + 0.23 * index as f32) + index as f32 * 2.1;
            canvas.ball(
                width * (0.5 + 0.36 * angle.cos()),
                height * (0.5 + 0.30 * (angle * 1.31).sin()),
                height * (0.07 + 0.02 * index as f32),
                theme::ANSI[light],
                theme::ANSI[dark],
            );
        }
        let fps = u64::from(self.frames_per_second);
        let seconds = self.frame / fps;
        let label = format!(
            "{:02}:{:02}.{:02}",
            seconds / 60,
            seconds % 60,
            self.frame % fps
        );
        let x = width - 88.0;
        canvas.round_rect(
            x,
            height - 32.0,
            78.0,
            22.0,
            6.0,
            Rgba::hex(0x0B0E1C).with_alpha(170),
        );
        canvas.text(
            x + 8.0,
            height - 16.0,
            Font::Mono,
            12.5,
            theme::TEXT,
            &label,
        );
    }

    fn advance(&mut self, now: Moment) -> bool {
        let frame = self.frozen_at.unwrap_or(
            (now.elapsed.as_micros() * u128::from(self.frames_per_second) / 1_000_000) as u64,
        );
        std::mem::replace(&mut self.frame, frame) != frame
    }

    fn period(&self) -> Option<Duration> {
        self.frozen_at
            .is_none()
            .then(|| Duration::from_secs(1) / self.frames_per_second)
    }
}
