//! RLGR, decoding (`[MS-RDPRFX] 3.1.8.1.7.3.1`).
//!
//! One turn of the loop reads one code of either mode, and has no branch that data decides. A code
//! of the run-length mode is
//!
//! ```text
//!  0…01   rrr    s    1…10      mmm
//!  full   run  sign  quotient  remainder of magnitude less one
//!  runs
//! ```
//!
//! and one of the Golomb-Rice mode has the last two parts alone: where the mode is that one, the
//! lengths of the parts before are masked to zero. With RLGR3 it has the first value of two behind
//! it, whose length is masked to zero in the run-length mode.
//!
//! All parts of a code are cut out of the same 64-bit word, which is filled once a turn. A code
//! that is longer than the 56 bits which are sure to be there is rare, and goes another way.

use super::{DOWN_NONZERO, DOWN_RICE, DOWN_RUN, MAX_SCALED, RUN_MODE, SCALE_BITS, UP_RUN, UP_ZERO};
use crate::remotefx::{Component, Entropy, TILE_AREA};

/// More full runs than this are longer than a tile, whatever the parameter.
const MAX_FULL_RUNS: usize = 24;

/// Zeros that a number of full runs come to, by the parameter before them; no more than a tile has.
static FULL_RUNS: [[u16; MAX_FULL_RUNS]; MAX_SCALED as usize + 1] = {
    let mut table = [[0; MAX_FULL_RUNS]; MAX_SCALED as usize + 1];
    let mut start = 0;
    while start < table.len() {
        let mut scaled = start as u32;
        let mut zeros = 0;
        let mut runs = 0;
        while runs < MAX_FULL_RUNS {
            table[start][runs] = zeros;
            zeros += 1 << (scaled >> SCALE_BITS);
            if zeros > TILE_AREA as u16 {
                zeros = TILE_AREA as u16;
            }
            scaled += UP_RUN;
            if scaled > MAX_SCALED {
                scaled = MAX_SCALED;
            }
            runs += 1;
        }
        start += 1;
    }
    table
};

/// The Golomb-Rice parameter after a quotient, by the parameter before; the last quotient stands
/// for all that are greater than any change.
static ADAPTED_RICE: [[u8; MAX_QUOTIENT + 1]; MAX_SCALED as usize + 1] = {
    let mut table = [[0; MAX_QUOTIENT + 1]; MAX_SCALED as usize + 1];
    let mut start = 0;
    while start < table.len() {
        let mut quotient = 0;
        while quotient <= MAX_QUOTIENT {
            table[start][quotient] = adapt_rice(start as u32, quotient as u32) as u8;
            quotient += 1;
        }
        start += 1;
    }
    table
};

/// As many ones as a word holds.
const MAX_QUOTIENT: usize = 63;

/// Decodes `bits` into all of `out`; what a short stream does not cover is zero.
#[inline(always)]
pub fn decode(entropy: Entropy, bits: &[u8], out: &mut Component) {
    match entropy {
        Entropy::Rlgr1 => Input::new(bits).decode::<false>(out),
        Entropy::Rlgr3 => Input::new(bits).decode::<true>(out),
    }
}

/// A bit stream that goes on as zeros.
struct Input<'a> {
    bytes: &'a [u8],
    /// The last eight bytes, which no whole word can be read behind, and zeros after them.
    tail: [u8; 16],
    /// Where the tail begins in `bytes`.
    tail_at: usize,
}

/// Where in the stream the decoder is, and the parameters of the code. Goes by value, so that it
/// stays in registers.
#[derive(Clone, Copy)]
struct State {
    /// Of the next byte that is not in `word`.
    at: usize,
    /// The bits to come, first one highest. Below the lowest of those that count stand either zeros
    /// or those that come next.
    word: u64,
    /// How many of them count; at least 56 once filled.
    held: u32,
    /// `kp`; what is below zero stands for zero.
    run: i32,
    /// `krp`.
    rice: u32,
}

impl<'a> Input<'a> {
    #[inline(always)]
    fn new(bytes: &'a [u8]) -> Self {
        let tail_at = bytes.len().saturating_sub(8);
        let mut tail = [0; 16];
        match bytes.last_chunk::<8>() {
            Some(last) => tail[..8].copy_from_slice(last),
            None => tail[..bytes.len()].copy_from_slice(bytes),
        }
        Self {
            bytes,
            tail,
            tail_at,
        }
    }

    #[inline(always)]
    fn fill(&self, state: &mut State) {
        let next = match self.bytes.get(state.at..state.at + 8) {
            Some(word) => word.first_chunk(),
            None => {
                let behind = (state.at - self.tail_at).min(8);
                self.tail[behind..].first_chunk()
            }
        };
        let next = next.map_or(0, |word| u64::from_be_bytes(*word));
        state.word |= next >> state.held;
        state.at += (63 - state.held as usize) >> 3;
        state.held |= 56;
    }

