//! What no program can be faster than: the bytes that must move, at the speed of the memory.

use std::{collections::HashMap, hint::black_box, time::Instant};

use oriel_codecs::Rect;
use oriel_protocol::graphics::{CacheSlot, GraphicsCommand};

const BLOCK_BYTES: usize = 64 << 20;
const ROUNDS: usize = 12;

/// How fast this machine's memory is now, for one thread.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Read and written.
    pub bytes_per_second: f64,
}

impl Memory {
    /// Copies a block larger than any cache; the best round counts.
    pub fn measure() -> Self {
        let from = vec![1u8; BLOCK_BYTES];
        let mut to = vec![0u8; BLOCK_BYTES];
        let rounds = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
            start.elapsed().as_secs_f64()
        });
        let best = rounds.fold(f64::MAX, f64::min);
        Self {
            bytes_per_second: 2.0 * BLOCK_BYTES as f64 / best,
        }
    }

    /// Milliseconds for so many bytes.
    pub fn ms(&self, bytes: f64) -> f64 {
        bytes / self.bytes_per_second * 1e3
    }
}

fn area(rects: &[Rect]) -> u64 {
    rects.iter().map(|rect| rect.size().area()).sum()
}

/// Adds up the bytes that commands cannot be carried out without: a payload is read, its pixels are
/// written, what is copied is read as well. What a decoder reads and writes on its way to the
/// pixels is not counted.
#[derive(Debug, Default)]
pub struct MustMove {
    cached: HashMap<CacheSlot, u64>,
}

impl MustMove {
    /// Those of the next command.
    pub fn bytes(&mut self, command: &GraphicsCommand) -> u64 {
        match command {
            GraphicsCommand::Draw { rect, payload, .. } => {
                payload.len() as u64 + 4 * rect.size().area()
            }
            GraphicsCommand::SolidFill { rects, .. } => 4 * area(rects),
            GraphicsCommand::SurfaceToSurface { rect, points, .. } => {
                8 * rect.size().area() * points.len() as u64
            }
            GraphicsCommand::SurfaceToCache { slot, rect, .. } => {
                self.cached.insert(*slot, rect.size().area());
                8 * rect.size().area()
            }
            GraphicsCommand::CacheToSurface { slot, points, .. } => {
                let area = self.cached.get(slot).copied().unwrap_or_default();
                8 * area * points.len() as u64
            }
            _ => 0,
        }
    }
}
