//! The simplified run-length code of upgrade passes (`[MS-RDPEGFX] 3.1.8.1.5`).

use crate::remotefx::bits::{BitReader, BitWriter};

const SCALE_BITS: u32 = 3;
const MAX_SCALED: u32 = 80;
const UP: u32 = 4;
const DOWN: u32 = 6;

/// Reads the values of coefficients whose sign is not known yet.
#[derive(Debug)]
pub(super) struct SrlReader<'a> {
    bits: BitReader<'a>,
    /// The parameter KP.
    scaled: u32,
    /// Zeros that are still to come.
    zeros: u32,
    /// Behind the zeros stands a value, not another run.
    value_follows: bool,
}

impl<'a> SrlReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bits: BitReader::new(bytes),
            scaled: 1 << SCALE_BITS,
            zeros: 0,
            value_follows: false,
        }
    }

    /// Passes over `count` values where they are known to be zeros already; else none of them.
    #[inline(always)]
    pub fn skip_zeros(&mut self, count: u32) -> bool {
        let is_known = self.zeros >= count;
        self.zeros -= count * u32::from(is_known);
        is_known
    }

    /// The next value, whose magnitude has `bit_count` bits, 1 to 15. Behind the end there are only
    /// zeros.
    #[inline]
    pub fn read(&mut self, bit_count: u32) -> i16 {
        while self.zeros == 0 && !self.value_follows {
            if self.bits.is_at_end() {
                return 0;
            }
            let k = self.scaled >> SCALE_BITS;
            if self.bits.read_bit() {
                self.zeros = self.bits.read(k);
                self.value_follows = true;
                self.scaled = self.scaled.saturating_sub(DOWN);
            } else {
                self.zeros = 1 << k;
                self.scaled = (self.scaled + UP).min(MAX_SCALED);
            }
        }
        if self.zeros > 0 {
            self.zeros -= 1;
            return 0;
        }
        self.value_follows = false;
        let is_negative = self.bits.read_bit();
        let most = (1u32 << bit_count) - 1;
        let mut magnitude = 1;
        while magnitude < most && !self.bits.is_at_end() && !self.bits.read_bit() {
            magnitude += 1;
        }
        if is_negative {
            -(magnitude as i16)
        } else {
            magnitude as i16
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
            let mut reader = SrlReader::new(&bytes);
            for &value in &values {
                prop_assert_eq!(reader.read(bit_count), value);
            }
        }

        #[test]
        fn arbitrary_bits_never_panic(bytes: Vec<u8>, bit_count in 1u32..16) {
            let mut reader = SrlReader::new(&bytes);
            for _ in 0..5000 {
                let value = reader.read(bit_count);
                prop_assert!(u32::from(value.unsigned_abs()) < 1 << bit_count);
            }
        }
    }
}
