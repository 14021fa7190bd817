//! The forward transform (`[MS-RDPRFX] 3.1.8.1.4`, `[MS-RDPEGFX] 3.2.8.1.2`).
//!
//! Along one axis, samples become `low` and `high` coefficients:
//!
//! ```text
//! high[n] = (x[2n + 1] - (x[2n] + x[2n + 2]) / 2) / 2
//! low[n]  = x[2n] + (high[n-1] + high[n] + 1) / 2
//! ```
//!
//! Columns first, then rows.

use super::{Plane, ceil_average, floor_average};
use crate::remotefx::{Component, TILE_SIZE, quant::Borders};

/// Memory that the transform works in: rows [`TILE_SIZE`] apart.
#[derive(Debug)]
pub struct ForwardScratch {
    /// Low rows, then high rows, of a level.
    lifted: Plane,
    /// What is left for the levels that follow.
    low: Plane,
}

impl Default for ForwardScratch {
    fn default() -> Self {
        Self {
            lifted: [[0; TILE_SIZE]; TILE_SIZE],
            low: [[0; TILE_SIZE]; TILE_SIZE],
        }
    }
}

/// Turns samples, row by row, into coefficients, band by band, in place.
pub fn forward(component: &mut Component, borders: Borders, scratch: &mut ForwardScratch) {
    let (rows, _) = component.as_chunks::<TILE_SIZE>();
    scratch.low.copy_from_slice(rows);
    let out = &mut component[..];
    match borders {
        Borders::Mirror => {
            let out = level::<64, 32, 32>(scratch, out);
            let out = level::<32, 16, 16>(scratch, out);
            let out = level::<16, 8, 8>(scratch, out);
            store::<8>(scratch, out);
        }
        Borders::ReduceExtrapolate => {
            let out = level::<64, 33, 31>(scratch, out);
            let out = level::<33, 17, 16>(scratch, out);
            let out = level::<17, 9, 8>(scratch, out);
            store::<9>(scratch, out);
        }
    }
}

/// Leaves the low half of both directions in `scratch.low` and appends the bands HL, LH and HH to
/// what is behind `out`; returns what is left of it.
fn level<'a, const SIZE: usize, const LOW: usize, const HIGH: usize>(
    scratch: &mut ForwardScratch,
    out: &'a mut [i16],
) -> &'a mut [i16] {
    columns::<SIZE, LOW, HIGH>(&scratch.low, &mut scratch.lifted);
    let (hl, out) = out.split_at_mut(LOW * HIGH);
    let (lh, out) = out.split_at_mut(HIGH * LOW);
    let (hh, out) = out.split_at_mut(HIGH * HIGH);
    let (low_rows, high_rows) = scratch.lifted.split_at(LOW);
    let hl = hl.as_chunks_mut::<HIGH>().0;
    for ((row, low), high) in low_rows.iter().zip(&mut scratch.low).zip(hl) {
        let (low, _) = low.split_first_chunk_mut().expect("as many as the row has");
        lift_row::<SIZE, LOW, HIGH>(row, low, high);
    }
    let (lh, hh) = (lh.as_chunks_mut().0, hh.as_chunks_mut().0);
    for ((row, low), high) in high_rows.iter().zip(lh).zip(hh) {
        lift_row::<SIZE, LOW, HIGH>(row, low, high);
    }
    out
}

/// The last low band.
fn store<const LOW: usize>(scratch: &ForwardScratch, out: &mut [i16]) {
    for (row, out) in scratch.low.iter().zip(out.chunks_exact_mut(LOW)) {
        out.copy_from_slice(&row[..LOW]);
    }
}

/// The high coefficient of the sample between two others.
fn high(before: i16, sample: i16, after: i16) -> i16 {
    sample.wrapping_sub(floor_average(before, after)) >> 1
}

