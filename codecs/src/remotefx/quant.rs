//! Quantisation of sub-bands (`[MS-RDPRFX] 3.1.8.2.3`).

use std::ops::Range;

/// The ten sub-bands in the order in which their coefficients follow each other
/// (`[MS-RDPRFX] 3.1.8.1.6`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// Level 1, high horizontally.
    Hl1,
    /// Level 1, high vertically.
    Lh1,
    /// Level 1, high both ways.
    Hh1,
    /// Level 2, high horizontally.
    Hl2,
    /// Level 2, high vertically.
    Lh2,
    /// Level 2, high both ways.
    Hh2,
    /// Level 3, high horizontally.
    Hl3,
    /// Level 3, high vertically.
    Lh3,
    /// Level 3, high both ways.
    Hh3,
    /// Level 3, low both ways.
    Ll3,
}

/// How the transform treats the borders of a tile, which sets the sizes of the bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Borders {
    /// Halves at each level (`[MS-RDPEGFX] 3.2.8.1.2.1`).
    Mirror,
    /// One more low than high coefficient (`[MS-RDPEGFX] 3.2.8.1.2.2`).
    ReduceExtrapolate,
}

impl Borders {
    /// Low and high coefficients of a level, 1 to 3, along one axis.
    pub const fn counts(self, level: usize) -> (usize, usize) {
        match (self, level) {
            (Borders::Mirror, 1) => (32, 32),
            (Borders::Mirror, 2) => (16, 16),
            (Borders::Mirror, _) => (8, 8),
            (Borders::ReduceExtrapolate, 1) => (33, 31),
            (Borders::ReduceExtrapolate, 2) => (17, 16),
            (Borders::ReduceExtrapolate, _) => (9, 8),
        }
    }

    /// Where the coefficients of each band lie.
    pub fn bands(self) -> [(Band, Range<usize>); 10] {
        const ORDER: [(Band, usize, bool, bool); 10] = [
            (Band::Hl1, 1, true, false),
            (Band::Lh1, 1, false, true),
            (Band::Hh1, 1, true, true),
            (Band::Hl2, 2, true, false),
            (Band::Lh2, 2, false, true),
            (Band::Hh2, 2, true, true),
            (Band::Hl3, 3, true, false),
            (Band::Lh3, 3, false, true),
            (Band::Hh3, 3, true, true),
            (Band::Ll3, 3, false, false),
        ];
        let mut start = 0;
        ORDER.map(|(band, level, is_high_x, is_high_y)| {
            let (low, high) = self.counts(level);
            let side = |is_high| if is_high { high } else { low };
            let end = start + side(is_high_x) * side(is_high_y);
            let range = start..end;
            start = end;
            (band, range)
        })
    }
}

/// A quantisation factor for each band; a value of q means a scale of 2^(q-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quant {
    /// By [`Band`], in the order of their coefficients.
    factors: [u8; 10],
}

impl Default for Quant {
    /// What servers use where the picture is to look untouched: coarser only where no eye sees it.
    fn default() -> Self {
        Self::new(6, [6, 6, 6], [7, 7, 8], [8, 8, 9])
    }
}

impl Quant {
    /// Factors of zero: what a full-quality progressive pass adds.
    pub const ZERO: Quant = Quant { factors: [0; 10] };

    /// The same factor for every band: 6 keeps the most, 15 the least.
    pub const fn uniform(factor: u8) -> Self {
        Self {
            factors: [factor; 10],
        }
    }

    /// Factors of LL3, and of HL, LH and HH of each level, 15 at most.
    pub const fn new(ll3: u8, level_3: [u8; 3], level_2: [u8; 3], level_1: [u8; 3]) -> Self {
        let ([hl1, lh1, hh1], [hl2, lh2, hh2], [hl3, lh3, hh3]) = (level_1, level_2, level_3);
        Self {
            factors: [hl1, lh1, hh1, hl2, lh2, hh2, hl3, lh3, hh3, ll3],
        }
    }

    /// The same with no factor below `least`, and none above the 15 that the wire has room for.
    pub(crate) fn at_least(self, least: u8) -> Self {
        Self {
            factors: self.factors.map(|factor| factor.clamp(least, 15)),
        }
    }

    /// True where no factor is greater than that of `bounds`.
    pub(crate) fn is_within(&self, bounds: &Quant) -> bool {
        let mut pairs = self.factors.iter().zip(&bounds.factors);
        pairs.all(|(factor, bound)| factor <= bound)
    }

    /// Writes a `TS_RFX_CODEC_QUANT`: the way back from [`Self::from_remotefx`].
    pub fn to_remotefx(&self) -> [u8; 5] {
        let [hl1, lh1, hh1, hl2, lh2, hh2, hl3, lh3, hh3, ll3] = self.factors;
        from_nibbles([ll3, lh3, hl3, hh3, lh2, hl2, hh2, lh1, hl1, hh1])
    }

