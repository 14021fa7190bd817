//! One tile, from its bits to its pixels.

use crate::{
    picture::{BYTES_PER_PIXEL, PictureMut},
    simd::dispatch,
};

use super::{
    Component, Entropy, TILE_AREA, TILE_SIZE, TILE_STRIDE_BYTES, color,
    dwt::{self, DwtScratch},
    quant::{Borders, Quant, dequantize},
    rlgr, sum_deltas,
};

/// The samples of a tile, and the memory that they are made in.
#[derive(Debug)]
pub(crate) struct TileSamples {
    /// Of luma, blue and red.
    samples: [Component; 3],
    dwt: DwtScratch,
}

impl TileSamples {
    pub fn new() -> Self {
        Self {
            samples: [[0; TILE_AREA]; 3],
            dwt: DwtScratch::default(),
        }
    }

    /// Transforms the dequantised coefficients of a component.
    #[inline(always)]
    pub fn transform(&mut self, component: usize, coefficients: &Component, borders: Borders) {
        let samples = &mut self.samples[component];
        match flat(coefficients, borders) {
            Some(value) => samples.fill(value),
            None => dwt::inverse(coefficients, borders, &mut self.dwt, samples),
        }
    }

    /// Converts the part of the tile that begins at (`left`, `top`) into all of `target`.
    pub fn paint(&self, (left, top): (usize, usize), target: &mut PictureMut<'_>) {
        dispatch(
            #[inline(always)]
            || {
                let [y, cb, cr] = self.samples.each_ref().map(|component| {
                    let (rows, _) = component.as_chunks::<TILE_SIZE>();
                    &rows[top..]
                });
                let mut line = [0; TILE_STRIDE_BYTES];
                for (row, ((y, cb), cr)) in (0..target.size().height).zip(y.iter().zip(cb).zip(cr))
                {
                    let out = target.row_mut(row);
                    match out.first_chunk_mut() {
                        Some(whole) => color::ycbcr_to_bgra(y, cb, cr, whole),
                        None => {
                            color::ycbcr_to_bgra(y, cb, cr, &mut line);
                            let part = &line[left * BYTES_PER_PIXEL..][..out.len()];
                            out.copy_from_slice(part);
                        }
                    }
                }
            },
        );
    }
}

/// The value of all samples, where coefficients of one value in LL3 and of zero elsewhere tell that
/// they are the same: so are most chroma of text, and both of empty windows.
#[inline(always)]
fn flat(coefficients: &Component, borders: Borders) -> Option<i16> {
    const LANES: usize = 64;
    let [.., (_, ll3)] = borders.bands();
    let (detail, ll3) = coefficients.split_at(ll3.start);
    let is_zero = |values: &[i16]| values.iter().fold(0, |any, value| any | value) == 0;
    let is_flat = ll3.iter().all(|value| *value == ll3[0])
        // Reversed, for what is coarse is zero last.
        && detail.rchunks(LANES).all(is_zero);
    is_flat.then_some(ll3[0])
}

/// Memory that a tile is decoded in.
#[derive(Debug)]
pub(super) struct TileDecoder {
    coefficients: Component,
    pub samples: TileSamples,
}

impl TileDecoder {
    pub fn new() -> Self {
        Self {
            coefficients: [0; TILE_AREA],
            samples: TileSamples::new(),
        }
    }

    /// Decodes the components of a tile into samples.
    pub fn decode(&mut self, entropy: Entropy, data: [&[u8]; 3], quants: [&Quant; 3]) {
        const BORDERS: Borders = Borders::Mirror;
        dispatch(
            #[inline(always)]
            || {
                let [.., (_, ll3)] = BORDERS.bands();
                let coefficients = &mut self.coefficients;
                for (i, (data, quant)) in data.into_iter().zip(quants).enumerate() {
                    rlgr::decode(entropy, data, coefficients);
                    sum_deltas(&mut coefficients[ll3.clone()]);
                    dequantize(coefficients, BORDERS, quant, &Quant::ZERO);
                    self.samples.transform(i, coefficients, BORDERS);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_component_is_what_the_transform_makes_of_it() {
        for borders in [Borders::Mirror, Borders::ReduceExtrapolate] {
            for value in [0, 1, -1, 777, i16::MIN, i16::MAX] {
                let [.., (_, ll3)] = borders.bands();
                let mut coefficients = [0; TILE_AREA];
                coefficients[ll3.clone()].fill(value);
                assert_eq!(flat(&coefficients, borders), Some(value));
                let mut samples = [9; TILE_AREA];
                dwt::inverse(
                    &coefficients,
                    borders,
                    &mut DwtScratch::default(),
                    &mut samples,
                );
                assert_eq!(samples, [value; TILE_AREA]);
                for at in [0, ll3.start - 1, ll3.start, TILE_AREA - 1] {
                    let mut other = coefficients;
                    other[at] ^= 2;
                    assert_eq!(flat(&other, borders), None);
                }
            }
        }
    }
}
