use super::{
    COMPRESSION_TYPE, HISTORY_BYTES, KEPT_BYTES, OffsetCache,
    tokens::{
        Code, END, LENGTH_CODES, MIN_LENGTH, SYMBOL_CODES, cached_symbol, distance_symbol,
        length_class,
    },
};
use crate::bulk::{
    PACKET_AT_FRONT, PACKET_COMPRESSED, PACKET_FLUSHED,
    bits::LowWriter,
    matches::{Places, common_prefix, move_to_front, word_at},
};

/// Bytes at the end of the history that stay unused, as other compressors leave them.
const MARGIN_BYTES: usize = 8;
/// Longest match.
const MAX_LENGTH: usize = 16_385;
/// A match this long is taken without looking at another place.
const GOOD_MATCH_BYTES: usize = 64;
/// Within a match, places past this many are remembered at every [`SPARSE_STEP`]th byte only.
const DENSE_INSERT_BYTES: usize = 16;
const SPARSE_STEP: usize = 8;
/// Bytes without a match after which every second, then every third byte is looked at, and so on.
const PATIENCE_SHIFT: u32 = 6;
/// However long nothing has matched.
const MAX_STEP: usize = 16;
/// Distances from this one on cost more than three literals do.
const FAR: usize = 8 << 10;

/// What the peer must be told with the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// That the history begins.
    Flush,
    /// That the second half of the history went to its front, which has happened here.
    Slide,
}

/// Packs messages for a [`Decompressor`](super::Decompressor) that sees all of them, in order.
///
/// Greedy matches through a table of hashes; holds the history and 32 KB.
#[derive(Debug)]
pub struct Compressor {
    history: Box<[u8]>,
    cursor: usize,
    cache: OffsetCache,
    places: Places,
    bits: LowWriter,
    pending: Pending,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// Most bytes of a message that can be packed; longer ones go as they are.
    pub const MAX_MESSAGE_BYTES: usize = KEPT_BYTES - MARGIN_BYTES;

    /// A compressor that has seen nothing yet.
    pub fn new() -> Self {
        Self {
            // Words are read, not bytes.
            history: vec![0; HISTORY_BYTES + 8].into(),
            cursor: 0,
            cache: OffsetCache::default(),
            places: Places::new(),
            bits: LowWriter::default(),
            pending: Pending::Flush,
        }
    }

    /// Appends `data` to `out`, packed where that makes it smaller, and returns the flags that it
    /// must be sent under; 0 where it went as it is.
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> u8 {
        if data.is_empty() || data.len() > Self::MAX_MESSAGE_BYTES {
            out.extend_from_slice(data);
            return 0;
        }
        if self.cursor + data.len() > HISTORY_BYTES - MARGIN_BYTES {
            let kept = self.cursor - KEPT_BYTES;
            move_to_front(&mut self.history, kept, self.cursor);
            self.places.rebase(kept);
            self.cursor = KEPT_BYTES;
            self.pending = Pending::Slide;
        }
        let first = self.cursor;
        let end = first + data.len();
        self.history[first..end].copy_from_slice(data);
        let cache = self.cache;
        if !self.write_tokens(first, end) {
            // The peer's history and its distances have not changed.
            self.cache = cache;
            out.extend_from_slice(data);
            return 0;
        }
        out.extend_from_slice(self.bits.finish());
        self.cursor = end;
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        let news = match pending {
            Pending::Nothing => 0,
            Pending::Flush => PACKET_FLUSHED,
            Pending::Slide => PACKET_AT_FRONT,
        };
        PACKET_COMPRESSED | COMPRESSION_TYPE | news
    }

    /// Writes the tokens of `history[first..end]`; false where they would be no smaller.
    fn write_tokens(&mut self, first: usize, end: usize) -> bool {
        let most_bytes = end - first;
        // A literal has 13 bits at most, the end too. No match has more than 17 a byte.
        self.bits.begin(most_bytes * 17 / 8 + 8);
        let mut pending = first;
        let mut at = first;
        let mut misses = 0;
        while at + Places::HASH_BYTES <= end {
            let Some((distance, length)) = self.find(at, end) else {
                misses += 1;
                at += (1 + (misses >> PATIENCE_SHIFT)).min(MAX_STEP);
                continue;
            };
            misses = 0;
            literals(&mut self.bits, &self.history[pending..at]);
            self.put_match(distance, length);
            let after = at + length;
            self.insert_between(at + 1, after.min(end - Places::HASH_BYTES));
            at = after;
            pending = after;
            if self.bits.len() >= most_bytes {
                return false;
            }
        }
        literals(&mut self.bits, &self.history[pending..end]);
        put(&mut self.bits, SYMBOL_CODES[END], 0);
        self.bits.finish().len() < most_bytes
    }

