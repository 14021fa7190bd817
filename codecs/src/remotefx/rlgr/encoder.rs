//! RLGR, encoding (`[MS-RDPRFX] 3.1.8.1.7.3.2`).

use super::{DOWN_NONZERO, DOWN_RICE, DOWN_RUN, MAX_SCALED, SCALE_BITS, UP_RUN, UP_ZERO};
use crate::remotefx::{Entropy, bits::BitWriter};

/// Appends the code of all `values` to `out`.
pub fn encode(entropy: Entropy, values: &[i16], out: &mut Vec<u8>) {
    let mut bits = BitWriter::new(out);
    let mut rice = Rice {
        scaled: 1 << SCALE_BITS,
    };
    let mut run_scaled = 1u32 << SCALE_BITS;
    let mut rest = values;
    while !rest.is_empty() {
        if run_scaled >> SCALE_BITS != 0 {
            rest = run(rest, &mut bits, &mut run_scaled, &mut rice);
            continue;
        }
        match (entropy, rest) {
            (Entropy::Rlgr1, [value, behind @ ..]) => {
                rice.write(&mut bits, magnitude_sign(*value));
                run_scaled = if *value == 0 {
                    run_scaled + UP_ZERO
                } else {
                    run_scaled.saturating_sub(DOWN_NONZERO)
                };
                rest = behind;
            }
            (Entropy::Rlgr3, [first, behind @ ..]) => {
                let first = magnitude_sign(*first);
                // A last value without a second one is followed by a zero, which no one reads.
                let second = behind.first().map_or(0, |value| magnitude_sign(*value));
                let sum = first + second;
                rice.write(&mut bits, sum);
                bits.write(first, u32::BITS - sum.leading_zeros());
                if sum == 0 {
                    run_scaled += 2 * UP_ZERO;
                } else if first != 0 && second != 0 {
                    run_scaled = run_scaled.saturating_sub(2 * DOWN_NONZERO);
                }
                rest = behind.get(1..).unwrap_or_default();
            }
            (_, []) => {}
        }
    }
    bits.finish();
}

/// Writes a run of zeros and the value that ends it; returns what is left.
fn run<'a>(
    values: &'a [i16],
    bits: &mut BitWriter<'_>,
    run_scaled: &mut u32,
    rice: &mut Rice,
) -> &'a [i16] {
    let zeros = leading_zeros(values);
    let mut left = zeros as u32;
    while left >> (*run_scaled >> SCALE_BITS) != 0 {
        left -= 1 << (*run_scaled >> SCALE_BITS);
        bits.write(0, 1);
        *run_scaled = (*run_scaled + UP_RUN).min(MAX_SCALED);
    }
    let k = *run_scaled >> SCALE_BITS;
    bits.write(1 << k | left, 1 + k);
    *run_scaled = run_scaled.saturating_sub(DOWN_RUN);
    // A run up to the end is followed by a one, which decoders have no place for: Microsoft's
    // expects a value behind every run (FreeRDP's encoder tells so).
    let value = values.get(zeros).copied().unwrap_or(1);
    bits.write(u32::from(value < 0), 1);
    rice.write(bits, u32::from(value.unsigned_abs()) - 1);
    values.get(zeros + 1..).unwrap_or_default()
}

/// How many values at the front are zero.
fn leading_zeros(values: &[i16]) -> usize {
    const LANES: usize = 16;
    let mut zeros = 0;
    for chunk in values.chunks_exact(LANES) {
        if chunk.iter().fold(0, |any, value| any | value) != 0 {
            break;
        }
        zeros += LANES;
    }
    let rest = &values[zeros..];
    zeros + rest.iter().take_while(|value| **value == 0).count()
}

/// Twice the magnitude, less one where negative.
fn magnitude_sign(value: i16) -> u32 {
    2 * u32::from(value.unsigned_abs()) - u32::from(value < 0)
}

/// The Golomb-Rice code with its adaptive parameter.
struct Rice {
    scaled: u32,
}

impl Rice {
    fn write(&mut self, bits: &mut BitWriter<'_>, code: u32) {
        let k = self.scaled >> SCALE_BITS;
        let quotient = code >> k;
        if quotient + 1 + k <= 32 {
            // Ones, a zero, and the remainder, in one go.
            let ones = ((1u64 << (quotient + 1)) - 2) as u32;
            bits.write(
                ((u64::from(ones) << k) as u32) | (code & ((1 << k) - 1)),
                quotient + 1 + k,
            );
        } else {
            bits.write_run(true, quotient);
            bits.write(code & ((1 << k) - 1), 1 + k);
        }
        match quotient {
            0 => self.scaled = self.scaled.saturating_sub(DOWN_RICE),
            1 => {}
            _ => self.scaled = (self.scaled + quotient).min(MAX_SCALED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remotefx::{TILE_AREA, rlgr::decode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            pieces in proptest::collection::vec((0usize..300, any::<i16>(), 0u32..16), 0..120),
            is_rlgr1: bool,
        ) {
            let entropy = if is_rlgr1 { Entropy::Rlgr1 } else { Entropy::Rlgr3 };
            let mut values = Vec::new();
            for (zeros, value, shift) in pieces {
                values.resize(values.len() + zeros * usize::from(value % 3 == 0), 0);
                values.push(value >> shift);
            }
            values.resize(TILE_AREA, 0);
            let mut bytes = vec![1, 2];
            encode(entropy, &values, &mut bytes);
            let mut decoded = [9; TILE_AREA];
            decode(entropy, &bytes[2..], &mut decoded);
            prop_assert_eq!(&decoded[..], &values[..]);
        }
    }
}
