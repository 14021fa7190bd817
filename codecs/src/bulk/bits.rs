//! Bits of compressed streams: looks at them that show a whole token, and writers of words.
//!
//! Readers look into a copy of the data behind which [`PADDING_BYTES`] zeros stand, so that a look
//! needs no question whether the end is near; whoever looks compares the place afterwards.

/// Zeros behind the data of a [`peek_high`] or [`peek_low`].
pub(super) const PADDING_BYTES: usize = 8;
/// Bits that a look is sure to show, wherever in a byte it starts.
pub(super) const PEEK_BITS: u32 = 57;

/// Fills `padded` with `data` and the zeros behind it.
pub(super) fn pad(padded: &mut Vec<u8>, data: &[u8]) {
    padded.clear();
    padded.reserve(data.len() + PADDING_BYTES);
    padded.extend_from_slice(data);
    padded.extend_from_slice(&[0; PADDING_BYTES]);
}

fn word_at(padded: &[u8], bit: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    if let Some(tail) = padded.get(bit / 8..bit / 8 + 8) {
        bytes.copy_from_slice(tail);
    }
    bytes
}

/// The stream from `bit` on, high bit first, at the top of a word.
#[inline(always)]
pub(super) fn peek_high(padded: &[u8], bit: usize) -> u64 {
    u64::from_be_bytes(word_at(padded, bit)) << (bit % 8)
}

/// The stream from `bit` on, low bit first, at the bottom of a word.
#[inline(always)]
pub(super) fn peek_low(padded: &[u8], bit: usize) -> u64 {
    u64::from_le_bytes(word_at(padded, bit)) >> (bit % 8)
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
                self.held = held.$shift(whole * 8).unwrap_or(0);
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
    |held, value, held_bits, bits| held | value.checked_shl(64 - held_bits - bits).unwrap_or(0),
    to_be_bytes, checked_shl
}

writer! {
    /// Bits to bytes, low bit first.
    LowWriter,
    |held, value, held_bits, bits| { let _ = bits; held | value << held_bits },
    to_le_bytes, checked_shr
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
        let mut bit = 0;
        for &(value, bits) in &values {
            let seen = peek_high(&padded_high, bit).checked_shr(64 - bits);
            assert_eq!(seen.unwrap_or(0), value);
            assert_eq!(peek_low(&padded_low, bit) & ((1 << bits) - 1), value);
            bit += bits as usize;
        }
    }
}
