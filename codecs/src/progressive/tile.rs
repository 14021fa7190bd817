//! A tile's coefficients across passes (`[MS-RDPEGFX] 3.3.8.2.1`).

use crate::{
    remotefx::{
        CoefficientTile, Component, Entropy, TILE_AREA,
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

/// Coefficients whose signs stand in a word.
const WORD: usize = u64::BITS as usize;
/// Bits that [`BitReader::peek`] has where the stream has as many.
const MAX_RAW_BITS: u32 = 56;

/// The signs of a component's coefficients, a bit each, the first one lowest.
#[derive(Clone, Copy, Debug)]
struct Signs {
    /// Those that are not zero.
    known: [u64; TILE_AREA / WORD],
    /// Those of them that are less.
    negative: [u64; TILE_AREA / WORD],
}

impl Default for Signs {
    fn default() -> Self {
        Self {
            known: [0; TILE_AREA / WORD],
            negative: [0; TILE_AREA / WORD],
        }
    }
}

impl Signs {
    /// Takes the signs of `values`.
    #[inline(always)]
    fn note(&mut self, values: &Component) {
        let words = self.known.iter_mut().zip(&mut self.negative);
        for (values, (known, negative)) in values.as_chunks::<WORD>().0.iter().zip(words) {
            *known = gather(values.map(|value| u8::from(value != 0)));
            *negative = gather(values.map(|value| u8::from(value < 0)));
        }
    }
}

/// Zeros and ones as the bits of a word.
#[inline(always)]
fn gather(bits: [u8; WORD]) -> u64 {
    // Moves the lowest bit of the nth byte to the nth of the highest bits.
    const TO_TOP: u64 = 0x0102_0408_1020_4080;
    let bytes = bits.as_chunks::<8>().0.iter().enumerate();
    bytes.fold(0, |word, (at, bits)| {
        word | u64::from_le_bytes(*bits).wrapping_mul(TO_TOP) >> 56 << (8 * at)
    })
}

/// A tile of a context.
#[derive(Debug)]
pub(super) struct Tile {
    /// Dequantised coefficients with five fractional bits, of luma, blue and red.
    components: [Component; 3],
    /// Of each coefficient, while passes are to come.
    signs: [Signs; 3],
    /// What the last pass added to the quantisation: bits still to come.
    left: ProgressiveQuant,
    borders: Borders,
}

impl Tile {
    /// A tile that nothing has come for.
    pub fn new() -> Self {
        Self {
            components: [[0; TILE_AREA]; 3],
            signs: [Signs::default(); 3],
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
            self.signs[i].note(received);
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

    /// What is left to do for the tile, at a place: its coefficients are dequantised.
    pub fn kind(&self, (column, row): (u16, u16)) -> CoefficientTile {
        CoefficientTile {
            column,
            row,
            borders: self.borders,
            shifts: [[0; 10]; 3],
        }
    }

    /// All coefficients, of luma, blue and red.
    pub fn coefficients(&self) -> &[i16] {
        self.components.as_flattened()
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

impl PassSteps<'_> {
    #[inline(always)]
    fn apply(
        &self,
        (srl, raw): (&[u8], &[u8]),
        borders: Borders,
        values: &mut Component,
        signs: &mut Signs,
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
            if band == Band::Ll3 {
                for value in &mut values[range] {
                    add(value, raw.read(bit_count) as i16, shift);
                }
                continue;
            }
            let (words, _) = values.as_chunks_mut::<WORD>();
            let first = range.start / WORD;
            let words = words
                .iter_mut()
                .zip(&mut signs.known)
                .zip(&mut signs.negative);
            for (at, ((values, known), negative)) in words.enumerate().skip(first) {
                let from = (at * WORD).max(range.start);
                let to = ((at + 1) * WORD).min(range.end);
                if from >= to {
                    break;
                }
                let of_band = u64::MAX >> (WORD - (to - from)) << (from % WORD);
                let refined = *known & of_band;
                let unknown = !*known & of_band;
                refine(values, (refined, *negative), &mut raw, bit_count, shift);
                discover(
                    values,
                    unknown,
                    (known, negative),
                    &mut srl,
                    bit_count,
                    shift,
                );
            }
        }
    }
}

/// Adds raw bits to the coefficients of `refined`, away from zero.
#[inline(always)]
fn refine(
    values: &mut [i16; WORD],
    (mut refined, negative): (u64, u64),
    raw: &mut BitReader<'_>,
    bit_count: u32,
    shift: u32,
) {
    while refined != 0 {
        // As many as are sure to be in a word, or behind the end.
        let mut word = raw.peek();
        let most = MAX_RAW_BITS / bit_count;
        let mut count = 0;
        while refined != 0 && count < most {
            let i = refined.trailing_zeros() as usize % WORD;
            refined &= refined - 1;
            let input = (word >> (u64::BITS - bit_count)) as i16;
            word <<= bit_count;
            let mask = -((negative >> i & 1) as i16);
            add(&mut values[i], (input ^ mask).wrapping_sub(mask), shift);
            count += 1;
        }
        raw.skip(count * bit_count);
    }
}

/// Adds values that come with their signs to those of the coefficients of `unknown` that stay zero
/// no longer.
#[inline(always)]
fn discover(
    values: &mut [i16; WORD],
    mut unknown: u64,
    (known, negative): (&mut u64, &mut u64),
    srl: &mut SrlReader<'_>,
    bit_count: u32,
    shift: u32,
) {
    loop {
        let zeros = srl.zeros();
        let left = unknown.count_ones();
        if zeros >= left {
            srl.skip_zeros(left);
            return;
        }
        srl.skip_zeros(zeros);
        for _ in 0..zeros {
            unknown &= unknown - 1;
        }
        let i = unknown.trailing_zeros() as usize % WORD;
        unknown &= unknown - 1;
        let input = srl.read_value(bit_count);
        *known |= 1 << i;
        *negative |= u64::from(input < 0) << i;
        add(&mut values[i], input, shift);
    }
}

#[inline(always)]
fn add(value: &mut i16, input: i16, shift: u32) {
    *value = value.wrapping_add(shift_left(input, shift));
}