    /// The best match known for `at`: its distance and its length. Remembers the place.
    #[inline(always)]
    fn find(&mut self, at: usize, end: usize) -> Option<(usize, usize)> {
        let history = &*self.history;
        let end = end.min(at + MAX_LENGTH);
        let word = word_at(history, at);
        let newest = self.places.swap(word, at);
        let last = usize::from(self.cache.get(0));
        let mut best = (0, Places::HASH_BYTES - 1);
        // The distance used last costs least.
        for place in [at.wrapping_sub(last), newest] {
            if place >= at || (word_at(history, place) ^ word) << 8 != 0 {
                continue;
            }
            let length = Places::HASH_BYTES
                + common_prefix(
                    &history[place + Places::HASH_BYTES..end],
                    &history[at + Places::HASH_BYTES..end],
                );
            if length > best.1 && (length > Places::HASH_BYTES || at - place < FAR) {
                best = (at - place, length);
                if length >= GOOD_MATCH_BYTES {
                    break;
                }
            }
        }
        (best.1 >= Places::HASH_BYTES).then_some(best)
    }

    /// Remembers the places inside a match, the far ones of a long one sparsely.
    fn insert_between(&mut self, first: usize, end: usize) {
        let dense_end = end.min(first + DENSE_INSERT_BYTES);
        for at in (first..dense_end).chain((dense_end..end).step_by(SPARSE_STEP)) {
            self.places.swap(word_at(&self.history, at), at);
        }
    }

    #[inline(always)]
    fn put_match(&mut self, distance: usize, length: usize) {
        debug_assert!(length >= MIN_LENGTH);
        let known = (0..4).find(|&index| usize::from(self.cache.get(index)) == distance);
        match known {
            Some(index) => {
                self.cache.promote(index);
                put(&mut self.bits, SYMBOL_CODES[cached_symbol(index)], 0);
            }
            None => {
                // The history has 64 KiB, and a distance is less.
                self.cache.push(distance as u16);
                put(
                    &mut self.bits,
                    SYMBOL_CODES[distance_symbol(distance)],
                    distance,
                );
            }
        }
        put(&mut self.bits, LENGTH_CODES[length_class(length)], length);
    }
}

#[inline(always)]
fn put(bits: &mut LowWriter, code: Code, value: usize) {
    let above = if code.value_bits == 0 {
        0
    } else {
        value as u64 - u64::from(code.base)
    };
    let code_bits = u32::from(code.code_bits);
    bits.put(
        u64::from(code.code) | above << code_bits,
        code_bits + u32::from(code.value_bits),
    );
}

#[inline(always)]
fn literals(bits: &mut LowWriter, bytes: &[u8]) {
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        let (mut codes, mut codes_bits) = (0, 0);
        for &byte in chunk {
            let code = &SYMBOL_CODES[usize::from(byte)];
            codes |= u64::from(code.code) << codes_bits;
            codes_bits += u32::from(code.code_bits);
        }
        bits.put(codes, codes_bits);
    }
    for &byte in chunks.remainder() {
        put(bits, SYMBOL_CODES[usize::from(byte)], 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Decompressor, *};

    #[test]
    fn a_message_that_does_not_shrink_leaves_both_histories_as_they_were() {
        let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
        let noise: Vec<u8> = (0..2000u32)
            .map(|i| (i.wrapping_mul(0x9E37_79B1) >> 23) as u8 | 0x80)
            .collect();
        let text = b"one and another and one more and another one".repeat(9);
        for round in 0..900 {
            for message in [&text[round % 50..], &noise] {
                let mut wire = Vec::new();
                let flags = compressor.compress(message, &mut wire);
                assert!(wire.len() <= message.len());
                assert_eq!(decompressor.decompress(flags, &wire).unwrap(), message);
            }
        }
    }

    #[test]
    fn the_first_packed_message_begins_the_history_and_a_full_one_moves_it() {
        let mut compressor = Compressor::new();
        let mut flags = Vec::new();
        for _ in 0..4 {
            flags.push(compressor.compress(&[7; 20_000], &mut Vec::new()));
        }
        assert_eq!(flags, [0xA2, 0x22, 0x22, 0x62]);
    }
}
