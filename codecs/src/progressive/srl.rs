//! The simplified run-length code of upgrade passes (`[MS-RDPEGFX] 3.1.8.1.5`).

use crate::remotefx::{
    TILE_AREA,
    bits::{BitReader, BitWriter},
};

const SCALE_BITS: u32 = 3;
const MAX_SCALED: u32 = 80;
const UP: u32 = 4;
const DOWN: u32 = 6;

/// Reads the values of coefficients whose sign is not known yet: zeros, then one that is none, and
/// so on.
#[derive(Debug)]
pub(super) struct SrlReader<'a> {
    bits: BitReader<'a>,
    /// The parameter KP.
    scaled: u32,
    /// Zeros that come before the next value.
    zeros: u32,
}

impl<'a> SrlReader<'a> {
    #[inline(always)]
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self {
            bits: BitReader::new(bytes),
            scaled: 1 << SCALE_BITS,
            zeros: 0,
        };
        reader.read_run();
        reader
    }

    /// Zeros that come before the next value; behind the end there are more than a tile has.
    #[inline(always)]
    pub fn zeros(&self) -> u32 {
        self.zeros
    }

    /// Passes over `count` of the [zeros](Self::zeros).
    #[inline(always)]
    pub fn skip_zeros(&mut self, count: u32) {
        self.zeros -= count;
    }

    /// The value behind the zeros, whose magnitude has `bit_count` bits, 1 to 15, and is not zero.
    /// The next zeros are those behind it.
    #[inline(always)]
    pub fn read_value(&mut self, bit_count: u32) -> i16 {
        let most = (1u32 << bit_count) - 1;
        let word = self.bits.peek();
        let is_negative = word >> 63 != 0;
        let ahead = (word << 1).leading_zeros().min(most - 1);
        // A magnitude less than the most has a one behind its zeros.
        let length = 1 + ahead + u32::from(ahead < most - 1);
        let magnitude = if length <= self.bits.held() {
            self.bits.skip(length);
            1 + ahead
        } else {
            self.bits.skip(1);
            self.read_long_magnitude(most)
        };
        self.read_run();
        if is_negative {
            -(magnitude as i16)
        } else {
            magnitude as i16
        }
    }

    #[cold]
    #[inline(never)]
    fn read_long_magnitude(&mut self, most: u32) -> u32 {
        let mut magnitude = 1;
        while magnitude < most && !self.bits.is_at_end() && !self.bits.read_bit() {
            magnitude += 1;
        }
        magnitude
    }

    /// Reads all codes of zeros up to the next value.
    #[inline(always)]
    fn read_run(&mut self) {
        self.zeros = 0;
        loop {
            let k = self.scaled >> SCALE_BITS;
            let word = self.bits.peek();
            if word >> 63 != 0 {
                self.zeros += ((word << 1) >> 1 >> (63 - k)) as u32;
                self.bits.skip(1 + k);
                self.scaled = self.scaled.saturating_sub(DOWN);
                return;
            }
            self.zeros += 1 << k;
            if self.zeros > TILE_AREA as u32 {
                return;
            }
            self.bits.skip(1);
            self.scaled = (self.scaled + UP).min(MAX_SCALED);
        }
    }
}

/// Writes the values of coefficients that were zero in all passes before.
#[derive(Debug)]
pub(super) struct SrlWriter<'a> {
    bits: BitWriter<'a>,
    /// The parameter KP.
    scaled: u32,
    /// Zeros that are not written yet.
    zeros: u32,
}

