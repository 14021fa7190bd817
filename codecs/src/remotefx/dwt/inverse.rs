//! The inverse transform (`[MS-RDPRFX] 3.1.8.2.4`, `[MS-RDPEGFX] 3.3.8.2.2`).
//!
//! Along one axis, `low` and `high` coefficients become samples:
//!
//! ```text
//! x[2n]     = low[n] - (high[n-1] + high[n] + 1) / 2
//! x[2n + 1] = 2 high[n] + (x[2n] + x[2n + 2]) / 2
//! ```
//!
//! What lies outside is mirrored. With reduce-extrapolate borders there is one more low than high
//! coefficient, and the last level drops the 65th sample that comes out of it. Rows first, then
//! columns.

use super::{Plane, ceil_average, floor_average};
use crate::remotefx::{Component, TILE_SIZE, quant::Borders};

/// Places for the samples of one kind, even or odd, in a row, a mirrored one at either end, and
/// what makes that a multiple of a vector's length.
const HALF_ROW: usize = TILE_SIZE / 2 + 8;

/// Memory that the transform works in.
#[derive(Clone, Debug)]
pub struct DwtScratch {
    /// Low rows, then high rows, of a level.
    lifted: Plane,
    /// What the levels before have made.
    low: Plane,
    /// The even samples of each row.
    even: [[i16; HALF_ROW]; TILE_SIZE],
}

impl Default for DwtScratch {
    fn default() -> Self {
        Self {
            lifted: [[0; TILE_SIZE]; TILE_SIZE],
            low: [[0; TILE_SIZE]; TILE_SIZE],
            even: [[0; HALF_ROW]; TILE_SIZE],
        }
    }
}

/// Turns dequantised coefficients, band by band, into samples, row by row.
#[inline(always)]
pub fn inverse(
    coefficients: &Component,
    borders: Borders,
    scratch: &mut DwtScratch,
    samples: &mut Component,
) {
    let (samples, _) = samples.as_chunks_mut::<TILE_SIZE>();
    let samples: &mut Plane = samples.try_into().expect("a tile has 64 rows");
    let DwtScratch { lifted, low, even } = scratch;
    match borders {
        Borders::Mirror => {
            load::<8>(&coefficients[4032..], low);
            rows::<16, 8, 8>(&coefficients[3840..], low, even, lifted);
            columns::<16, 8, 8, 16>(lifted, low);
            rows::<32, 16, 16>(&coefficients[3072..], low, even, lifted);
            columns::<32, 16, 16, 32>(lifted, low);
            rows::<64, 32, 32>(coefficients, low, even, lifted);
            columns::<64, 32, 32, 64>(lifted, samples);
        }
        Borders::ReduceExtrapolate => {
            load::<9>(&coefficients[4015..], low);
            rows::<17, 9, 8>(&coefficients[3807..], low, even, lifted);
            columns::<17, 9, 8, 24>(lifted, low);
            rows::<33, 17, 16>(&coefficients[3007..], low, even, lifted);
            columns::<33, 17, 16, 40>(lifted, low);
            rows::<64, 33, 31>(coefficients, low, even, lifted);
            columns::<64, 33, 31, 64>(lifted, samples);
        }
    }
}

/// The band LL3.
#[inline(always)]
fn load<const LOW: usize>(ll3: &[i16], low: &mut Plane) {
    for (row, ll3) in low.iter_mut().zip(ll3.as_chunks::<LOW>().0) {
        row[..LOW].copy_from_slice(ll3);
    }
}

