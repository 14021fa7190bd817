//! One tile, from its bits to its pixels.

use super::{
    Component, Entropy, TILE_AREA, TILE_BYTES, color,
    dwt::{self, DwtScratch},
    quant::{Borders, Quant, dequantize},
    rlgr, sum_deltas,
};

/// Memory that a tile is decoded in.
#[derive(Debug)]
pub(super) struct TileDecoder {
    components: [Component; 3],
    dwt: DwtScratch,
    bgra: [u8; TILE_BYTES],
}

impl TileDecoder {
    pub fn new() -> Self {
        Self {
            components: [[0; TILE_AREA]; 3],
            dwt: DwtScratch::default(),
            bgra: [0; TILE_BYTES],
        }
    }

    pub fn decode(&mut self, entropy: Entropy, data: [&[u8]; 3], quants: [&Quant; 3]) {
        for ((component, data), quant) in self.components.iter_mut().zip(data).zip(quants) {
            rlgr::decode(entropy, data, component);
            sum_deltas(&mut component[4032..]);
            dequantize(component, Borders::Mirror, quant, &Quant::ZERO);
            dwt::inverse(component, Borders::Mirror, &mut self.dwt);
        }
        let [y, cb, cr] = &self.components;
        color::ycbcr_to_bgra(y, cb, cr, &mut self.bgra);
    }

    pub fn bgra(&self) -> &[u8; TILE_BYTES] {
        &self.bgra
    }
}
