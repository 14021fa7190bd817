//! A tile's coefficients across passes (`[MS-RDPEGFX] 3.3.8.2.1`).

use crate::remotefx::{
    Component, Entropy, TILE_AREA, TILE_BYTES,
    bits::BitReader,
    color::ycbcr_to_bgra,
    dwt::{self, DwtScratch},
    quant::{Band, Borders, Quant, dequantize},
    rlgr,
    simd::dispatch,
    sum_deltas,
};

use super::{
    ProgressiveError,
    blocks::{ProgressiveQuant, Region, UpgradeTile, WholeTile},
    srl::SrlReader,
};

/// Memory that decoding works in.
#[derive(Debug)]
pub(super) struct Scratch {
    components: Box<[Component; 3]>,
    dwt: DwtScratch,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            components: Box::new([[0; TILE_AREA]; 3]),
            dwt: DwtScratch::default(),
        }
    }
}

/// A tile of a context.
#[derive(Debug)]
pub(super) struct Tile {
    /// Dequantised coefficients with five fractional bits, of luma, blue and red.
    components: Box<[Component; 3]>,
    /// What is known of a tile that later passes refine.
    progress: Option<Progress>,
}

/// The state of a tile between its first and its last pass.
#[derive(Debug)]
struct Progress {
    /// What the last pass added to the quantisation: bits still to come.
    quant: ProgressiveQuant,
    borders: Borders,
    /// -1, 0 or 1 for each coefficient.
    signs: Box<[[i8; TILE_AREA]; 3]>,
}

impl Default for Tile {
    fn default() -> Self {
        Self {
            components: Box::new([[0; TILE_AREA]; 3]),
            progress: None,
        }
    }
}

impl Tile {
    /// Takes the first pass, or the only one (3.3.8.2.1.1).
    pub fn first_pass(
        &mut self,
        block: &WholeTile<'_>,
        region: &Region<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), ProgressiveError> {
        let quants = block.quants(region)?;
        let progressive = region.progressive_quant(block.quality)?;
        let borders = region.borders;
        let [.., (_, ll3)] = borders.bands();

        let is_complete = progressive.components == [Quant::ZERO; 3];
        let mut signs = (!is_complete).then(|| Box::new([[0i8; TILE_AREA]; 3]));
        for i in 0..3 {
            let received = &mut scratch.components[i];
            rlgr::decode(Entropy::Rlgr1, block.data[i], received);
            if let Some(signs) = &mut signs {
                for (sign, &value) in signs[i].iter_mut().zip(&received[..ll3.start]) {
                    *sign = value.signum() as i8;
                }
            }
            sum_deltas(&mut received[ll3.clone()]);
            dequantize(received, borders, &quants[i], &progressive.components[i]);
            if block.is_difference {
                for (value, &difference) in self.components[i].iter_mut().zip(&*received) {
                    *value = value.wrapping_add(difference);
                }
            } else {
                self.components[i] = *received;
            }
        }
        self.progress = signs.map(|signs| Progress {
            quant: progressive,
            borders,
            signs,
        });
        Ok(())
    }

    /// Takes a later pass (3.3.8.2.1.2); false where there was no first one, or the last one is
    /// over.
    pub fn upgrade_pass(
        &mut self,
        block: &UpgradeTile<'_>,
        region: &Region<'_>,
    ) -> Result<bool, ProgressiveError> {
        let quants = block.quants(region)?;
        let progressive = region.progressive_quant(block.quality)?;
        let Some(progress) = &mut self.progress else {
            return Ok(false);
        };
        if progress.borders != region.borders {
            return Ok(false);
        }
        let components = self.components.iter_mut().zip(progress.signs.iter_mut());
        for (i, (values, signs)) in components.enumerate() {
            let streams = block.data[i];
            let steps = PassSteps {
                quant: &quants[i],
                before: &progress.quant.components[i],
                now: &progressive.components[i],
            };
            steps.apply(streams, progress.borders, values, signs)?;
        }
        if progressive.components == [Quant::ZERO; 3] {
            self.progress = None;
        } else {
            progress.quant = progressive;
        }
        Ok(true)
    }

    /// Turns the coefficients into pixels.
    pub fn paint(&self, borders: Borders, scratch: &mut Scratch, bgra: &mut [u8; TILE_BYTES]) {
        dispatch(|| {
            for (coefficients, samples) in self.components.iter().zip(scratch.components.iter_mut())
            {
                dwt::inverse(coefficients, borders, &mut scratch.dwt, samples);
            }
            let [y, cb, cr] = scratch.components.each_ref().map(|c| c.as_chunks().0);
            let samples = y.iter().zip(cb).zip(cr);
            for (out, ((y, cb), cr)) in bgra.as_chunks_mut().0.iter_mut().zip(samples) {
                ycbcr_to_bgra(y, cb, cr, out);
            }
        });
    }
}

/// How far one pass refines the coefficients of a component.
struct PassSteps<'a> {
    quant: &'a Quant,
    before: &'a Quant,
    now: &'a Quant,
}

impl PassSteps<'_> {
    fn apply(
        &self,
        (srl, raw): (&[u8], &[u8]),
        borders: Borders,
        values: &mut Component,
        signs: &mut [i8; TILE_AREA],
    ) -> Result<(), ProgressiveError> {
        let mut srl = SrlReader::new(srl);
        let mut raw = BitReader::new(raw);
        for (band, range) in borders.bands() {
            let now = self.now.factor(band);
            let bit_count =
                self.before
                    .factor(band)
                    .checked_sub(now)
                    .ok_or(ProgressiveError::Invalid {
                        field: "progressive quantisation that grows, to",
                        value: now.into(),
                    })?;
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
            for (value, sign) in values.iter_mut().zip(&mut signs[range]) {
                let input = match *sign {
                    0 => {
                        let input = srl.read(bit_count);
                        *sign = input.signum() as i8;
                        input
                    }
                    1 => raw.read(bit_count) as i16,
                    _ => -(raw.read(bit_count) as i16),
                };
                add(value, input, shift);
            }
        }
        Ok(())
    }
}

fn add(value: &mut i16, input: i16, shift: u32) {
    *value = value.wrapping_add(input.wrapping_shl(shift));
}
