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
            scaled = if scaled + UP_RUN < MAX_SCALED {
                scaled + UP_RUN
            } else {
                MAX_SCALED
            };
            runs += 1;
        }
        start += 1;
    }
    table
};

/// Decodes `bits` into all of `out`; what a short stream does not cover is zero.
#[inline(always)]
pub fn decode(entropy: Entropy, bits: &[u8], out: &mut Component) {
    match entropy {
        Entropy::Rlgr1 => Decoder::new(bits).run::<false>(out),
        Entropy::Rlgr3 => Decoder::new(bits).run::<true>(out),
    }
}

/// A bit stream that goes on as zeros, and the parameters of the code.
struct Decoder<'a> {
    bytes: &'a [u8],
    /// The last eight bytes, which no whole word can be read behind, and zeros after them.
    tail: [u8; 16],
    /// Where the tail begins in `bytes`.
    tail_at: usize,
    /// Of the next byte that is not in `word`.
    at: usize,
    /// The bits to come, first one highest. Below the lowest of those that count stand either zeros
    /// or those that come next.
    word: u64,
    /// How many of them count; at least 56 once filled.
    held: u32,
    /// `kp`.
    run: u32,
    /// `krp`.
    rice: u32,
}

impl<'a> Decoder<'a> {
    #[inline(always)]
    fn new(bytes: &'a [u8]) -> Self {
        let tail_at = bytes.len().saturating_sub(8);
        let mut tail = [0; 16];
        tail[..bytes.len() - tail_at].copy_from_slice(&bytes[tail_at..]);
        Self {
            bytes,
            tail,
            tail_at,
            at: 0,
            word: 0,
            held: 0,
            run: 1 << SCALE_BITS,
            rice: 1 << SCALE_BITS,
        }
    }

    #[inline(always)]
    fn fill(&mut self) {
        let next = match self.bytes.get(self.at..self.at + 8) {
            Some(word) => word.first_chunk(),
            None => {
                let behind = (self.at - self.tail_at).min(8);
                self.tail[behind..].first_chunk()
            }
        };
        let next = next.map_or(0, |word| u64::from_be_bytes(*word));
        self.word |= next >> self.held;
        self.at += (63 - self.held as usize) >> 3;
        self.held |= 56;
    }

    #[inline(always)]
    fn run<const IS_RLGR3: bool>(&mut self, out: &mut Component) {
        out.fill(0);
        let mut at = 0;
        while at < TILE_AREA {
            self.fill();
            // One in the run-length mode, zero in the other.
            let is_run = (self.run + 0x80 - RUN_MODE) >> 7;
            let full_runs = self.word.leading_zeros() & is_run.wrapping_neg();
            if full_runs as usize >= MAX_FULL_RUNS {
                // The rest of the tile, or the end of the stream.
                return;
            }
            let full_zeros = FULL_RUNS[self.run as usize][full_runs as usize];
            let run = (self.run + UP_RUN * full_runs).min(MAX_SCALED);
            let run_bits = run >> SCALE_BITS;
            let mut word = self.word << (full_runs + is_run);
            let zeros = top(word, run_bits) + u64::from(full_zeros);
            word <<= run_bits;
            let sign = (word >> 63) as u32;
            word <<= is_run;
            let quotient = (!word).leading_zeros();
            word = word.wrapping_shl(quotient + 1);
            let rice_bits = self.rice >> SCALE_BITS;
            let code = quotient.wrapping_shl(rice_bits) | top(word, rice_bits) as u32;
            let mut length = full_runs + 2 * is_run + run_bits + quotient + 1 + rice_bits;
            let mut first = code;
            if IS_RLGR3 {
                word <<= rice_bits;
                let first_bits = (u32::BITS - code.leading_zeros()) & is_run.wrapping_sub(1);
                first = top(word, first_bits) as u32;
                length += first_bits;
            }
            if length > self.held {
                at = self.long_code::<IS_RLGR3>(at, out);
                continue;
            }
            self.word <<= length;
            self.held -= length;
            self.rice = adapt_rice(self.rice, quotient);

            at += zeros as usize;
            let Some(slot) = out.get_mut(at) else {
                return;
            };
            if IS_RLGR3 {
                let first = first.min(code);
                let second = code - first;
                *slot = select(is_run, signed(code + 1, sign), magnitude_sign(first));
                if let Some(slot) = out.get_mut(at + 1) {
                    *slot = select(is_run, 0, magnitude_sign(second));
                }
                at += 2 - is_run as usize;
                let both = u32::from(first != 0) & u32::from(second != 0);
                let none = u32::from(code == 0);
                let up = none * 2 * UP_ZERO & is_run.wrapping_sub(1);
                let down = select_u32(is_run, DOWN_RUN, both * 2 * DOWN_NONZERO);
                self.run = (run + up).saturating_sub(down);
            } else {
                *slot = select(is_run, signed(code + 1, sign), magnitude_sign(code));
                at += 1;
                let is_zero = u32::from(code == 0) & (is_run ^ 1);
                let down = select_u32(is_run, DOWN_RUN, DOWN_NONZERO);
                self.run = (run + is_zero * (UP_ZERO + DOWN_NONZERO)).saturating_sub(down);
            }
        }
    }

