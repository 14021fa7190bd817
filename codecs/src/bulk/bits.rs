//! Bits of compressed streams: readers that hold the next token in a register, and writers of
//! words.
//!
//! Readers read a copy of the data behind which [`PADDING_BYTES`] zeros stand, and zeros for ever
//! after, so that a look needs no question whether the end is near; whoever looks compares the
//! place afterwards.

/// Zeros behind the data of a reader.
pub(super) const PADDING_BYTES: usize = 8;
/// Bits that a refill is sure to show.
pub(super) const LOOK_BITS: u32 = 56;

/// Fills `padded` with `data` and the zeros behind it.
pub(super) fn pad(padded: &mut Vec<u8>, data: &[u8]) {
    padded.clear();
    padded.reserve(data.len() + PADDING_BYTES);
    padded.extend_from_slice(data);
    padded.extend_from_slice(&[0; PADDING_BYTES]);
}

macro_rules! reader {
    ($(#[$doc:meta])* $name:ident, $from_bytes:ident, $fresh_shift:tt, $skip:tt) => {
        $(#[$doc])*
        ///
        /// Where the next word is loaded is known long before its bits are wanted, so that no load
        /// of the stream stands between a token and the one after it.
        pub(super) struct $name<'a> {
            padded: &'a [u8],
            /// The byte that is loaded next. Narrower than a place, so that the end of what is
            /// loaded cannot overflow and is compared with the data's alone.
            at: u32,
            word: u64,
            /// Bits of the word that were taken from the bytes before `at`. Others may be there.
            held_bits: u32,
        }

        impl<'a> $name<'a> {
            /// A reader of what [`pad`] has filled.
            pub(super) fn new(padded: &'a [u8]) -> Self {
                Self { padded, at: 0, word: 0, held_bits: 0 }
            }

            /// The next bits, [`LOOK_BITS`] at least.
            #[inline(always)]
            pub(super) fn refill(&mut self) -> u64 {
                let mut bytes = [0; 8];
                let at = self.at as usize;
                if let Some(fresh) = self.padded.get(at..at + 8) {
                    bytes.copy_from_slice(fresh);
                }
                self.word |= u64::$from_bytes(bytes) $fresh_shift self.held_bits;
                self.at += (63 - self.held_bits) / 8;
                self.held_bits |= 56;
                self.word
            }

            /// The next bits, as many as the last refill showed and were not taken since.
            #[inline(always)]
            pub(super) fn word(&self) -> u64 {
                self.word
            }

            /// Takes bits, no more than those.
            #[inline(always)]
            pub(super) fn skip(&mut self, bits: u32) {
                self.word $skip bits;
                self.held_bits -= bits;
            }

            /// Bits taken so far.
            #[inline(always)]
            pub(super) fn position(&self) -> usize {
                8 * self.at as usize - self.held_bits as usize
            }
        }
    };
}

reader! {
    /// A stream whose bits are read high bit first; the next ones are at the top of the word.
    HighReader, from_be_bytes, >>, <<=
}

reader! {
    /// A stream whose bits are read low bit first; the next ones are at the bottom of the word.
    LowReader, from_le_bytes, <<, >>=
}

macro_rules! writer {
    ($(#[$doc:meta])* $name:ident, |$held:ident, $value:ident, $held_bits:ident, $bits:ident| $join:expr,
     $to_bytes:ident, $shift:ident) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            bytes: Vec<u8>,
            /// Whole bytes written.
            at: usize,
            /// Bits that do not make a byte yet.
            held: u64,
            held_bits: u32,
        }

        impl $name {
            /// Begins a stream of `most` bytes at most.
            pub(super) fn begin(&mut self, most: usize) {
                if self.bytes.len() < most + 8 {
                    self.bytes.resize(most + 8, 0);
                }
                self.at = 0;
                self.held = 0;
                self.held_bits = 0;
            }

            /// Whole bytes written so far.
            pub(super) fn len(&self) -> usize {
                self.at
            }

            /// Writes the low `bits` bits of `value`, 56 at most; the others must be zero.
            #[inline(always)]
            pub(super) fn put(&mut self, value: u64, bits: u32) {
                let ($held, $value, $held_bits, $bits) = (self.held, value, self.held_bits, bits);
                let held: u64 = $join;
                let held_bits = self.held_bits + bits;
                self.bytes[self.at..self.at + 8].copy_from_slice(&held.$to_bytes());
                let whole = held_bits / 8;
                self.at += whole as usize;
                self.held = held.$shift(whole * 8);
                self.held_bits = held_bits % 8;
            }

            /// The stream, its last byte filled up with zeros.
            pub(super) fn finish(&mut self) -> &[u8] {
                let padding = self.held_bits.wrapping_neg() % 8;
                self.put(0, padding);
                &self.bytes[..self.at]
            }
        }
    };
}

writer! {
    /// Bits to bytes, high bit first.
    HighWriter,
    |held, value, held_bits, bits| held | value.rotate_right(held_bits + bits),
    to_be_bytes, wrapping_shl
}

writer! {
    /// Bits to bytes, low bit first.
    LowWriter,
    |held, value, held_bits, bits| { let _ = bits; held | value << held_bits },
    to_le_bytes, wrapping_shr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_seen_again_in_either_order() {
        let values: Vec<(u64, u32)> = (0..2000u64)
            .map(|i| {
                let bits = (i * 7 % 57) as u32;
                let mask = (1u64 << bits) - 1;
                (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask, bits)
            })
            .collect();
        let (mut high, mut low) = (HighWriter::default(), LowWriter::default());
        high.begin(16_000);
        low.begin(16_000);
        for &(value, bits) in &values {
            high.put(value, bits);
            low.put(value, bits);
        }
        let (mut padded_high, mut padded_low) = (Vec::new(), Vec::new());
        pad(&mut padded_high, high.finish());
        pad(&mut padded_low, low.finish());
        let (mut high, mut low) = (HighReader::new(&padded_high), LowReader::new(&padded_low));
        let mut position = 0;
        for &(value, bits) in &values {
            let seen = high.refill().checked_shr(64 - bits);
            assert_eq!(seen.unwrap_or(0), value);
            assert_eq!(low.refill() & ((1 << bits) - 1), value);
            high.skip(bits);
            low.skip(bits);
            position += bits as usize;
            assert_eq!((high.position(), low.position()), (position, position));
        }
    }

    #[test]
    fn behind_the_end_there_are_zeros() {
        let mut padded = Vec::new();
        pad(&mut padded, &[0xFF; 3]);
        let (mut high, mut low) = (HighReader::new(&padded), LowReader::new(&padded));
        for _ in 0..3 {
            assert_eq!(high.refill() >> 56, 0xFF);
            assert_eq!(low.refill() & 0xFF, 0xFF);
            high.skip(8);
            low.skip(8);
        }
        for _ in 0..40 {
            assert_eq!((high.refill(), low.refill()), (0, 0));
            high.skip(29);
            low.skip(29);
        }
    }
}
