//! A row of a picture as the encoder has it.

use std::ops::Range;

use super::{OPAQUE, Pixel};
use crate::simd::dispatch;

/// Bits of a word.
pub const WORD: usize = 64;

/// Opaque pixels, and where the color changes.
///
/// What comes after that looks at bits: a run ends where the next one is set, which is found at
/// once and without a guess at how long it may be.
#[derive(Clone, Debug, Default)]
pub struct Row {
    width: usize,
    /// The first pixel once more, all pixels, and the last one again until a word is full.
    padded: Vec<Pixel>,
    /// Bit by bit: which pixels differ from the one before.
    changed: Vec<u64>,
}

impl Row {
    /// Fills the row from the bytes of one that is not empty, and returns how often the color
    /// changes.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let pixels = bytes.as_chunks().0;
        self.width = pixels.len();
        let words = self.width.div_ceil(WORD);
        self.padded.resize(1 + words * WORD, 0);
        self.changed.resize(words, 0);
        dispatch(
            #[inline(always)]
            || {
                let opaque = |pixel: &[u8; 4]| Pixel::from_le_bytes(*pixel) | OPAQUE;
                self.padded[0] = opaque(&pixels[0]);
                let mut changes = 0;
                // A word at a time, so that what waits for the picture's memory has the work on
                // the word before to do.
                let words = self.changed.iter_mut().zip(pixels.chunks(WORD));
                for (word, (changed, pixels)) in words.enumerate() {
                    let start = word * WORD;
                    let to = &mut self.padded[1 + start..][..WORD];
                    if let Some(pixels) = pixels.first_chunk::<WORD>() {
                        for (to, from) in to.iter_mut().zip(pixels) {
                            *to = opaque(from);
                        }
                    } else {
                        let (to, padding) = to.split_at_mut(pixels.len());
                        for (to, from) in to.iter_mut().zip(pixels) {
                            *to = opaque(from);
                        }
                        padding.fill(to[to.len() - 1]);
                    }
                    *changed = changed_bits(window(&self.padded, start));
                    changes += changed.count_ones() as usize;
                }
                changes
            },
        )
    }

    /// How many pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All of them.
    pub fn pixels(&self) -> &[Pixel] {
        &self.padded[1..][..self.width]
    }

    /// The pixel before `start` (the first again before the first), that at `start` and those
    /// after it, of which some may be behind the last.
    #[inline(always)]
    pub fn window<const SIZE: usize>(&self, start: usize) -> &[Pixel; SIZE] {
        window(&self.padded, start)
    }

    /// Bit by bit: which pixels differ from the one before; zeros behind the last.
    pub fn changed(&self) -> &[u64] {
        &self.changed
    }

    /// How many of these pixels differ from the one before.
    pub fn changes(&self, columns: Range<usize>) -> usize {
        let mut changes = 0;
        let mut at = columns.start;
        while at < columns.end {
            let count = (WORD - at % WORD).min(columns.end - at);
            let bits = self.changed[at / WORD] >> (at % WORD) << (WORD - count);
            changes += bits.count_ones() as usize;
            at += count;
        }
        changes
    }

    /// Hands out color and length of each run within `columns`, as long as `f` says so; false where
    /// it said no.
    #[inline(always)]
    pub fn runs(&self, columns: Range<usize>, mut f: impl FnMut(Pixel, usize) -> bool) -> bool {
        let Range { mut start, end } = columns;
        if start >= end {
            return true;
        }
        let mut word = start / WORD;
        // Those up to the first pixel do not end a run.
        let mut bits = self.changed[word] & (u64::MAX << 1 << (start % WORD));
        loop {
            while bits == 0 {
                word += 1;
                if word * WORD >= end {
                    return f(self.padded[1 + start], end - start);
                }
                bits = self.changed[word];
            }
            let stop = word * WORD + bits.trailing_zeros() as usize;
            if stop >= end {
                return f(self.padded[1 + start], end - start);
            }
            if !f(self.padded[1 + start], stop - start) {
                return false;
            }
            bits &= bits - 1;
            start = stop;
        }
    }
}

#[inline(always)]
fn window<const SIZE: usize>(pixels: &[Pixel], start: usize) -> &[Pixel; SIZE] {
    pixels[start..].first_chunk().expect("rows are padded")
}

/// Which pixels but the first differ from the one before.
#[inline(always)]
fn changed_bits(pixels: &[Pixel; WORD + 1]) -> u64 {
    // Moves the lowest bit of each byte to the topmost byte, that of the lowest byte lowest.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut differs = [0; WORD];
    for (at, differs) in differs.iter_mut().enumerate() {
        *differs = u8::from(pixels[at + 1] != pixels[at]);
    }
    let mut bits = 0;
    for (at, bytes) in differs.as_chunks().0.iter().enumerate() {
        let word = u64::from_le_bytes(*bytes);
        bits |= (word.wrapping_mul(GATHER) >> 56) << (8 * at);
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_those_of_the_pixels(
            parts in prop::collection::vec((0u8..4, prop_oneof![1usize..4, 1usize..150]), 1..60),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let blues = parts.iter().flat_map(|&(blue, run)| std::iter::repeat_n(blue, run));
            let bytes: Vec<u8> = blues.flat_map(|blue| [blue, 7, 0, blue]).collect();
            let mut row = Row::default();
            row.fill(&[1; 4000]);
            let changes = row.fill(&bytes);
            let pixels = row.pixels().to_vec();
            let width = pixels.len();
            prop_assert_eq!(width * 4, bytes.len());
            prop_assert_eq!(changes, row.changes(1..width));
            let (from, to) = (cut.0.index(width), cut.1.index(width + 1));
            for columns in [0..width, from.min(to)..from.max(to)] {
                let due: Vec<_> = pixels[columns.clone()]
                    .chunk_by(|a, b| a == b)
                    .map(|run| (run[0], run.len()))
                    .collect();
                if !columns.is_empty() {
                    prop_assert_eq!(row.changes(columns.start + 1..columns.end) + 1, due.len());
                }
                let mut runs = Vec::new();
                let is_done = row.runs(columns, |color, length| {
                    runs.push((color, length));
                    runs.len() < 9
                });
                prop_assert_eq!(is_done, due.len() < 9);
                prop_assert_eq!(&runs[..], &due[..due.len().min(9)]);
            }
        }
    }
}
