//! One tile, from its bits to its pixels.

use crate::picture::{BYTES_PER_PIXEL, PictureMut};

use super::{
    Component, Entropy, TILE_AREA, TILE_SIZE, TILE_STRIDE_BYTES, color,
    dwt::{self, DwtScratch},
    quant::{Borders, Quant, dequantize},
    rlgr,
    simd::dispatch,
    sum_deltas,
};

/// Memory that a tile is decoded in.
#[derive(Debug)]
pub(super) struct TileDecoder {
    coefficients: Component,
    samples: [Component; 3],
    dwt: DwtScratch,
}

impl TileDecoder {
    pub fn new() -> Self {
        Self {
            coefficients: [0; TILE_AREA],
            samples: [[0; TILE_AREA]; 3],
            dwt: DwtScratch::default(),
        }
    }

    /// Decodes the components of a tile into samples.
    pub fn decode(&mut self, entropy: Entropy, data: [&[u8]; 3], quants: [&Quant; 3]) {
        dispatch(
            #[inline(always)]
            || {
                for ((samples, data), quant) in self.samples.iter_mut().zip(data).zip(quants) {
                    let coefficients = &mut self.coefficients;
                    rlgr::decode(entropy, data, coefficients);
                    sum_deltas(&mut coefficients[4032..]);
                    dequantize(coefficients, Borders::Mirror, quant, &Quant::ZERO);
                    dwt::inverse(coefficients, Borders::Mirror, &mut self.dwt, samples);
                }
            },
        );
    }

    /// Converts the part of the tile that begins at (`left`, `top`) into all of `target`.
    pub fn paint(&self, (left, top): (usize, usize), target: &mut PictureMut<'_>) {
        dispatch(
            #[inline(always)]
            || {
                let [y, cb, cr] = self
                    .samples
                    .each_ref()
                    .map(|c| &c.as_chunks::<TILE_SIZE>().0[top..]);
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