/// All rows of a level, whose bands HL, LH and HH stand at the front of `bands`; LL is in `low`.
#[inline(always)]
fn rows<const SIZE: usize, const LOW: usize, const HIGH: usize>(
    bands: &[i16],
    low: &Plane,
    even: &mut [[i16; HALF_ROW]; TILE_SIZE],
    lifted: &mut Plane,
) {
    let (hl, bands) = bands.split_at(LOW * HIGH);
    let (lh, bands) = bands.split_at(HIGH * LOW);
    let hh = &bands[..HIGH * HIGH];
    let low = low
        .iter()
        .map(|row| row.first_chunk().expect("a row is longer"));
    let upper = low.zip(hl.as_chunks().0);
    let lower = lh.as_chunks().0.iter().zip(hh.as_chunks().0);
    // In two passes: one that read the even samples from one place on, and again from the next,
    // right after they were written would wait for them to get to memory.
    for (even, (low, high)) in even.iter_mut().zip(upper.chain(lower)) {
        even_samples::<LOW, HIGH>(low, high, even);
    }
    let highs = hl.as_chunks().0.iter().chain(hh.as_chunks().0);
    for (out, (even, high)) in lifted.iter_mut().zip(even.iter().zip(highs)) {
        whole_row::<SIZE, LOW, HIGH>(even, high, out);
    }
}

/// The even samples of a row, and the one that is mirrored behind the last.
#[inline(always)]
fn even_samples<const LOW: usize, const HIGH: usize>(
    low: &[i16; LOW],
    high: &[i16; HIGH],
    even: &mut [i16; HALF_ROW],
) {
    // From one before the first on.
    let mut highs = [0; HALF_ROW];
    highs[0] = high[0];
    highs[1..].copy_from_slice(&padded(high, LOW)[..HALF_ROW - 1]);
    for n in 0..LOW {
        even[n] = low[n].wrapping_sub(ceil_average(highs[n], highs[n + 1]));
    }
    if LOW == HIGH {
        even[LOW] = even[LOW - 1];
    }
}

/// High coefficients and, behind the last, what is mirrored, or the zeros that reduce-extrapolate
/// dropped at the outermost level.
#[inline(always)]
fn padded<const HIGH: usize>(high: &[i16; HIGH], low: usize) -> [i16; HALF_ROW] {
    let mut highs = [0; HALF_ROW];
    highs[..HIGH].copy_from_slice(high);
    if low - HIGH == 1 {
        highs[HIGH] = high[HIGH - 1];
    }
    highs
}

/// One row of `LOW + HIGH` samples, 64 at most; what is behind them is of no meaning.
#[inline(always)]
fn whole_row<const SIZE: usize, const LOW: usize, const HIGH: usize>(
    even: &[i16; HALF_ROW],
    high: &[i16; HIGH],
    out: &mut [i16; TILE_SIZE],
) {
    let highs = padded(high, LOW);
    let pairs = SIZE / 2;
    for n in 0..pairs {
        let odd = (highs[n] << 1).wrapping_add(floor_average(even[n], even[n + 1]));
        out[2 * n] = even[n];
        out[2 * n + 1] = odd;
    }
    if SIZE > 2 * pairs {
        out[SIZE - 1] = even[pairs];
    }
}

