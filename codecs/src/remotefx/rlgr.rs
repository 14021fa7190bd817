//! RLGR, the adaptive run-length Golomb-Rice code (`[MS-RDPRFX] 3.1.8.1.7`).

mod encoder;

use super::{Entropy, bits::BitReader};

pub use encoder::encode;

/// Parameters are kept scaled by eight, so that they adapt in eighths.
const SCALE_BITS: u32 = 3;
const MAX_SCALED: u32 = 80;
const UP_RUN: u32 = 4;
const DOWN_RUN: u32 = 6;
const UP_ZERO: u32 = 3;
const DOWN_NONZERO: u32 = 3;

/// Decodes `bits` into all of `out`; what a short stream does not cover is zero.
pub fn decode(mode: Entropy, bits: &[u8], out: &mut [i16]) {
    let mut bits = BitReader::new(bits);
    let mut rice = Rice {
        scaled: 1 << SCALE_BITS,
    };
    let mut run_scaled = 1u32 << SCALE_BITS;
    let mut at = 0;
    while at < out.len() && !bits.is_at_end() {
        let k = run_scaled >> SCALE_BITS;
        if k != 0 {
            let (zeros, value) = run(&mut bits, &mut run_scaled, &mut rice);
            let zeros = (zeros as usize).min(out.len() - at);
            out[at..at + zeros].fill(0);
            at += zeros;
            if let Some(slot) = out.get_mut(at) {
                *slot = value;
                at += 1;
            }
            continue;
        }
        let code = rice.read(&mut bits);
        match mode {
            Entropy::Rlgr1 => {
                run_scaled = adapt(run_scaled, code == 0, 1);
                out[at] = magnitude_sign(code);
                at += 1;
            }
            Entropy::Rlgr3 => {
                let width = u32::BITS - code.leading_zeros();
                let first = bits.read(width).min(code);
                let second = code - first;
                match (first, second) {
                    (0, 0) => run_scaled = adapt(run_scaled, true, 2),
                    (0, _) | (_, 0) => {}
                    _ => run_scaled = adapt(run_scaled, false, 2),
                }
                out[at] = magnitude_sign(first);
                at += 1;
                if let Some(slot) = out.get_mut(at) {
                    *slot = magnitude_sign(second);
                    at += 1;
                }
            }
        }
    }
    out[at..].fill(0);
}

/// A run of zeros and the value that ends it.
fn run(bits: &mut BitReader<'_>, run_scaled: &mut u32, rice: &mut Rice) -> (u32, i16) {
    let full_runs = bits.read_run(false);
    let mut zeros = 0u32;
    for _ in 0..full_runs {
        // No run is longer than a tile; more only means that the stream is broken.
        zeros = zeros.saturating_add(1 << (*run_scaled >> SCALE_BITS));
        *run_scaled = (*run_scaled + UP_RUN).min(MAX_SCALED);
    }
    if bits.is_at_end() {
        return (zeros, 0);
    }
    zeros = zeros.saturating_add(bits.read(*run_scaled >> SCALE_BITS));
    let is_negative = bits.read_bit();
    let magnitude = rice.read(bits).saturating_add(1) as i16;
    *run_scaled = run_scaled.saturating_sub(DOWN_RUN);
    (
        zeros,
        if is_negative {
            magnitude.wrapping_neg()
        } else {
            magnitude
        },
    )
}

/// Outside of runs: zeros make runs likelier, other values less likely.
fn adapt(run_scaled: u32, is_zero: bool, values: u32) -> u32 {
    if is_zero {
        (run_scaled + UP_ZERO * values).min(MAX_SCALED)
    } else {
        run_scaled.saturating_sub(DOWN_NONZERO * values)
    }
}

/// Even codes are positive, odd ones negative.
fn magnitude_sign(code: u32) -> i16 {
    let half = (code >> 1) as i16;
    if code & 1 == 0 {
        half
    } else {
        half.wrapping_add(1).wrapping_neg()
    }
}

/// The Golomb-Rice code with its adaptive parameter.
struct Rice {
    scaled: u32,
}

impl Rice {
    fn read(&mut self, bits: &mut BitReader<'_>) -> u32 {
        let k = self.scaled >> SCALE_BITS;
        let quotient = bits.read_run(true);
        let remainder = bits.read(k);
        match quotient {
            0 => self.scaled = self.scaled.saturating_sub(2),
            1 => {}
            _ => self.scaled = self.scaled.saturating_add(quotient).min(MAX_SCALED),
        }
        quotient.checked_shl(k).unwrap_or(0) | remainder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_stream_is_all_zeros() {
        let mut out = [7; 9];
        decode(Entropy::Rlgr1, &[], &mut out);
        assert_eq!(out, [0; 9]);
    }

    #[test]
    fn a_run_is_followed_by_its_value() {
        // k = 1: "1" ends the run, "1" is its length, "0" is positive, "0" + one bit "1": two.
        let mut out = [9; 4];
        decode(Entropy::Rlgr1, &[0b1100_1000], &mut out);
        assert_eq!(out[..2], [0, 2]);
    }

    proptest! {
        #[test]
        fn arbitrary_bits_fill_a_tile_without_panic(
            bits in proptest::collection::vec(any::<u8>(), 0..4096),
        ) {
            let mut out = vec![0; super::super::TILE_AREA];
            decode(Entropy::Rlgr1, &bits, &mut out);
            decode(Entropy::Rlgr3, &bits, &mut out);
        }
    }
}