    #[inline(always)]
    fn decode<const IS_RLGR3: bool>(&self, out: &mut Component) {
        out.fill(0);
        let mut state = State {
            at: 0,
            word: 0,
            held: 0,
            run: 1 << SCALE_BITS,
            rice: 1 << SCALE_BITS,
        };
        let mut at = 0;
        while at < TILE_AREA {
            self.fill(&mut state);
            // All ones in the run-length mode, none in the other. What the next turn waits for
            // is taken on the shortest way here and below: this, and the length.
            let run_mask = ((RUN_MODE as i32 - 1 - state.run) >> 31) as u32;
            let is_run = run_mask & 1;
            let full_runs = state.word.leading_zeros() & run_mask;
            if full_runs as usize >= MAX_FULL_RUNS {
                // The rest of the tile, or the end of the stream.
                return;
            }
            let run_before = state.run.max(0) as u32;
            let full_zeros = FULL_RUNS[run_before as usize][full_runs as usize];
            let run = (run_before + UP_RUN * full_runs).min(MAX_SCALED);
            let run_bits = run >> SCALE_BITS;
            let behind_runs = state.word << (full_runs + is_run);
            let zeros = top(behind_runs, run_bits) as u32 + u32::from(full_zeros);
            let sign = ((behind_runs << run_bits) >> 63) as u32;
            let mut word = state.word << (full_runs + 2 * is_run) << run_bits;
            let rice_bits = state.rice >> SCALE_BITS;
            // No quotient and no remainder.
            let is_zero = i32::from(word >> (63 - rice_bits) == 0);
            let quotient = (!word).leading_zeros();
            let mut length = full_runs + 2 * is_run + run_bits + rice_bits + 1 + quotient;
            word = word.wrapping_shl(quotient + 1);
            let code = quotient.wrapping_shl(rice_bits) | top(word, rice_bits) as u32;
            let (mut first, mut second) = (code, 0);
            if IS_RLGR3 {
                word <<= rice_bits;
                let first_bits = (u32::BITS - code.leading_zeros()) & !run_mask;
                first = top(word, first_bits) as u32;
                second = code.wrapping_sub(first) & !run_mask;
                first |= code & run_mask;
                length += first_bits;
            }
            if length > state.held {
                (state, at) = self.long_code::<IS_RLGR3>(state, at, out);
                continue;
            }
            state.word <<= length;
            state.held -= length;
            let quotient = quotient as usize & MAX_QUOTIENT;
            state.rice = u32::from(ADAPTED_RICE[state.rice as usize][quotient]);
            let change = if IS_RLGR3 {
                let are_both = i32::from(first != 0) & i32::from(second != 0);
                (is_zero - are_both) * (2 * UP_ZERO) as i32
            } else {
                is_zero * (UP_ZERO + DOWN_NONZERO) as i32 - DOWN_NONZERO as i32
            };
            let mask = run_mask as i32;
            state.run = run as i32 - (DOWN_RUN as i32 & mask) + (change & !mask);

            at += zeros as usize;
            let Some(slot) = out.get_mut(at) else {
                return;
            };
            // What ends a run is its magnitude less one, and a sign of its own.
            *slot = magnitude_sign((first << is_run) + ((2 - sign) & run_mask));
            at += 1;
            if IS_RLGR3 {
                // Zero stands there already.
                if let Some(slot) = out.get_mut(at) {
                    *slot = magnitude_sign(second);
                }
                at += 1 - is_run as usize;
            }
        }
    }

    /// One code that is longer than a word, part by part; also returns where the next value
    /// belongs.
    #[cold]
    #[inline(never)]
    fn long_code<const IS_RLGR3: bool>(
        &self,
        mut state: State,
        mut at: usize,
        out: &mut Component,
    ) -> (State, usize) {
        let mut run = state.run.max(0) as u32;
        let is_run = run >= RUN_MODE;
        let mut sign = 0;
        if is_run {
            while self.take(&mut state, 1) == 0 && at < TILE_AREA {
                at += 1 << (run >> SCALE_BITS);
                run = (run + UP_RUN).min(MAX_SCALED);
            }
            at += self.take(&mut state, run >> SCALE_BITS) as usize;
            sign = self.take(&mut state, 1);
        }
        let mut quotient = 0;
        // Ends behind the last byte at the latest.
        while self.take(&mut state, 1) == 1 {
            quotient += 1;
        }
        let rice_bits = state.rice >> SCALE_BITS;
        let code = u32::wrapping_shl(quotient, rice_bits) | self.take(&mut state, rice_bits);
        state.rice = adapt_rice(state.rice, quotient);
        let mut put = |value| {
            if let Some(slot) = out.get_mut(at) {
                *slot = value;
            }
            at += 1;
        };
        if is_run {
            put(magnitude_sign((code << 1).wrapping_add(2 - sign)));
            run = run.saturating_sub(DOWN_RUN);
        } else if !IS_RLGR3 {
            put(magnitude_sign(code));
            run = match code {
                0 => run + UP_ZERO,
                _ => run.saturating_sub(DOWN_NONZERO),
            };
        } else {
            let first = self.take(&mut state, u32::BITS - code.leading_zeros());
            let second = code.wrapping_sub(first);
            put(magnitude_sign(first));
            put(magnitude_sign(second));
            run = match (first, second) {
                (0, 0) => run + 2 * UP_ZERO,
                (0, _) | (_, 0) => run,
                _ => run.saturating_sub(2 * DOWN_NONZERO),
            };
        }
        state.run = run as i32;
        (state, at)
    }

