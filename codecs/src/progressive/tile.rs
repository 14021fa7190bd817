//! A tile's coefficients across passes (`[MS-RDPEGFX] 3.3.8.2.1`).

use crate::{
    remotefx::{
        Component, Entropy, TILE_AREA,
        bits::BitReader,
        quant::{Band, Borders, Quant, dequantize, shift_left},
        rlgr, sum_deltas,
        tile::TileSamples,
    },
    simd::dispatch,
};

use super::{
    ProgressiveError,
    blocks::{ProgressiveQuant, Region, UpgradeTile, WholeTile},
    srl::SrlReader,
};

/// A tile of a context.
#[derive(Debug)]
pub(super) struct Tile {
    /// Dequantised coefficients with five fractional bits, of luma, blue and red.
    components: [Component; 3],
    /// -1, 0 or 1 for each coefficient, while passes are to come.
    signs: [[i8; TILE_AREA]; 3],
    /// What the last pass added to the quantisation: bits still to come.
    left: ProgressiveQuant,
    borders: Borders,
}

impl Tile {
    /// A tile that nothing has come for.
    pub fn new() -> Self {
        Self {
            components: [[0; TILE_AREA]; 3],
            signs: [[0; TILE_AREA]; 3],
            left: ProgressiveQuant::FULL,
            borders: Borders::Mirror,
        }
    }

    /// Takes the first pass, or the only one (3.3.8.2.1.1). `scratch` is for a difference.
    pub fn first_pass(
        &mut self,
        block: &WholeTile<'_>,
        region: &Region<'_>,
        scratch: &mut Component,
    ) -> Result<(), ProgressiveError> {
        let quants = block.quants(region)?;
        self.left = region.progressive_quant(block.quality)?;
        self.borders = region.borders;
        dispatch(
            #[inline(always)]
            || {
                for (i, quant) in quants.iter().enumerate() {
                    if block.is_difference {
                        self.receive(i, block.data[i], quant, scratch);
                        for (value, &difference) in self.components[i].iter_mut().zip(&*scratch) {
                            *value = value.wrapping_add(difference);
                        }
                    } else {
                        let mut received = [0; TILE_AREA];
                        self.receive(i, block.data[i], quant, &mut received);
                        self.components[i] = received;
                    }
                }
            },
        );
        Ok(())
    }

    /// Decodes one component, and notes its signs where later passes need them.
    #[inline(always)]
    fn receive(&mut self, i: usize, data: &[u8], quant: &Quant, received: &mut Component) {
        rlgr::decode(Entropy::Rlgr1, data, received);
        if self.left != ProgressiveQuant::FULL {
            for (sign, &value) in self.signs[i].iter_mut().zip(&*received) {
                *sign = value.signum() as i8;
            }
        }
        let [.., (_, ll3)] = self.borders.bands();
        sum_deltas(&mut received[ll3]);
        dequantize(received, self.borders, quant, &self.left.components[i]);
    }

    /// Takes a later pass (3.3.8.2.1.2). Nothing is left to add to a tile that is finished.
    pub fn upgrade_pass(
        &mut self,
        block: &UpgradeTile<'_>,
        region: &Region<'_>,
    ) -> Result<(), ProgressiveError> {
        let quants = block.quants(region)?;
        let now = region.progressive_quant(block.quality)?;
        if self.borders != region.borders {
            return Err(ProgressiveError::Invalid {
                field: "region flags for an upgrade",
                value: u64::from(region.borders == Borders::ReduceExtrapolate),
            });
        }
        for (before, now) in self.left.components.iter().zip(&now.components) {
            if !now.is_within(before) {
                let quality = block.quality.into();
                return Err(ProgressiveError::Invalid {
                    field: "quality of an upgrade",
                    value: quality,
                });
            }
        }
        dispatch(
            #[inline(always)]
            || {
                let components = self.components.iter_mut().zip(&mut self.signs);
                for (i, (values, signs)) in components.enumerate() {
                    let steps = PassSteps {
                        quant: &quants[i],
                        before: &self.left.components[i],
                        now: &now.components[i],
                    };
                    steps.apply(block.data[i], self.borders, values, signs);
                }
            },
        );
        self.left = now;
        Ok(())
    }

    /// Turns the coefficients into samples.
    pub fn transform(&self, samples: &mut TileSamples) {
        dispatch(
            #[inline(always)]
            || {
                for (i, coefficients) in self.components.iter().enumerate() {
                    samples.transform(i, coefficients, self.borders);
                }
            },
        );
    }
}

/// How far one pass refines the coefficients of a component.
struct PassSteps<'a> {
    quant: &'a Quant,
    before: &'a Quant,
    now: &'a Quant,
}

/// Coefficients that are passed over together.
const LANES: usize = 8;

impl PassSteps<'_> {
    #[inline(always)]
    fn apply(
        &self,
        (srl, raw): (&[u8], &[u8]),
        borders: Borders,
        values: &mut Component,
        signs: &mut [i8; TILE_AREA],
    ) {
        let mut srl = SrlReader::new(srl);
        let mut raw = BitReader::new(raw);
        for (band, range) in borders.bands() {
            let now = self.now.factor(band);
            let bit_count = self.before.factor(band).saturating_sub(now);
            if bit_count == 0 {
                continue;
            }
            let shift = self.quant.shift(self.now, band);
            let values = &mut values[range.clone()];
            if band == Band::Ll3 {
                for value in values {
                    add(value, raw.read(bit_count) as i16, shift);
                }
                continue;
            }
            let signs = &mut signs[range];
            for (values, signs) in values.chunks_mut(LANES).zip(signs.chunks_mut(LANES)) {
                let any = signs.iter().fold(0, |any, sign| any | sign);
                if any == 0 && srl.skip_zeros(signs.len() as u32) {
                    continue;
                }
                for (value, sign) in values.iter_mut().zip(signs) {
                    let input = if *sign == 0 {
                        let input = srl.read(bit_count);
                        *sign = input.signum() as i8;
                        input
                    } else {
                        let sign = i16::from(*sign);
                        (raw.read(bit_count) as i16).wrapping_mul(sign)
                    };
                    add(value, input, shift);
                }
            }
        }
    }
}

#[inline(always)]
fn add(value: &mut i16, input: i16, shift: u32) {
    *value = value.wrapping_add(shift_left(input, shift));
}