/// All columns at once, `WIDTH` of them: each step works on whole rows.
#[inline(always)]
fn columns<const SIZE: usize, const LOW: usize, const HIGH: usize, const WIDTH: usize>(
    lifted: &Plane,
    out: &mut Plane,
) {
    const ZEROS: [i16; TILE_SIZE] = [0; TILE_SIZE];
    let (low, high) = lifted.split_at(LOW);
    let high_row = |n: usize| match n {
        n if n < HIGH => &high[n],
        _ if LOW - HIGH < 2 => &high[HIGH - 1],
        _ => &ZEROS,
    };
    let even_row = |n: usize, before: &[i16; TILE_SIZE]| {
        let mut even = [0; WIDTH];
        let after = high_row(n);
        for x in 0..WIDTH {
            even[x] = low[n][x].wrapping_sub(ceil_average(before[x], after[x]));
        }
        even
    };
    let mut even = even_row(0, high_row(0));
    for n in 0..SIZE / 2 {
        let high = high_row(n);
        // Mirrored behind the last.
        let next = if n + 1 < LOW {
            even_row(n + 1, high)
        } else {
            even
        };
        out[2 * n][..WIDTH].copy_from_slice(&even);
        let odd = &mut out[2 * n + 1];
        for x in 0..WIDTH {
            odd[x] = (high[x] << 1).wrapping_add(floor_average(even[x], next[x]));
        }
        even = next;
    }
    if !SIZE.is_multiple_of(2) {
        out[SIZE - 1][..WIDTH].copy_from_slice(&even);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remotefx::TILE_AREA;
    use proptest::prelude::*;

    /// Both directions of all levels straight from the equations, in wide integers.
    fn by_the_book(coefficients: &Component, borders: Borders) -> Vec<i16> {
        fn lift(low: &[i16], high: &[i16]) -> Vec<i16> {
            let beyond = if low.len() - high.len() < 2 {
                high[high.len() - 1]
            } else {
                0
            };
            let high_at = |n: usize| i32::from(high.get(n).copied().unwrap_or(beyond));
            let even: Vec<i16> = (0..low.len())
                .map(|n| {
                    let sum = high_at(n.saturating_sub(1)) + high_at(n) + 1;
                    (i32::from(low[n]) - (sum >> 1)) as i16
                })
                .collect();
            let even_at = |n: usize| i32::from(even[n.min(even.len() - 1)]);
            let size = (low.len() + high.len()).min(TILE_SIZE);
            (0..size)
                .map(|i| match i % 2 {
                    0 => even[i / 2],
                    _ => (2 * high_at(i / 2) + ((even_at(i / 2) + even_at(i / 2 + 1)) >> 1)) as i16,
                })
                .collect()
        }
        let bands = borders.bands();
        let mut ll = coefficients[bands[9].1.clone()].to_vec();
        for level in [3, 2, 1] {
            let (low, high) = borders.counts(level);
            let [hl, lh, hh] =
                [0, 1, 2].map(|band| &coefficients[bands[(level - 1) * 3 + band].1.clone()]);
            let mut rows = Vec::new();
            for row in 0..low {
                rows.push(lift(&ll[row * low..][..low], &hl[row * high..][..high]));
            }
            for row in 0..high {
                rows.push(lift(&lh[row * low..][..low], &hh[row * high..][..high]));
            }
            let size = rows[0].len();
            let mut samples = vec![0; size * size];
            for x in 0..size {
                let column: Vec<i16> = rows.iter().map(|row| row[x]).collect();
                let (low, high) = column.split_at(low);
                for (y, value) in lift(low, high).into_iter().enumerate() {
                    samples[y * size + x] = value;
                }
            }
            ll = samples;
        }
        ll
    }

    proptest! {
        #[test]
        fn every_level_follows_the_equations(seed: u32, shift in 0u32..13) {
            let coefficients: Component = std::array::from_fn(|i| {
                let noise = (i as u32 ^ seed).wrapping_mul(0x9e37_79b9);
                ((noise ^ noise >> 13).wrapping_mul(0x85eb_ca6b) >> 16) as i16 >> shift
            });
            for borders in [Borders::Mirror, Borders::ReduceExtrapolate] {
                let mut samples = [0; TILE_AREA];
                inverse(&coefficients, borders, &mut DwtScratch::default(), &mut samples);
                prop_assert_eq!(&samples[..], &by_the_book(&coefficients, borders)[..]);
            }
        }
    }

    #[test]
    fn a_flat_low_band_is_a_flat_tile() {
        for borders in [Borders::Mirror, Borders::ReduceExtrapolate] {
            let mut coefficients = [0; TILE_AREA];
            coefficients[borders.bands()[9].1.clone()].fill(320);
            let mut samples = [0; TILE_AREA];
            inverse(
                &coefficients,
                borders,
                &mut DwtScratch::default(),
                &mut samples,
            );
            assert!(samples.iter().all(|&sample| sample == 320), "{borders:?}");
        }
    }
}
