use std::ops::Range;

use super::Form;
use crate::bulk::{
    PACKET_AT_FRONT, PACKET_COMPRESSED, PACKET_FLUSHED,
    bits::HighWriter,
    matches::{Places, common_prefix, long_word_at, word_at},
};

/// Bytes at the end of the history that stay unused, as other compressors leave them.
const MARGIN_BYTES: usize = 4;
/// Of the places within a match these are remembered: the ones up to this many bytes behind the
/// first look,
const DENSE_INSERT_BYTES: usize = 4;
/// and from here on in the match every [`SPARSE_STEP`]th.
const SPARSE_INSERT_START: usize = 7;
const SPARSE_STEP: usize = 8;
/// Bytes of two places that are compared at once.
const LOOK_BYTES: usize = 8;
/// Bytes without a match after which every second, then every third byte is looked at, and so on.
const PATIENCE_SHIFT: u32 = 5;
/// However long nothing has matched.
const MAX_STEP: usize = 16;

/// Packs messages for a [`Decompressor`](super::Decompressor) that sees all of them, in order.
///
/// Greedy matches through a table of hashes; holds the history and 32 KB.
#[derive(Debug)]
pub struct Compressor {
    form: Form,
    history: Box<[u8]>,
    cursor: usize,
    places: Places,
    bits: HighWriter,
    /// Nothing was sent yet: the peer's history is still to be made one with this one.
    is_new: bool,
}

impl Compressor {
    /// A compressor that has seen nothing yet.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            // Words are read, not bytes.
            history: vec![0; form.history_bytes() + 8].into(),
            cursor: 0,
            places: Places::new(),
            bits: HighWriter::default(),
            is_new: true,
        }
    }

    /// Most bytes of a message that can be packed; longer ones go as they are.
    pub const fn max_message_bytes(form: Form) -> usize {
        form.history_bytes() - MARGIN_BYTES
    }

    /// Appends `data` to `out`, packed where that makes it smaller, and returns the flags that it
    /// must be sent under; 0 where it went as it is.
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> u8 {
        match self.pack(data) {
            Some((flags, packed)) => {
                out.extend_from_slice(packed);
                flags
            }
            None => {
                out.extend_from_slice(data);
                0
            }
        }
    }

    /// The packed form of `data` and its flags; `None`, and nothing has changed for the peer, where
    /// it would be no smaller.
    pub(in crate::bulk) fn pack(&mut self, data: &[u8]) -> Option<(u8, &[u8])> {
        let most = Self::max_message_bytes(self.form);
        if data.is_empty() || data.len() > most {
            return None;
        }
        let mut flags = PACKET_COMPRESSED | self.form.compression_type();
        if self.is_new {
            flags |= PACKET_AT_FRONT | PACKET_FLUSHED;
            self.cursor = 0;
        } else if self.cursor + data.len() > most {
            flags |= PACKET_AT_FRONT;
            self.cursor = 0;
        }
        let first = self.cursor;
        self.history[first..first + data.len()].copy_from_slice(data);
        if !self.write_tokens(first, first + data.len()) {
            // The peer's history has not changed. What went to the front here did not go there,
            // so that the next message must go to the front again.
            if flags & PACKET_AT_FRONT != 0 {
                self.cursor = most;
            }
            return None;
        }
        self.cursor += data.len();
        self.is_new = false;
        Some((flags, self.bits.finish()))
    }

    /// The message that was packed last is not sent: the peer's history stays as it is.
    pub(in crate::bulk) fn forget(&mut self, flags: u8, message_bytes: usize) {
        self.is_new = flags & PACKET_FLUSHED != 0;
        if flags & PACKET_AT_FRONT != 0 {
            self.cursor = Self::max_message_bytes(self.form);
        } else {
            self.cursor -= message_bytes;
        }
    }

    /// Writes the tokens of `history[first..end]`; false where they would be no smaller.
    fn write_tokens(&mut self, first: usize, end: usize) -> bool {
        let most_bytes = end - first;
        // A literal has nine bits at most. A match has no more bits than its literals.
        self.bits.begin(most_bytes * 9 / 8 + 8);
        // A local one stays in registers.
        let mut bits = std::mem::take(&mut self.bits);
        let mut at = first;
        let mut misses = 0;
        while at + 1 + Places::HASH_BYTES <= end {
            // Whether a literal goes before a match nobody foretells: the same steps either way.
            let (here, next) = (self.find(at, end), self.find(at + 1, end));
            if here.1.max(next.1) < Places::HASH_BYTES {
                misses += 2;
                let step = (2 + (misses >> PATIENCE_SHIFT)).min(MAX_STEP).min(end - at);
                literals(&mut bits, &self.history, at..at + step);
                at += step;
                continue;
            }
            misses = 0;
            // All ones or none, by which the compiler makes no branch of it.
            let is_here = usize::from(here.1 >= Places::HASH_BYTES).wrapping_neg();
            let (code, code_bits) = literal(self.history[at]);
            bits.put(code & !is_here as u64, code_bits & !is_here as u32);
            let place = here.0 & is_here | next.0 & !is_here;
            let mut length = here.1 & is_here | next.1 & !is_here;
            let first_look = at;
            at += !is_here & 1;
            if length == LOOK_BYTES {
                let (a, b) = (place + LOOK_BYTES, at + LOOK_BYTES);
                length += common_prefix(&self.history[a..end], &self.history[b..end]);
            }
            self.put_match(&mut bits, at - place, length);
            let after = at + length;
            self.insert_within(first_look, at, after);
            at = after;
            if bits.len() >= most_bytes {
                self.bits = bits;
                return false;
            }
        }
        literals(&mut bits, &self.history, at..end);
        let is_smaller = bits.finish().len() < most_bytes;
        self.bits = bits;
        is_smaller
    }

    /// The place known for `at`, and how many of the first [`LOOK_BYTES`] there are the same.
    /// Remembers the place.
    #[inline(always)]
    fn find(&mut self, at: usize, end: usize) -> (usize, usize) {
        let history = &*self.history;
        let word = long_word_at(history, at);
        let place = self.places.swap(word as u32, at);
        let differing = long_word_at(history, place) ^ word;
        let alike = differing.trailing_zeros() as usize / 8;
        let most = if place < at { end - at } else { 0 };
        (place, alike.min(most))
    }

    /// Remembers places within the match from `at` to `after`, of which the one behind
    /// `first_look` is known.
    #[inline(always)]
    fn insert_within(&mut self, first_look: usize, at: usize, after: usize) {
        // How long a short match is nobody foretells: as many places whatever it is.
        for ahead in 2..=DENSE_INSERT_BYTES {
            let at = (first_look + ahead).min(after - 1);
            self.places.swap(word_at(&self.history, at), at);
        }
        for at in (at + SPARSE_INSERT_START..after).step_by(SPARSE_STEP) {
            self.places.swap(word_at(&self.history, at), at);
        }
    }

    #[inline(always)]
    fn put_match(&self, bits: &mut HighWriter, distance: usize, length: usize) {
        let classes = self.form.classes();
        let nearer = |class: usize| usize::from(distance < classes[class].base as usize);
        let class = &classes[nearer(0) + nearer(1) + nearer(2)];
        let offset = distance as u64 - u64::from(class.base);
        let offset = u64::from(class.prefix) << class.value_bits | offset;
        let (code, code_bits) = match SHORT_LENGTHS.get(length) {
            Some(&(code, bits)) => (u64::from(code), u32::from(bits)),
            None => length_code(length),
        };
        // Both have 50 bits at most.
        let offset_bits = class.prefix_bits + class.value_bits;
        bits.put(offset << code_bits | code, offset_bits + code_bits);
    }
}

