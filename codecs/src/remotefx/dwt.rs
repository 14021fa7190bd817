//! The inverse discrete wavelet transform, three levels of 5/3 lifting
//! (`[MS-RDPRFX] 3.1.8.2.4`, `[MS-RDPEGFX] 3.3.8.2.2`).
//!
//! Along one axis, `low` and `high` coefficients become samples:
//!
//! ```text
//! x[2n]     = low[n] - (high[n-1] + high[n] + 1) / 2
//! x[2n + 1] = 2 high[n] + (x[2n] + x[2n + 2]) / 2
//! ```
//!
//! What lies outside is mirrored. With reduce-extrapolate borders there is one more low than high
//! coefficient, and the last level drops the 65th sample that comes out of it.

mod forward;

use super::{Component, TILE_AREA, TILE_SIZE, quant::Borders};

pub use forward::{ForwardScratch, forward};

/// Memory that the transform works in.
#[derive(Clone, Debug)]
pub struct DwtScratch {
    /// Low half after the horizontal pass, then the high half: rows of the level's width.
    rows: Box<[i16]>,
}

impl Default for DwtScratch {
    fn default() -> Self {
        // The widest level of reduce-extrapolate borders has 64 rows of 64 after the crop.
        Self {
            rows: vec![0; TILE_AREA].into_boxed_slice(),
        }
    }
}

/// Turns dequantised coefficients, band by band, into samples, row by row, in place.
pub fn inverse(component: &mut Component, borders: Borders, scratch: &mut DwtScratch) {
    for level in [3, 2, 1] {
        inverse_level(component, borders, level, scratch);
    }
}

/// Coefficients of a level lie as HL, LH, HH, LL behind each other; LL is what the level before
/// left there. The samples replace all four.
fn inverse_level(
    component: &mut Component,
    borders: Borders,
    level: usize,
    scratch: &mut DwtScratch,
) {
    let (low, high) = borders.counts(level);
    // Reduce-extrapolate makes an odd number of samples, but for the outermost level.
    let size = (low + high).min(TILE_SIZE);
    let start = match level {
        1 => 0,
        _ => borders.bands()[(level - 1) * 3].1.start,
    };
    let coefficients = &mut component[start..];
    let (hl, rest) = coefficients.split_at(high * low);
    let (lh, rest) = rest.split_at(low * high);
    let (hh, ll) = rest.split_at(high * high);
    let ll = &ll[..low * low];

    let (low_rows, high_rows) = scratch.rows.split_at_mut(low * size);
    for (row, out) in low_rows.chunks_exact_mut(size).enumerate() {
        lift_row(&ll[row * low..][..low], &hl[row * high..][..high], out);
    }
    let high_rows = &mut high_rows[..high * size];
    for (row, out) in high_rows.chunks_exact_mut(size).enumerate() {
        lift_row(&lh[row * low..][..low], &hh[row * high..][..high], out);
    }
    lift_columns(low_rows, high_rows, size, &mut coefficients[..size * size]);
}

/// Half of the sum, rounded down; exact where the sum has more than 16 bits.
#[inline(always)]
fn floor_average(a: i16, b: i16) -> i16 {
    (a & b) + ((a ^ b) >> 1)
}

/// Half of the sum, rounded up.
#[inline(always)]
fn ceil_average(a: i16, b: i16) -> i16 {
    (a | b) - ((a ^ b) >> 1)
}

fn even(low: i16, before: i16, after: i16) -> i16 {
    (i32::from(low) - ((i32::from(before) + i32::from(after) + 1) >> 1)) as i16
}

fn odd(high: i16, before: i16, after: i16) -> i16 {
    (2 * i32::from(high) + ((i32::from(before) + i32::from(after)) >> 1)) as i16
}

/// What stands for `high[n]` on the right edge: mirrored, or the zero that reduce-extrapolate
/// dropped at its outermost level.
fn beyond(low: usize, high: usize) -> Option<usize> {
    match low - high {
        0 | 1 => Some(high - 1),
        _ => None,
    }
}

/// One row of `low.len() + high.len()` samples.
fn lift_row(low: &[i16], high: &[i16], out: &mut [i16]) {
    let last_high = beyond(low.len(), high.len()).map_or(0, |last| high[last]);
    let mut before = high[0];
    for (n, &low) in low.iter().enumerate() {
        let after = high.get(n).copied().unwrap_or(last_high);
        if let Some(sample) = out.get_mut(2 * n) {
            *sample = even(low, before, after);
        }
        before = after;
    }
    let size = out.len();
    for n in 0..size / 2 {
        let left = out[2 * n];
        let right = match out.get(2 * n + 2) {
            Some(&right) => right,
            // The 65th sample of reduce-extrapolate; its high neighbours are zero.
            None if low.len() > high.len() => low[low.len() - 1],
            None => left,
        };
        out[2 * n + 1] = odd(high.get(n).copied().unwrap_or(0), left, right);
    }
}