    /// One code that is longer than a word, part by part; returns where the next value belongs.
    #[cold]
    #[inline(never)]
    fn long_code<const IS_RLGR3: bool>(&mut self, mut at: usize, out: &mut Component) -> usize {
        let is_run = self.run >= RUN_MODE;
        let mut sign = 0;
        if is_run {
            while self.take(1) == 0 && at < TILE_AREA {
                at += 1 << (self.run >> SCALE_BITS);
                self.run = (self.run + UP_RUN).min(MAX_SCALED);
            }
            at += self.take(self.run >> SCALE_BITS) as usize;
            sign = self.take(1);
        }
        let mut quotient = 0u32;
        // Ends behind the last byte at the latest.
        while self.take(1) == 1 {
            quotient += 1;
        }
        let rice_bits = self.rice >> SCALE_BITS;
        let code = quotient.wrapping_shl(rice_bits) | self.take(rice_bits);
        self.rice = adapt_rice(self.rice, quotient);
        let mut put = |at: usize, value| {
            if let Some(slot) = out.get_mut(at) {
                *slot = value;
            }
        };
        if is_run {
            put(at, signed(code.wrapping_add(1), sign));
            self.run = self.run.saturating_sub(DOWN_RUN);
            return at + 1;
        }
        if !IS_RLGR3 {
            put(at, magnitude_sign(code));
            self.run = match code {
                0 => self.run + UP_ZERO,
                _ => self.run.saturating_sub(DOWN_NONZERO),
            };
            return at + 1;
        }
        let first = self.take(u32::BITS - code.leading_zeros()).min(code);
        let second = code - first;
        put(at, magnitude_sign(first));
        put(at + 1, magnitude_sign(second));
        if code == 0 {
            self.run += 2 * UP_ZERO;
        } else if first != 0 && second != 0 {
            self.run = self.run.saturating_sub(2 * DOWN_NONZERO);
        }
        at + 2
    }

    /// Reads `count` bits, 32 at most.
    fn take(&mut self, count: u32) -> u32 {
        self.fill();
        let value = top(self.word, count) as u32;
        self.word <<= count;
        self.held -= count;
        value
    }
}

/// The highest `count` bits, fewer than 64.
#[inline(always)]
fn top(word: u64, count: u32) -> u64 {
    word >> 1 >> (63 - count)
}

#[inline(always)]
fn adapt_rice(rice: u32, quotient: u32) -> u32 {
    match quotient {
        0 => rice.saturating_sub(DOWN_RICE),
        1 => rice,
        _ => (rice + quotient).min(MAX_SCALED),
    }
}

/// `a` where `is_first` is one, `b` where it is zero.
#[inline(always)]
fn select(is_first: u32, a: i16, b: i16) -> i16 {
    let mask = (is_first as i16).wrapping_neg();
    (a & mask) | (b & !mask)
}

/// `a` where `is_first` is one, `b` where it is zero.
#[inline(always)]
fn select_u32(is_first: u32, a: u32, b: u32) -> u32 {
    let mask = is_first.wrapping_neg();
    (a & mask) | (b & !mask)
}

/// A magnitude, negative where `sign` is one.
#[inline(always)]
fn signed(magnitude: u32, sign: u32) -> i16 {
    (magnitude ^ sign.wrapping_neg()).wrapping_add(sign) as i16
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
            _ => -(code.div_ceil(2) as i32) as i16,
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
                let first = bits.read(32 - code.leading_zeros()).min(code);
                let second = code - first;
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
