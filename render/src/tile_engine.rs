//! Who makes pixels of RemoteFX's coefficients: the CPU, as it decodes, or the graphics device.
//!
//! Neither is the quicker one everywhere: a device must be sent coefficients, which are half as
//! much again as the pixels that come of them, and a processor has many threads or few. So both do
//! the same piece of work once, and the quicker one is taken, if their pixels are the same.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::{
    geometry::{Point, Size},
    remotefx::{CoefficientTile, CoefficientTiles, TILE_SIZE, quant::Borders},
};
use oriel_protocol::graphics::SurfaceId;

use crate::{
    compositor::{Compositor, CopyRegion},
    decode::DecodeStage,
    error::CompositorError,
};

/// Who turns coefficients of RemoteFX, progressive or not, into pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileEngine {
    /// The threads that decode.
    Cpu,
    /// The graphics device, in compute.
    Gpu,
}

impl TileEngine {
    /// A lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// How a [`TileEngine`] is chosen.
#[derive(Clone, Default)]
pub enum TileChoice {
    /// By a measurement of a few milliseconds at the start, where there is a device that can.
    #[default]
    Measured,
    /// The same, with a memory of what came of it.
    Remembered(Arc<dyn TileMemory>),
    /// This one; the CPU where the device cannot.
    Fixed(TileEngine),
}

impl fmt::Debug for TileChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured => f.write_str("Measured"),
            Self::Remembered(_) => f.write_str("Remembered"),
            Self::Fixed(engine) => f.debug_tuple("Fixed").field(engine).finish(),
        }
    }
}

/// Keeps what was measured from one session to the next.
pub trait TileMemory: Send + Sync {
    /// The quicker engine where this device is, as it was measured before.
    fn recall(&self, device: &str) -> Option<TileEngine>;

    /// It was measured.
    fn keep(&self, device: &str, engine: TileEngine);
}

/// Payloads below this are left to the CPU where a measurement chose: what the device costs beside
/// its work was paid for many tiles in it.
const MIN_PAYLOAD_BYTES: usize = 8 << 10;

/// Tiles of the sample along an axis: enough to keep a device busy, few enough for a few
/// milliseconds.
const SAMPLE_SIDE: u16 = 8;
/// The first round warms both up.
const ROUNDS: usize = 4;
/// The device must be quicker by so much: what is measured varies.
const CLEARLY: f64 = 0.85;
/// A device that takes so many times as long is not tried again: an emulated one is slow at this.
const HOPELESS: u32 = 3;
/// The sample's surface, gone before any of the peer's comes.
const SAMPLE_SURFACE: SurfaceId = SurfaceId(u32::MAX);

/// Chooses, and tells the decode stage. Returns the engine, and none where there is no choice.
pub(crate) fn choose(
    choice: &TileChoice,
    compositor: &mut dyn Compositor,
    stage: &DecodeStage,
) -> Result<Option<TileEngine>, CompositorError> {
    stage.keep_tiles_coded(None);
    let Some(device) = compositor.tile_device() else {
        return Ok(None);
    };
    let engine = match choice {
        TileChoice::Fixed(engine) => *engine,
        TileChoice::Measured => measure(compositor, stage)?.engine(),
        TileChoice::Remembered(memory) => {
            // The threads decide as well as the device.
            let key = format!("{device}, {} threads", stage.tile_threads());
            match memory.recall(&key) {
                Some(engine) => engine,
                None => {
                    let engine = measure(compositor, stage)?.engine();
                    memory.keep(&key, engine);
                    engine
                }
            }
        }
    };
    if engine == TileEngine::Gpu {
        let is_fixed = matches!(choice, TileChoice::Fixed(_));
        stage.keep_tiles_coded(Some(if is_fixed { 0 } else { MIN_PAYLOAD_BYTES }));
    }
    Ok(Some(engine))
}

/// What the same tiles took.
struct Measured {
    cpu: Duration,
    gpu: Duration,
    is_same: bool,
}

impl Measured {
    fn engine(&self) -> TileEngine {
        let is_quicker = self.gpu.as_secs_f64() < self.cpu.as_secs_f64() * CLEARLY;
        if self.is_same && is_quicker {
            TileEngine::Gpu
        } else {
            TileEngine::Cpu
        }
    }
}

/// Has both engines draw the sample, to where it can be seen.
fn measure(
    compositor: &mut dyn Compositor,
    stage: &DecodeStage,
) -> Result<Measured, CompositorError> {
    let tiles = sample();
    let side = u32::from(SAMPLE_SIDE) * TILE_SIZE as u32;
    let size = Size::new(side, side);
    let region = CopyRegion {
        source: size.to_rect(),
        destination: Point::default(),
    };
    compositor.create_surface(SAMPLE_SURFACE, size)?;
    let mut all = Measured {
        cpu: Duration::MAX,
        gpu: Duration::MAX,
        is_same: true,
    };
    for round in 0..ROUNDS {
        let start = Instant::now();
        let block = stage.draw_tiles(&tiles, size);
        compositor.draw_pixels(SAMPLE_SURFACE, &block, region)?;
        // Reading waits for the device, and takes as long for either.
        let by_cpu = compositor.read_surface(SAMPLE_SURFACE)?;
        let cpu = start.elapsed();
        compositor.fill(SAMPLE_SURFACE, [0; 4], &[size.to_rect()])?;
        let start = Instant::now();
        compositor.draw_tiles(SAMPLE_SURFACE, &tiles, &[region])?;
        let by_gpu = compositor.read_surface(SAMPLE_SURFACE)?;
        let gpu = start.elapsed();
        all.is_same &= by_cpu == by_gpu;
        if round > 0 {
            all.cpu = all.cpu.min(cpu);
            all.gpu = all.gpu.min(gpu);
            if all.gpu > all.cpu * HOPELESS {
                break;
            }
        }
    }
    compositor.delete_surface(SAMPLE_SURFACE);
    compositor.take_copied();
    tracing::debug!(
        cpu_us = all.cpu.as_micros() as u64,
        gpu_us = all.gpu.as_micros() as u64,
        is_same = all.is_same,
        "tiles of RemoteFX on either"
    );
    Ok(all)
}

/// Tiles like those of a photograph: small numbers in the finest bands, larger ones in the coarse.
pub(crate) fn sample() -> CoefficientTiles {
    let places = (0..SAMPLE_SIDE).flat_map(|row| (0..SAMPLE_SIDE).map(move |column| (column, row)));
    let tiles = places.map(|(column, row)| CoefficientTile {
        column,
        row,
        borders: if (column + row) % 2 == 0 {
            Borders::Mirror
        } else {
            Borders::ReduceExtrapolate
        },
        shifts: [[2, 2, 3, 2, 2, 3, 1, 1, 2, 1]; 3],
    });
    let mut all = CoefficientTiles::default();
    let coefficients = all.set_tiles(tiles);
    let mut state = 1u32;
    for (at, value) in coefficients.iter_mut().enumerate() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let bits = if at % 4096 < 3072 { 4 } else { 8 };
        *value = (state as i32 >> (32 - bits)) as i16;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_must_be_clearly_quicker_and_draw_the_same() {
        let engine = |cpu, gpu, is_same| {
            let [cpu, gpu] = [cpu, gpu].map(Duration::from_micros);
            Measured { cpu, gpu, is_same }.engine()
        };
        assert_eq!(engine(1000, 500, true), TileEngine::Gpu);
        assert_eq!(engine(1000, 500, false), TileEngine::Cpu);
        assert_eq!(engine(1000, 950, true), TileEngine::Cpu);
        assert_eq!(engine(500, 1000, true), TileEngine::Cpu);
    }
}