    /// Writes an `RFX_COMPONENT_CODEC_QUANT`: the way back from [`Self::from_progressive`].
    pub fn to_progressive(&self) -> [u8; 5] {
        let [hl1, lh1, hh1, hl2, lh2, hh2, hl3, lh3, hh3, ll3] = self.factors;
        from_nibbles([ll3, hl3, lh3, hh3, hl2, lh2, hh2, hl1, lh1, hh1])
    }

    /// Reads a `TS_RFX_CODEC_QUANT` (`[MS-RDPRFX] 2.2.2.1.5`): LL3, LH3, HL3, HH3, …
    pub fn from_remotefx(bytes: [u8; 5]) -> Self {
        let [ll3, lh3, hl3, hh3, lh2, hl2, hh2, lh1, hl1, hh1] = nibbles(bytes);
        Self {
            factors: [hl1, lh1, hh1, hl2, lh2, hh2, hl3, lh3, hh3, ll3],
        }
    }

    /// Reads an `RFX_COMPONENT_CODEC_QUANT` (`[MS-RDPEGFX] 2.2.4.2.1.5.2`): LL3, HL3, LH3, HH3, …
    pub fn from_progressive(bytes: [u8; 5]) -> Self {
        let [ll3, hl3, lh3, hh3, hl2, lh2, hh2, hl1, lh1, hh1] = nibbles(bytes);
        Self {
            factors: [hl1, lh1, hh1, hl2, lh2, hh2, hl3, lh3, hh3, ll3],
        }
    }

    /// The factor of a band.
    pub fn factor(&self, band: Band) -> u32 {
        u32::from(self.factors[band as usize])
    }

    /// By how many bits a coefficient of a band goes left to become fixed point with five
    /// fractional bits, where `progressive` holds what a progressive pass adds.
    pub fn shift(&self, progressive: &Quant, band: Band) -> u32 {
        const FRACTION_BITS: u32 = 5;
        const UNIT_FACTOR: u32 = 6;
        // Factors below 6 are not allowed, and become the smallest scale that fits.
        (self.factor(band) + progressive.factor(band) + FRACTION_BITS).saturating_sub(UNIT_FACTOR)
    }
}

fn nibbles(bytes: [u8; 5]) -> [u8; 10] {
    std::array::from_fn(|i| bytes[i / 2] >> (4 * (i % 2)) & 0x0f)
}

fn from_nibbles(nibbles: [u8; 10]) -> [u8; 5] {
    std::array::from_fn(|i| nibbles[2 * i] & 0x0f | nibbles[2 * i + 1] << 4)
}

/// Divides the coefficients of every band by its scale, to the nearest.
pub fn quantize(coefficients: &mut super::Component, borders: Borders, quant: &Quant) {
    for (band, range) in borders.bands() {
        let shift = quant.shift(&Quant::ZERO, band);
        let half = 1i16 << shift >> 1;
        for value in &mut coefficients[range] {
            *value = value.saturating_add(half) >> shift;
        }
    }
}

/// Multiplies the coefficients of every band by its scale, in arithmetic modulo 2^16: what a first
/// pass wraps around, those that follow bring back.
#[inline(always)]
pub fn dequantize(
    coefficients: &mut super::Component,
    borders: Borders,
    quant: &Quant,
    progressive: &Quant,
) {
    for (band, range) in borders.bands() {
        let shift = quant.shift(progressive, band);
        let coefficients = &mut coefficients[range];
        if shift < i16::BITS {
            for value in coefficients {
                *value <<= shift;
            }
        } else {
            coefficients.fill(0);
        }
    }
}

/// A shift to the left that leaves nothing where it is one by all bits.
#[inline(always)]
pub(crate) fn shift_left(value: i16, shift: u32) -> i16 {
    // Factors of 15 and 8 shift by 22.
    (i32::from(value) << (shift & 31)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_of_either_kind_fill_a_tile() {
        for borders in [Borders::Mirror, Borders::ReduceExtrapolate] {
            let bands = borders.bands();
            assert_eq!(bands[9].1.end, crate::remotefx::TILE_AREA);
            for (index, (band, range)) in bands.iter().enumerate() {
                assert_eq!(*band as usize, index);
                assert!(index == 0 || bands[index - 1].1.end == range.start);
            }
        }
        assert_eq!(Borders::ReduceExtrapolate.bands()[9].1.len(), 81);
    }

    #[test]
    fn both_wire_orders_name_the_same_bands() {
        let bytes = [0x21, 0x43, 0x65, 0x87, 0xa9];
        let (rfx, progressive) = (Quant::from_remotefx(bytes), Quant::from_progressive(bytes));
        assert_eq!(
            (rfx.factor(Band::Ll3), progressive.factor(Band::Ll3)),
            (1, 1)
        );
        assert_eq!(
            (rfx.factor(Band::Lh3), progressive.factor(Band::Hl3)),
            (2, 2)
        );
        assert_eq!(
            (rfx.factor(Band::Hl3), progressive.factor(Band::Lh3)),
            (3, 3)
        );
        assert_eq!(
            (rfx.factor(Band::Hh1), progressive.factor(Band::Hh1)),
            (10, 10)
        );
        assert_eq!(
            (rfx.to_remotefx(), progressive.to_progressive()),
            (bytes, bytes)
        );
    }
}