    /// Reads `count` bits, 32 at most.
    fn take(&self, state: &mut State, count: u32) -> u32 {
        self.fill(state);
        let value = top(state.word, count) as u32;
        state.word <<= count;
        state.held -= count;
        value
    }
}

/// The highest `count` bits, fewer than 64.
#[inline(always)]
fn top(word: u64, count: u32) -> u64 {
    word >> 1 >> (63 - count)
}

const fn adapt_rice(rice: u32, quotient: u32) -> u32 {
    match quotient {
        0 => rice.saturating_sub(DOWN_RICE),
        1 => rice,
        _ if rice + quotient < MAX_SCALED => rice + quotient,
        _ => MAX_SCALED,
    }
}

/// Even codes are positive, odd ones negative.
#[inline(always)]
fn magnitude_sign(code: u32) -> i16 {
    ((code >> 1) ^ (code & 1).wrapping_neg()) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remotefx::bits::BitReader;
    use proptest::prelude::*;

    /// The specification's pseudocode, a bit at a time; stops where the bits do.
    fn by_the_book(entropy: Entropy, bytes: &[u8]) -> Vec<i16> {
        let mut bits = BitReader::new(bytes);
        let mut out = Vec::new();
        let (mut kp, mut krp) = (8i32, 8i32);
        let update =
            |parameter: &mut i32, delta: i32| *parameter = (*parameter + delta).clamp(0, 80);
        let gr = |bits: &mut BitReader<'_>, krp: &mut i32| {
            let quotient = bits.read_run(true);
            let k = (*krp >> 3) as u32;
            let code = quotient << k | bits.read(k);
            match quotient {
                0 => update(krp, -2),
                1 => {}
                _ => update(krp, quotient.min(80) as i32),
            }
            code
        };
        let from_2_mag_sign = |code: u32| match code % 2 {
            0 => (code / 2) as i16,
            _ => (code.div_ceil(2) as i16).wrapping_neg(),
        };
        while out.len() < TILE_AREA && !bits.is_at_end() {
            if kp >> 3 != 0 {
                while !bits.is_at_end() && !bits.read_bit() {
                    out.resize(out.len() + (1 << (kp >> 3)), 0);
                    update(&mut kp, 4);
                }
                let run = bits.read((kp >> 3) as u32);
                out.resize(out.len() + run as usize, 0);
                let is_negative = bits.read_bit();
                let magnitude = gr(&mut bits, &mut krp).wrapping_add(1) as i16;
                out.push(if is_negative {
                    magnitude.wrapping_neg()
                } else {
                    magnitude
                });
                update(&mut kp, -6);
            } else if entropy == Entropy::Rlgr1 {
                let code = gr(&mut bits, &mut krp);
                out.push(from_2_mag_sign(code));
                update(&mut kp, if code == 0 { 3 } else { -3 });
            } else {
                let code = gr(&mut bits, &mut krp);
                let first = bits.read(32 - code.leading_zeros());
                let second = code.wrapping_sub(first);
                if first != 0 && second != 0 {
                    update(&mut kp, -6);
                } else if code == 0 {
                    update(&mut kp, 6);
                }
                out.extend([from_2_mag_sign(first), from_2_mag_sign(second)]);
            }
        }
        out.truncate(TILE_AREA);
        out
    }

    #[test]
    fn an_empty_stream_is_all_zeros() {
        let mut out = [7; TILE_AREA];
        decode(Entropy::Rlgr1, &[], &mut out);
        assert_eq!(out, [0; TILE_AREA]);
    }

    #[test]
    fn a_run_is_followed_by_its_value() {
        // k = 1: "1" ends the run, "1" is its length, "0" is positive, "0" + one bit "1": two.
        let mut out = [9; TILE_AREA];
        decode(Entropy::Rlgr1, &[0b1100_1000], &mut out);
        assert_eq!(out[..4], [0, 2, 0, 0]);
    }

    proptest! {
        #[test]
        fn arbitrary_bits_are_read_by_the_book(
            bits in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(0), Just(0xff)], 0..4096),
        ) {
            for entropy in [Entropy::Rlgr1, Entropy::Rlgr3] {
                let mut out = [9; TILE_AREA];
                decode(entropy, &bits, &mut out);
                let wanted = by_the_book(entropy, &bits);
                // The code that the end cuts short may be read either way.
                let sure = wanted.len().saturating_sub(2);
                prop_assert_eq!(&out[..sure], &wanted[..sure]);
            }
        }
    }
}
