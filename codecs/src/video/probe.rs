//! Finding out whether a decoder works, by pictures that are known.
//!
//! A key frame and a picture that builds on it, of a full screen as x264 writes it (high profile,
//! CABAC, eight-by-eight transform) and of a small window as OpenH264 does (baseline, CAVLC), the
//! ends of what servers send.

use std::time::{Duration, Instant};

use super::frame::YuvFrame;
use super::{DecoderKind, DecoderLimits, VideoDecoder, VideoError};
use crate::geometry::Size;

/// Side of a patch of one hue.
const PATCH: u32 = 32;
/// How far a sample may be from what was encoded.
const TOLERANCE: u8 = 10;

/// Two pictures and their streams.
struct Film<'a> {
    size: Size,
    /// The key frame and the picture after it.
    units: [&'a [u8]; 2],
}

const FILMS: [Film<'static>; 2] = [
    Film {
        size: Size::new(1920, 1088),
        units: [
            include_bytes!("probe/screen-key.h264"),
            include_bytes!("probe/screen-delta.h264"),
        ],
    },
    Film {
        size: Size::new(320, 192),
        units: [
            include_bytes!("probe/window-key.h264"),
            include_bytes!("probe/window-delta.h264"),
        ],
    },
];

/// A decoder that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// What it took to open it.
    pub start: Duration,
    /// What a full screen's picture took that was not the first, until it lay in memory.
    pub picture: Duration,
}

/// Why a decoder is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It says so.
    #[error(transparent)]
    Decoder(#[from] VideoError),
    /// Its pictures are wrong.
    #[error("{backend} gives a wrong picture of {}x{}: luma, Cb, Cr at {x},{y} are {found:?} instead of {wanted:?}", size.width, size.height)]
    Picture {
        /// Which decoder.
        backend: &'static str,
        /// Size of the picture that was encoded.
        size: Size,
        /// A place in it.
        x: u32,
        /// A place in it.
        y: u32,
        /// The samples there.
        found: [u8; 3],
        /// Those that were encoded.
        wanted: [u8; 3],
    },
    /// Its pictures are of another size.
    #[error("{backend} gives a picture of {}x{} instead of {}x{}", found.width, found.height, wanted.width, wanted.height)]
    Size {
        /// Which decoder.
        backend: &'static str,
        /// The size that came.
        found: Size,
        /// The size that was encoded.
        wanted: Size,
    },
}

/// Opens a decoder and has it decode pictures that are known. A driver may crash the process:
/// whoever cannot have that calls from another one.
///
/// # Errors
/// Where it does not open, gives no picture at once, or a wrong one.
pub fn probe(kind: DecoderKind) -> Result<ProbeReport, ProbeError> {
    let mut report = ProbeReport {
        start: Duration::MAX,
        picture: Duration::MAX,
    };
    for film in &FILMS {
        let started = Instant::now();
        let mut decoder = kind.open(DecoderLimits::default())?;
        report.start = report.start.min(started.elapsed());
        let picture = film.play(decoder.as_mut())?;
        if film.size == FILMS[0].size {
            report.picture = picture;
        }
    }
    Ok(report)
}

/// Has a decoder that is open decode pictures that are known, one film after the other.
///
/// # Errors
/// Where it gives no picture at once, or a wrong one.
pub fn probe_decoder(decoder: &mut dyn VideoDecoder) -> Result<(), ProbeError> {
    FILMS
        .iter()
        .try_for_each(|film| film.play(decoder).map(drop))
}

impl Film<'_> {
    /// What the last picture took.
    fn play(&self, decoder: &mut dyn VideoDecoder) -> Result<Duration, ProbeError> {
        let mut took = Duration::ZERO;
        for (unit, phase) in self.units.iter().zip(0..) {
            let started = Instant::now();
            let frame = decoder.decode(unit)?.ok_or(VideoError::NoPicture)?;
            took = started.elapsed();
            self.check(&frame, phase, decoder.name())?;
        }
        Ok(took)
    }

    fn check(&self, frame: &YuvFrame, phase: u32, backend: &'static str) -> Result<(), ProbeError> {
        if frame.size() != self.size {
            return Err(ProbeError::Size {
                backend,
                found: frame.size(),
                wanted: self.size,
            });
        }
        // The middle of each patch, and a place in each of its quarters.
        let places = [8, 16, 24];
        for y in (0..self.size.height).step_by(PATCH as usize) {
            for (x, dx, dy) in (0..self.size.width)
                .step_by(PATCH as usize)
                .flat_map(|x| places.map(|d| (x, d, places[(x / PATCH) as usize % 3])))
            {
                let (x, y) = (x + dx, y + dy);
                let wanted = sample(x, y, phase);
                let at = |plane: crate::yuv::Plane<'_>, x: u32, y: u32| {
                    plane.row(y).and_then(|row| row.get(x as usize).copied())
                };
                let found = [
                    at(frame.luma(), x, y),
                    at(frame.cb(), x / 2, y / 2),
                    at(frame.cr(), x / 2, y / 2),
                ]
                .map(Option::unwrap_or_default);
                let is_near = found
                    .iter()
                    .zip(wanted)
                    .all(|(a, b)| a.abs_diff(b) <= TOLERANCE);
                if !is_near {
                    return Err(ProbeError::Picture {
                        backend,
                        size: self.size,
                        x,
                        y,
                        found,
                        wanted,
                    });
                }
            }
        }
        Ok(())
    }
}

/// What was encoded: patches of many hues with a slope across each, of which every fifth has
/// another hue in the second picture.
fn sample(x: u32, y: u32, phase: u32) -> [u8; 3] {
    let (column, row) = (x / PATCH, y / PATCH);
    let changed = if (column + 2 * row) % 5 == 0 {
        phase
    } else {
        0
    };
    let hue = column * 37 + row * 71 + changed * 101;
    let slope = (x % PATCH + y % PATCH) / 2;
    [
        (32 + hue % 160 + slope) as u8,
        (64 + (hue * 3) % 128) as u8,
        (64 + (hue * 7) % 128) as u8,
    ]
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
