//! What a decoder holds of a tile, and what it is still to be sent
//! (`[MS-RDPEGFX] 3.2.8.1.4`, `3.2.8.1.5`).

use crate::remotefx::{
    Component, Entropy, TILE_AREA,
    bits::BitWriter,
    quant::{Band, Borders, Quant},
    rlgr, take_deltas,
};

use super::srl::SrlWriter;

/// A tile that was sent, in quantised coefficients of luma, blue and red.
#[derive(Debug)]
pub(super) struct EncodedTile {
    /// The decoder's: Ref.
    reference: Box<[Component; 3]>,
    /// What is not sent yet, DRS, and the sign of what is; of meaning until the last step.
    rest: Box<[Component; 3]>,
    signs: Box<[[i8; TILE_AREA]; 3]>,
    /// The step that was sent last; `None` where nothing is left to send.
    step: Option<usize>,
}

/// Which form a pass takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FirstPass {
    /// The tile adds to what the decoder holds.
    pub is_difference: bool,
}

impl EncodedTile {
    pub fn new() -> Self {
        Self {
            reference: Box::new([[0; TILE_AREA]; 3]),
            rest: Box::new([[0; TILE_AREA]; 3]),
            signs: Box::new([[0; TILE_AREA]; 3]),
            step: None,
        }
    }

    /// The step that was sent last, of a tile that is not finished.
    pub fn step(&self) -> Option<usize> {
        self.step
    }

    /// True where the difference to what the decoder holds has more zeros than the tile itself, in
    /// luma's bands but LL3 (3.2.8.1.4).
    pub fn is_better_as_difference(&self, tile: &[Component; 3], borders: Borders) -> bool {
        let [.., (_, ll3)] = borders.bands();
        let pairs = tile[0][..ll3.start].iter().zip(&self.reference[0]);
        let (original, difference) = pairs.fold((0, 0), |(original, difference), (new, old)| {
            (
                original + u32::from(*new == 0),
                difference + u32::from(new == old),
            )
        });
        difference > original
    }

    /// Writes all of the tile, or as much as `step` leaves: the index of a step and its tables.
    /// Returns the lengths of the three streams.
    pub fn first_pass(
        &mut self,
        tile: &[Component; 3],
        pass: FirstPass,
        step: Option<(usize, &[Quant; 3])>,
        borders: Borders,
        out: &mut Vec<u8>,
    ) -> [u16; 3] {
        if !pass.is_difference {
            for reference in self.reference.iter_mut() {
                reference.fill(0);
            }
        }
        self.step = step.map(|(index, _)| index);
        std::array::from_fn(|i| {
            let (rest, reference) = (&mut self.rest[i], &mut self.reference[i]);
            for ((rest, new), old) in rest.iter_mut().zip(&tile[i]).zip(&*reference) {
                *rest = new.wrapping_sub(*old);
            }
            let mut sent = [0; TILE_AREA];
            let bands = borders.bands();
            for (band, range) in bands.clone() {
                let shift = step.map_or(0, |(_, quants)| quants[i].factor(band));
                let values = rest[range.clone()]
                    .iter_mut()
                    .zip(&mut reference[range.clone()]);
                for ((rest, reference), sent) in values.zip(&mut sent[range]) {
                    *sent = match band {
                        Band::Ll3 => *rest >> shift,
                        _ => toward_zero(*rest, shift),
                    };
                    *rest -= *sent << shift;
                    *reference += *sent << shift;
                }
            }
            for (sign, sent) in self.signs[i].iter_mut().zip(&sent) {
                *sign = sent.signum() as i8;
            }
            let [.., (_, ll3)] = bands;
            take_deltas(&mut sent[ll3]);
            let start = out.len();
            rlgr::encode(Entropy::Rlgr1, &sent, out);
            (out.len() - start) as u16
        })
    }

    /// Writes what the step with the tables `now` adds to the one with the tables `before`; `next`
    /// is its index, `None` for the last one. Returns the lengths of the three pairs of streams,
    /// SRL and raw.
    pub fn upgrade_pass(
        &mut self,
        before: &[Quant; 3],
        (next, now): (Option<usize>, &[Quant; 3]),
        borders: Borders,
        raw: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> [(u16, u16); 3] {
        self.step = next;
        std::array::from_fn(|i| {
            let start = out.len();
            raw.clear();
            let mut srl_bits = SrlWriter::new(out);
            let mut raw_bits = BitWriter::new(raw);
            let mut has_srl = false;
            for (band, range) in borders.bands() {
                let shift = now[i].factor(band);
                let bit_count = before[i].factor(band) - shift;
                if bit_count == 0 {
                    continue;
                }
                let values = self.rest[i][range.clone()]
                    .iter_mut()
                    .zip(&mut self.reference[i][range.clone()]);
                for ((rest, reference), sign) in values.zip(&mut self.signs[i][range]) {
                    // What is left of LL3 is never negative, and of the others has their sign.
                    let input = toward_zero(*rest, shift);
                    if band == Band::Ll3 || *sign != 0 {
                        raw_bits.write(u32::from(input.unsigned_abs()), bit_count);
                    } else {
                        has_srl = true;
                        srl_bits.write(input, bit_count);
                        *sign = input.signum() as i8;
                    }
                    *rest -= input << shift;
                    *reference += input << shift;
                }
            }
            srl_bits.finish();
            raw_bits.finish();
            if has_srl {
                out.push(0);
            }
            let srl_bytes = out.len() - start;
            out.extend_from_slice(raw);
            (srl_bytes as u16, raw.len() as u16)
        })
    }
}

/// A shift to the right that rounds towards zero.
fn toward_zero(value: i16, shift: u32) -> i16 {
    let magnitude = (value.unsigned_abs() >> shift) as i16;
    if value < 0 {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}