/// All columns at once: each step works on whole rows.
fn columns<const SIZE: usize, const LOW: usize, const HIGH: usize>(
    samples: &Plane,
    lifted: &mut Plane,
) {
    for n in 0..HIGH {
        let (before, sample) = (&samples[2 * n], &samples[2 * n + 1]);
        // Mirrored where there is none; with reduce-extrapolate there always is one.
        let after = if 2 * n + 2 < SIZE {
            &samples[2 * n + 2]
        } else {
            before
        };
        for x in 0..SIZE {
            lifted[LOW + n][x] = high(before[x], sample[x], after[x]);
        }
    }
    let (low_rows, high_rows) = lifted.split_at_mut(LOW);
    for (n, row) in low_rows.iter_mut().enumerate() {
        if 2 * n >= SIZE {
            // The 65th row goes on as the two before it; nothing high is beside it.
            let (before, last) = (&samples[SIZE - 2], &samples[SIZE - 1]);
            for x in 0..SIZE {
                row[x] = extrapolated(before[x], last[x]);
            }
            continue;
        }
        let sample = &samples[2 * n];
        let before = &high_rows[n.saturating_sub(1)];
        match n < HIGH || LOW - HIGH < 2 {
            true => {
                let after = &high_rows[n.min(HIGH - 1)];
                for x in 0..SIZE {
                    row[x] = sample[x].wrapping_add(ceil_average(before[x], after[x]));
                }
            }
            // The high row that extrapolation makes zero.
            false => {
                for x in 0..SIZE {
                    row[x] = sample[x].wrapping_add(ceil_average(before[x], 0));
                }
            }
        }
    }
}

fn extrapolated(before: i16, last: i16) -> i16 {
    last.wrapping_add(last).wrapping_sub(before)
}

fn lift_row<const SIZE: usize, const LOW: usize, const HIGH: usize>(
    row: &[i16; TILE_SIZE],
    low: &mut [i16; LOW],
    high_out: &mut [i16; HIGH],
) {
    // Even and odd samples, each with one place more than any level fills.
    let mut even = [0; TILE_SIZE / 2 + 1];
    let mut odd = [0; TILE_SIZE / 2];
    for n in 0..TILE_SIZE / 2 {
        even[n] = row[2 * n];
        odd[n] = row[2 * n + 1];
    }
    if SIZE.is_multiple_of(2) {
        even[SIZE / 2] = if LOW > HIGH {
            extrapolated(row[SIZE - 2], row[SIZE - 1])
        } else {
            row[SIZE - 2]
        };
    }
    // One mirrored in front, and one behind: zero where extrapolation made it so.
    let mut highs = [0; TILE_SIZE / 2 + 2];
    for n in 0..HIGH {
        highs[n + 1] = high(even[n], odd[n], even[n + 1]);
    }
    highs[0] = highs[1];
    if LOW - HIGH == 1 {
        highs[HIGH + 1] = highs[HIGH];
    }
    for n in 0..LOW {
        low[n] = even[n].wrapping_add(ceil_average(highs[n], highs[n + 1]));
    }
    high_out.copy_from_slice(&highs[1..=HIGH]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remotefx::{
        TILE_AREA,
        dwt::{DwtScratch, inverse},
    };
    use proptest::prelude::*;

    /// Samples that are neither smooth nor mere noise, from a seed.
    fn tile(seed: u32) -> Component {
        std::array::from_fn(|i| {
            let (x, y) = ((i % TILE_SIZE) as u32, (i / TILE_SIZE) as u32);
            let edge = if (x / 7 + y / 5 + seed).is_multiple_of(3) {
                3000
            } else {
                -2500
            };
            let noise = (i as u32).wrapping_mul(seed | 1) >> 7 & 0x3ff;
            (edge + noise as i32) as i16
        })
    }

    proptest! {
        #[test]
        fn what_was_transformed_comes_back_within_the_bits_that_are_dropped(seed: u32) {
            for borders in [Borders::Mirror, Borders::ReduceExtrapolate] {
                let samples = tile(seed);
                let mut component = samples;
                forward(&mut component, borders, &mut ForwardScratch::default());
                let coefficients = component;
                inverse(&coefficients, borders, &mut DwtScratch::default(), &mut component);
                // A bit of each high coefficient is dropped at each level, in both directions.
                for (i, (got, wanted)) in component.iter().zip(&samples).enumerate() {
                    prop_assert!(got.abs_diff(*wanted) <= 12, "{borders:?} {i}: {got} for {wanted}");
                }
            }
        }
    }

    #[test]
    fn a_ramp_has_no_high_coefficients_inside() {
        let ramp: Component = std::array::from_fn(|i| (i % TILE_SIZE) as i16 * 32);
        let mut component = ramp;
        forward(
            &mut component,
            Borders::ReduceExtrapolate,
            &mut ForwardScratch::default(),
        );
        let [(_, hl1), (_, lh1), ..] = Borders::ReduceExtrapolate.bands();
        assert!(component[hl1].iter().all(|&value| value == 0));
        assert!(component[lh1].iter().all(|&value| value == 0));
        assert_eq!(TILE_AREA, component.len());
    }
}