/// All columns at once: each step works on whole rows.
fn lift_columns(low: &[i16], high: &[i16], size: usize, out: &mut [i16]) {
    let (low_count, high_count) = (low.len() / size, high.len() / size);
    const ZEROS: [i16; TILE_SIZE] = [0; TILE_SIZE];
    let zeros = &ZEROS[..size];
    let low_row = |n: usize| &low[n * size..][..size];
    let high_row = |n: usize| match (n < high_count, beyond(low_count, high_count)) {
        (true, _) => &high[n * size..][..size],
        (false, Some(last)) => &high[last * size..][..size],
        (false, None) => zeros,
    };
    for n in 0..size.div_ceil(2) {
        let (before, after) = (high_row(n.saturating_sub(1)), high_row(n));
        let row = &mut out[2 * n * size..][..size];
        for (((sample, &low), &before), &after) in
            row.iter_mut().zip(low_row(n)).zip(before).zip(after)
        {
            *sample = even(low, before, after);
        }
    }
    for n in 0..size / 2 {
        let (above, rest) = out.split_at_mut((2 * n + 1) * size);
        let above = &above[2 * n * size..];
        let (row, below) = rest.split_at_mut(size);
        let below = match below.get(..size) {
            Some(below) => below,
            None if low_count > high_count => low_row(low_count - 1),
            None => above,
        };
        let high = if n < high_count { high_row(n) } else { zeros };
        for (((sample, &high), &above), &below) in row.iter_mut().zip(high).zip(above).zip(below) {
            *sample = odd(high, above, below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_low_band_is_a_flat_tile() {
        for borders in [Borders::Mirror, Borders::ReduceExtrapolate] {
            let mut component = [0; TILE_AREA];
            component[borders.bands()[9].1.clone()].fill(320);
            inverse(&mut component, borders, &mut DwtScratch::default());
            assert!(component.iter().all(|&sample| sample == 320), "{borders:?}");
        }
    }

    /// The forward transform of one row, straight from the equations, mirrored borders.
    fn analyse(samples: &[i32]) -> (Vec<i16>, Vec<i16>) {
        let n = samples.len();
        let at = |i: isize| {
            let last = n as isize - 1;
            let i = i.abs();
            samples[(if i > last { 2 * last - i } else { i }) as usize]
        };
        let high: Vec<i32> = (0..n as isize / 2)
            .map(|i| (at(2 * i + 1) - ((at(2 * i) + at(2 * i + 2)) >> 1)) >> 1)
            .collect();
        let high_at = |i: isize| high[i.clamp(0, high.len() as isize - 1) as usize];
        let low = (0..(n as isize + 1) / 2)
            .map(|i| (at(2 * i) + ((high_at(i - 1) + high_at(i) + 1) >> 1)) as i16)
            .collect();
        (low, high.into_iter().map(|value| value as i16).collect())
    }

    #[test]
    fn a_row_that_was_analysed_comes_back_within_the_bit_that_is_dropped() {
        for size in [16usize, 17, 32, 33] {
            let samples: Vec<i32> = (0..size as i32)
                .map(|i| (i * i * 7 + i * 31) % 400)
                .collect();
            let (low, high) = analyse(&samples);
            let mut out = vec![0; size];
            lift_row(&low, &high, &mut out);
            for (i, (&got, &wanted)) in out.iter().zip(&samples).enumerate() {
                assert!(
                    (i32::from(got) - wanted).abs() <= 1,
                    "size {size}, sample {i}"
                );
            }
        }
    }

    #[test]
    fn columns_are_rows_turned() {
        for (low_count, high_count) in [(32, 32), (33, 31), (17, 16), (9, 8)] {
            let size = (low_count + high_count).min(TILE_SIZE);
            let value = |row: usize, column: usize| ((row * 37 + column * 11) % 301) as i16 - 150;
            let low: Vec<i16> = (0..low_count * size)
                .map(|i| value(i / size, i % size))
                .collect();
            let high: Vec<i16> = (0..high_count * size)
                .map(|i| value(i / size + 99, i % size))
                .collect();
            let mut out = vec![0; size * size];
            lift_columns(&low, &high, size, &mut out);
            for column in 0..size {
                let pick = |rows: &[i16]| -> Vec<i16> {
                    rows.iter().skip(column).step_by(size).copied().collect()
                };
                let mut row = vec![0; size];
                lift_row(&pick(&low), &pick(&high), &mut row);
                assert_eq!(
                    pick(&out),
                    row,
                    "{low_count} and {high_count}, column {column}"
                );
            }
        }
    }
}
