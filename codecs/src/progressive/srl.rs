//! The simplified run-length code of upgrade passes (`[MS-RDPEGFX] 3.1.8.1.5`), decoding.

use crate::remotefx::bits::BitReader;

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

    /// The next value, whose magnitude has `bit_count` bits, 1 to 15. Behind the end there are only
    /// zeros.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An encoder straight from the text of the specification.
    fn encode(values: &[i16], bit_count: u32) -> Vec<u8> {
        let mut bits = Vec::new();
        let mut scaled = 8u32;
        let mut rest = values;
        while !rest.is_empty() {
            let mut zeros = rest.iter().take_while(|&&value| value == 0).count() as u32;
            let value = rest.get(zeros as usize);
            rest = &rest[(zeros as usize + 1).min(rest.len())..];
            while zeros >= 1 << (scaled / 8) {
                bits.push(false);
                zeros -= 1 << (scaled / 8);
                scaled = (scaled + 4).min(80);
            }
            bits.push(true);
            bits.extend((0..scaled / 8).rev().map(|i| zeros >> i & 1 == 1));
            scaled = scaled.saturating_sub(6);
            let Some(&value) = value else { break };
            bits.push(value < 0);
            let magnitude = u32::from(value.unsigned_abs());
            bits.extend(std::iter::repeat_n(false, magnitude as usize - 1));
            if magnitude < (1 << bit_count) - 1 {
                bits.push(true);
            }
        }
        bits.chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .fold(0, |b, (i, &bit)| b | u8::from(bit) << (7 - i))
            })
            .chain([0])
            .collect()
    }

    proptest! {
        #[test]
        fn what_was_encoded_by_the_book_is_read(
            bit_count in 1u32..6,
            seeds in proptest::collection::vec((any::<bool>(), any::<i16>()), 0..300),
        ) {
            let most = (1i16 << bit_count) - 1;
            let values: Vec<i16> = seeds
                .into_iter()
                .map(|(is_zero, value)| if is_zero { 0 } else { value % (most + 1) })
                .collect();
            let bytes = encode(&values, bit_count);
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