/// A length's code and its bits: one less than its bits as ones, a zero, the bits below its
/// highest; a zero for three.
const fn length_code(length: usize) -> (u64, u32) {
    if length == 3 {
        return (0, 1);
    }
    let value_bits = length.ilog2();
    let ones = (1u64 << value_bits) - 2;
    let below = length as u64 & ((1 << value_bits) - 1);
    (ones << value_bits | below, 2 * value_bits)
}

/// Codes of lengths and their bits.
static SHORT_LENGTHS: [(u16, u8); 64] = {
    let mut codes = [(0, 0); 64];
    let mut length = Places::HASH_BYTES;
    while length < codes.len() {
        let (code, bits) = length_code(length);
        codes[length] = (code as u16, bits as u8);
        length += 1;
    }
    codes
};

#[inline(always)]
fn literals(bits: &mut HighWriter, history: &[u8], mut range: Range<usize>) {
    /// As many as a word of the writer takes, were all of nine bits.
    const MOST: usize = 6;
    while !range.is_empty() {
        let count = range.len().min(MOST);
        let mut word = [0; 8];
        word.copy_from_slice(&history[range.start..range.start + 8]);
        let coded = u64::from_be_bytes(word) >> (64 - 8 * count);
        if coded & u64::from_be_bytes([0x80; 8]) == 0 {
            // Low literals, such as text has, are coded as they are.
            bits.put(coded, 8 * count as u32);
        } else {
            let (mut code, mut code_bits) = (0, 0);
            for &byte in &word[..count] {
                let (byte, byte_bits) = literal(byte);
                code = code << byte_bits | byte;
                code_bits += byte_bits;
            }
            bits.put(code, code_bits);
        }
        range.start += count;
    }
}

/// A literal's code and its bits.
#[inline(always)]
fn literal(byte: u8) -> (u64, u32) {
    let is_high = byte >> 7;
    let code = u64::from(byte) + (u64::from(is_high) << 7);
    (code, 8 + u32::from(is_high))
}

#[cfg(test)]
mod tests {
    use super::{super::Decompressor, *};

    #[test]
    fn a_message_that_does_not_shrink_leaves_both_histories_as_they_were() {
        for form in [Form::K8, Form::K64] {
            let (mut compressor, mut decompressor) =
                (Compressor::new(form), Decompressor::new(form));
            let noise: Vec<u8> = (0..2000u32)
                .map(|i| (i.wrapping_mul(0x9E37_79B1) >> 23) as u8 | 0x80)
                .collect();
            let text = b"one and another and one more and another one".repeat(9);
            for round in 0..300 {
                for message in [&text[round % 50..], &noise] {
                    let mut wire = Vec::new();
                    let flags = compressor.compress(message, &mut wire);
                    assert!(wire.len() <= message.len());
                    assert_eq!(decompressor.decompress(flags, &wire).unwrap(), message);
                }
            }
        }
    }

    #[test]
    fn the_first_packed_message_begins_the_history() {
        let mut compressor = Compressor::new(Form::K64);
        let mut out = Vec::new();
        assert_eq!(compressor.compress(b"nothing twice", &mut out), 0);
        assert_eq!(out, b"nothing twice");
        assert_eq!(compressor.compress(&[7; 100], &mut out), 0xE1);
        assert_eq!(compressor.compress(&[7; 100], &mut out), 0x21);
    }
}