impl<'a> SrlWriter<'a> {
    /// Writes behind what is in `out` already.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            bits: BitWriter::new(out),
            scaled: 1 << SCALE_BITS,
            zeros: 0,
        }
    }

    /// Writes a value whose magnitude has no more than `bit_count` bits, 1 to 15.
    pub fn write(&mut self, value: i16, bit_count: u32) {
        if value == 0 {
            self.zeros += 1;
            return;
        }
        self.end_run();
        let magnitude = u32::from(value.unsigned_abs());
        self.bits.write(u32::from(value < 0), 1);
        self.bits.write_run(false, magnitude - 1);
        if magnitude < (1 << bit_count) - 1 {
            self.bits.write(1, 1);
        }
    }

    fn end_run(&mut self) {
        self.write_full_runs();
        let k = self.scaled >> SCALE_BITS;
        self.bits.write(1 << k | self.zeros, 1 + k);
        self.zeros = 0;
        self.scaled = self.scaled.saturating_sub(DOWN);
    }

    fn write_full_runs(&mut self) {
        while self.zeros >> (self.scaled >> SCALE_BITS) != 0 {
            self.zeros -= 1 << (self.scaled >> SCALE_BITS);
            self.bits.write(0, 1);
            self.scaled = (self.scaled + UP).min(MAX_SCALED);
        }
    }

    /// Writes the last run, and fills the last byte up; no bit more, for there are decoders that
    /// count (FreeRDP's refuses the tile). The byte of zeros that stands behind is the caller's to
    /// append.
    pub fn finish(mut self) {
        self.write_full_runs();
        if self.zeros > 0 {
            self.end_run();
        }
        self.bits.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first `count` values.
    fn read(bytes: &[u8], bit_count: u32, count: usize) -> Vec<i16> {
        let mut reader = SrlReader::new(bytes);
        let mut values = Vec::new();
        while values.len() < count {
            if reader.zeros() > 0 {
                reader.skip_zeros(1);
                values.push(0);
            } else {
                values.push(reader.read_value(bit_count));
            }
        }
        values
    }

    /// The pseudocode of 3.1.8.1.5, a bit at a time; stops where the bits do.
    fn by_the_book(bytes: &[u8], bit_count: u32) -> Vec<i16> {
        let mut bits = BitReader::new(bytes);
        let (mut kp, mut values) = (8, Vec::new());
        while !bits.is_at_end() {
            let k = kp >> 3;
            if !bits.read_bit() {
                values.resize(values.len() + (1 << k), 0);
                kp = (kp + 4).min(80);
                continue;
            }
            values.resize(values.len() + bits.read(k) as usize, 0);
            kp = kp.saturating_sub(6);
            let sign = if bits.read_bit() { -1 } else { 1 };
            let mut magnitude = 1;
            while magnitude < (1 << bit_count) - 1 && !bits.is_at_end() && !bits.read_bit() {
                magnitude += 1;
            }
            values.push((magnitude * sign) as i16);
        }
        values
    }

    /// The code words of 3.1.8.1.5.2, and a run of each kind before them.
    #[test]
    fn values_are_written_as_the_specification_shows() {
        let written = |values: &[i16], bit_count| {
            let mut bytes = Vec::new();
            let mut writer = SrlWriter::new(&mut bytes);
            for &value in values {
                writer.write(value, bit_count);
            }
            writer.finish();
            bytes
        };
        // KP = 8, so K = 1: "1", a run of "0"; then sign and magnitude less one.
        assert_eq!(written(&[1], 3), [0b1001_0000]);
        assert_eq!(written(&[-3], 3), [0b1010_0100]);
        assert_eq!(written(&[7], 3), [0b1000_0000, 0]);
        assert_eq!(written(&[-1], 1), [0b1010_0000]);
        // Two zeros are a full run, a third is counted; KP = 12 - 6, so K = 0 for the next value.
        assert_eq!(written(&[0, 0, 0, 1, -1], 1), [0b0110_1100]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            bit_count in 1u32..6,
            seeds in proptest::collection::vec((any::<bool>(), any::<i16>()), 0..300),
        ) {
            let most = (1i16 << bit_count) - 1;
            let values: Vec<i16> = seeds
                .into_iter()
                .map(|(is_zero, value)| if is_zero { 0 } else { value % (most + 1) })
                .collect();
            let mut bytes = Vec::new();
            let mut writer = SrlWriter::new(&mut bytes);
            for &value in &values {
                writer.write(value, bit_count);
            }
            writer.finish();
            prop_assert_eq!(read(&bytes, bit_count, values.len()), values);
        }

        #[test]
        fn arbitrary_bits_are_read_by_the_book(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(0), Just(0xff)], 0..300),
            bit_count in 1u32..16,
        ) {
            let mut wanted = by_the_book(&bytes, bit_count);
            // The value that the end cuts short may be read either way.
            wanted.pop();
            wanted.truncate(TILE_AREA);
            prop_assert_eq!(read(&bytes, bit_count, wanted.len()), wanted);
        }

        #[test]
        fn arbitrary_bits_never_panic(bytes: Vec<u8>, bit_count in 1u32..16) {
            for value in read(&bytes, bit_count, TILE_AREA) {
                prop_assert!(u32::from(value.unsigned_abs()) < 1 << bit_count);
            }
        }
    }
}
