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
        dwt::inverse(coefficients, borders, &mut self.dwt, samples);
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
