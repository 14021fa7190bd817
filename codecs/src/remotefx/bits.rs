//! Bit streams, most significant bit first; one that is read goes on as zeros behind its end.

/// Reads bits from the front of bytes.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits that were taken from `bytes` and not yet read, at the high end; zeros below.
    held: u64,
    held_bits: u32,
}

impl<'a> BitReader<'a> {
    /// A reader at the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            held: 0,
            held_bits: 0,
        }
    }

    /// Makes at least 56 bits available, or all that is left.
    #[inline]
    fn refill(&mut self) {
        if let Some((word, _)) = self.bytes.split_first_chunk::<8>() {
            let word = u64::from_be_bytes(*word);
            self.held |= word >> self.held_bits;
            let taken = (63 - self.held_bits) / 8;
            self.bytes = &self.bytes[taken as usize..];
            self.held_bits += taken * 8;
            // Bits below the whole bytes taken stay: they are or-ed in again, the same, next time.
        } else {
            while self.held_bits <= 56 {
                let Some((&byte, rest)) = self.bytes.split_first() else {
                    return;
                };
                self.held |= u64::from(byte) << (56 - self.held_bits);
                self.held_bits += 8;
                self.bytes = rest;
            }
        }
    }

    /// True where every bit was read.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.held_bits == 0 && self.bytes.is_empty()
    }

    /// The bits to come, the next one highest; as many as [`Self::held`] then says count, and what
    /// is below the last of the stream is zero.
    #[inline(always)]
    pub fn peek(&mut self) -> u64 {
        if self.held_bits < 56 {
            self.refill();
        }
        self.held
    }

    /// How many bits [`Self::peek`] has shown that were not skipped.
    #[inline(always)]
    pub fn held(&self) -> u32 {
        self.held_bits
    }

    /// Reads `count` bits, 32 at most.
    #[inline]
    pub fn read(&mut self, count: u32) -> u32 {
        debug_assert!(count <= 32);
        if count == 0 {
            return 0;
        }
        if self.held_bits < count {
            self.refill();
        }
        let value = (self.held >> (64 - count)) as u32;
        self.skip(count);
        value
    }

    /// Reads one bit.
    #[inline]
    pub fn read_bit(&mut self) -> bool {
        self.read(1) != 0
    }

    /// Reads bits up to and with the first one that is not `bit`, and returns how many were. Stops
    /// at the end of the stream.
    #[inline]
    pub fn read_run(&mut self, bit: bool) -> u32 {
        let mut run = 0;
        loop {
            if self.held_bits < 32 {
                self.refill();
            }
            let word = if bit { !self.held } else { self.held };
            let ahead = word.leading_zeros();
            if ahead < self.held_bits {
                self.skip(ahead + 1);
                return run + ahead;
            }
            run += self.held_bits;
            self.skip(self.held_bits);
            if self.bytes.is_empty() {
                return run;
            }
        }
    }

    /// Passes over `count` bits that [`Self::peek`] has shown, or over all that are left of them.
    #[inline(always)]
    pub fn skip(&mut self, count: u32) {
        // Behind the end there is nothing to skip: only zeros were read.
        let count = count.min(self.held_bits);
        self.held = self.held.checked_shl(count).unwrap_or(0);
        self.held_bits -= count;
    }
}

/// Appends bits to bytes.
#[derive(Debug)]
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that are not in `out` yet, at the low end; zeros above.
    held: u64,
    /// Always less than 32.
    held_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Writes behind what is in `out` already.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            held: 0,
            held_bits: 0,
        }
    }

    /// Writes the lowest `count` bits of `value`, 32 at most; those above must be zero.
    #[inline]
    pub fn write(&mut self, value: u32, count: u32) {
        debug_assert!(count <= 32 && u64::from(value) < 1 << count);
        self.held = self.held << count | u64::from(value);
        self.held_bits += count;
        if self.held_bits >= 32 {
            self.held_bits -= 32;
            let word = (self.held >> self.held_bits) as u32;
            self.out.extend_from_slice(&word.to_be_bytes());
            self.held &= (1 << self.held_bits) - 1;
        }
    }

    /// Writes `count` times the same bit.
    #[inline]
    pub fn write_run(&mut self, bit: bool, mut count: u32) {
        while count > 0 {
            let now = count.min(32);
            let ones = (u64::from(bit) << now).wrapping_sub(u64::from(bit));
            self.write(ones as u32, now);
            count -= now;
        }
    }

    /// Fills the last byte up with zeros.
    pub fn finish(self) {
        let word = (self.held << (32 - self.held_bits)) as u32;
        let bytes = self.held_bits.div_ceil(8) as usize;
        self.out.extend_from_slice(&word.to_be_bytes()[..bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bits one by one, the slow way.
    fn bits(bytes: &[u8]) -> Vec<bool> {
        bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 == 1))
            .collect()
    }

    proptest! {
        #[test]
        fn every_way_of_reading_yields_the_same_bits(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            reads in proptest::collection::vec((0u32..=32, 0u8..3), 0..80),
        ) {
            let all = bits(&bytes);
            let mut at = 0;
            let mut reader = BitReader::new(&bytes);
            for (count, way) in reads {
                match way {
                    0 => {
                        let wanted = (0..count).fold(0u64, |value, i| {
                            value << 1 | u64::from(all.get(at + i as usize).copied().unwrap_or(false))
                        });
                        prop_assert_eq!(u64::from(reader.read(count)), wanted);
                        at += count as usize;
                    }
                    way => {
                        let bit = way == 1;
                        let rest = all.get(at..).unwrap_or_default();
                        let run = rest.iter().take_while(|&&b| b == bit).count();
                        prop_assert_eq!(reader.read_run(bit), run as u32);
                        at += run + 1;
                    }
                }
                prop_assert_eq!(reader.is_at_end(), at >= all.len());
            }
        }

        #[test]
        fn what_is_written_is_read(
            values in proptest::collection::vec((any::<u32>(), 1u32..=32), 0..80),
        ) {
            let mut bytes = vec![7];
            let mut writer = BitWriter::new(&mut bytes);
            for &(value, count) in &values {
                writer.write((u64::from(value) & ((1 << count) - 1)) as u32, count);
                writer.write_run(true, value % 90);
                writer.write_run(false, 1);
            }
            writer.finish();
            let mut reader = BitReader::new(&bytes[1..]);
            for (value, count) in values {
                prop_assert_eq!(u64::from(reader.read(count)), u64::from(value) & ((1 << count) - 1));
                prop_assert_eq!(reader.read_run(true), value % 90);
            }
        }
    }
}
