//! The hot paths, counted in instructions rather than in seconds.
//!
//! A count does not depend on what else the machine does, so that a loop which grew by a twentieth
//! shows, where a stopwatch would need an idle machine. Valgrind's callgrind counts; each [`Case`]
//! runs once to be warm and once inside of [`counted`], the one function that callgrind collects
//! in, on a single thread: outside of a pool, codecs share their tiles with no other. What came out
//! the last time stands in `benches/instructions.toml`.
//!
//! A count holds for a compiler and for what the processor can do: code that picks its loops by
//! `is_x86_feature_detected!`, the C library's `memcpy` among it, is asked under valgrind, which
//! shows a processor of its own making (AVX2 where the machine has it, never AVX-512). FFmpeg's
//! decoder is not counted: its instructions are not ours. Nor is the time that memory takes: a
//! path that misses the cache more often counts the same, and is for the criterion benches to see.

mod codecs;
mod compositor;
mod record;
mod wire;

use std::hint::black_box;

use oriel_codecs::{Picture, Size};

pub use record::{Circumstances, Growth, Record, RecordError, grouped};

use crate::text_desktop;

/// A path that may not grow unseen.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it is called in the record.
    pub name: &'static str,
    /// Gets everything ready; what it returns is called twice, and the second time counts.
    pub prepare: fn() -> Box<dyn FnMut()>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish()
    }
}

/// Name of [`counted`], as callgrind's `--toggle-collect` wants it.
pub const COUNTED_FUNCTION: &str = "*instructions::counted*";

/// All of them.
pub fn cases() -> Vec<Case> {
    [codecs::CASES, compositor::CASES, wire::CASES].concat()
}

impl Case {
    /// Runs the case, the second time under callgrind's eyes.
    pub fn run(&self) {
        let mut work = (self.prepare)();
        work();
        counted(&mut *work);
    }
}

/// The only function whose instructions are collected, with all that it calls.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut()) {
    work();
    // A call in tail position would leave this function before the work begins.
    black_box(());
}

/// What is decoded and drawn: large enough for the loops to outweigh what surrounds them, small
/// enough for a simulated processor.
const SIZE: Size = Size::new(640, 368);

fn picture(step: u32) -> Picture {
    text_desktop(SIZE, step)
}
