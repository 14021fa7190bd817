use super::{
    Form,
    tokens::{DISTANCES_8K, DISTANCES_64K, any_length, short_length, short_length_bits},
};
use crate::bulk::{
    BulkError, PACKET_AT_FRONT, PACKET_COMPRESSED, PACKET_FLUSHED,
    bits::{HighReader, pad},
    matches::{COPY_SLACK_BYTES, copy_match},
};
use crate::simd::dispatch;

/// Fewer bits than this are no token, but what fills up the last byte.
const MIN_TOKEN_BITS: usize = 8;

/// Expands what a [`Compressor`](super::Compressor) has packed, message by message, in order.
///
/// A message expands to no more than the history has bytes; twice that is held.
#[derive(Debug)]
pub struct Decompressor {
    form: Form,
    /// The whole history as it was when the cursor went to the front the last time, and what has
    /// been written since: a distance beyond the front means the rest of the history, and so
    /// reaches it. Short copies scribble behind the cursor, where nothing counts.
    history: Box<[u8]>,
    /// Never before the second half.
    cursor: usize,
    /// The message at hand with zeros behind it.
    padded: Vec<u8>,
}

impl Decompressor {
    /// A decompressor that has seen nothing yet.
    pub fn new(form: Form) -> Self {
        let bytes = form.history_bytes();
        Self {
            form,
            history: vec![0; 2 * bytes + COPY_SLACK_BYTES].into(),
            cursor: bytes,
            padded: Vec::new(),
        }
    }

    /// Expands one message sent under `flags`; one that is not compressed is handed back.
    ///
    /// # Errors
    /// Where the data is not what a compressor writes; see [`BulkError`].
    pub fn decompress<'a>(&'a mut self, flags: u8, data: &'a [u8]) -> Result<&'a [u8], BulkError> {
        let front = self.form.history_bytes();
        if flags & PACKET_FLUSHED != 0 {
            self.history[..front].fill(0);
            self.cursor = front;
        } else if flags & PACKET_AT_FRONT != 0 {
            let (before, since) = self.history.split_at_mut(front);
            let bytes = self.cursor - front;
            before[..bytes].copy_from_slice(&since[..bytes]);
            self.cursor = front;
        }
        if flags & PACKET_COMPRESSED == 0 {
            return Ok(data);
        }
        let first = self.cursor;
        pad(&mut self.padded, data);
        let end_bit = data.len() * 8;
        // With BMI it has fewer instructions.
        dispatch(
            #[inline(always)]
            || match self.form {
                Form::K8 => self.expand(Form::K8, end_bit),
                Form::K64 => self.expand(Form::K64, end_bit),
            },
        )?;
        Ok(&self.history[first..self.cursor])
    }

    /// Expands the tokens of `padded` up to `end_bit` to the cursor.
    #[inline(always)]
    fn expand(&mut self, form: Form, end_bit: usize) -> Result<(), BulkError> {
        let size = form.history_bytes();
        let end = 2 * size;
        let distances = match form {
            Form::K8 => &DISTANCES_8K,
            Form::K64 => &DISTANCES_64K,
        };
        let history = &mut self.history[..end + COPY_SLACK_BYTES];
        let mut cursor = self.cursor;
        let mut bits = HighReader::new(&self.padded);
        while bits.position() + MIN_TOKEN_BITS <= end_bit {
            let word = bits.refill();
            // Whether a literal goes before a match nobody foretells: the same steps either way.
            let is_literal = word >> 62 != 0b11;
            let is_high = word >> 63;
            history[cursor] = ((word >> (56 - is_high)) & 0x7f | is_high << 7) as u8;
            cursor += usize::from(is_literal);
            bits.skip(if is_literal { 8 | is_high as u32 } else { 0 });
            let word = bits.word();
            if word >> 62 != 0b11 || bits.position() + MIN_TOKEN_BITS > end_bit {
                // More literals, or the end.
                if bits.position() + 64 <= end_bit {
                    let (bytes, count, used) = literals(word);
                    bits.skip(used);
                    history[cursor..cursor + 8].copy_from_slice(&bytes.to_le_bytes());
                    cursor += count;
                } else if bits.position() > end_bit {
                    return Err(BulkError::Truncated);
                }
                if cursor > end {
                    return Err(BulkError::HistoryOverflow);
                }
                continue;
            }
            bits.skip(distances.bits(word));
            let distance = distances.value(word);
            let word = bits.word();
            bits.skip(short_length_bits(word));
            let mut length = short_length(word);
            if length == 0 {
                let (long, length_bits) = any_length(bits.refill(), form.most_length_ones())?;
                bits.skip(length_bits);
                length = long;
            }
            if bits.position() > end_bit {
                return Err(BulkError::Truncated);
            }
            if cursor + length > end {
                return Err(BulkError::HistoryOverflow);
            }
            if distance == 0 || distance > size {
                return Err(BulkError::InvalidDistance(distance as u32));
            }
            copy_match(history, cursor, distance, length);
            cursor += length;
        }
        self.cursor = cursor;
        Ok(())
    }
}

/// The literals that `word` begins with, three at most, lowest byte first; how many they are and
/// their bits. As nobody foretells how many there are, it does the same for fewer.
#[inline(always)]
fn literals(mut word: u64) -> (u64, usize, u32) {
    let (mut bytes, mut count, mut used) = (0, 0, 0);
    for at in 0..3 {
        let is_high = word >> 63;
        let byte = (word >> (56 - is_high)) & 0x7f | is_high << 7;
        bytes |= byte << (8 * at);
        // Once this is no literal, no other follows.
        let is_literal = u64::from(word >> 62 != 0b11);
        let bits = (8 | is_high) & is_literal.wrapping_neg();
        count += is_literal as usize;
        used += bits as u32;
        word <<= bits;
    }
    (bytes, count, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u8 = PACKET_COMPRESSED | PACKET_AT_FRONT;

    /// Packs a string of `0` and `1`.
    fn stream(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|b| *b != b' ').collect();
        bits.chunks(8)
            .map(|chunk| {
                let byte = chunk.iter().fold(0u8, |byte, b| byte << 1 | (b - b'0'));
                byte << (8 - chunk.len())
            })
            .collect()
    }

    fn expand_one(form: Form, bits: &str) -> Result<Vec<u8>, BulkError> {
        let wire = stream(bits);
        let mut decompressor = Decompressor::new(form);
        decompressor.decompress(FIRST, &wire).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_codes_of_the_specification_mean_what_it_says() {
        // [MS-RDPBCGR] 3.1.8.4.1.1 and 3.1.8.2: literals, and Xcd<2,4>YZ.
        assert_eq!(
            expand_one(Form::K8, "01010110 101100111").unwrap(),
            [0x56, 0xE7]
        );
        let xyz = "01011000 01100011 01100100 1111000010 1000 01011001 01011010";
        assert_eq!(expand_one(Form::K8, xyz).unwrap(), b"XcdcdcdYZ");
        let xyz = "01011000 01100011 01100100 11111000010 1000 01011001 01011010";
        assert_eq!(expand_one(Form::K64, xyz).unwrap(), b"XcdcdcdYZ");
    }

    #[test]
    fn a_distance_beyond_the_front_means_the_rest_of_the_history() {
        for form in [Form::K8, Form::K64] {
            let mut decompressor = Decompressor::new(form);
            let size = form.history_bytes();
            for at in 0..size {
                let byte = stream(&format!("{:08b}", at * 7 / 5 % 128));
                decompressor.decompress(PACKET_COMPRESSED, &byte).unwrap();
            }
            // Twenty literals at the front, then 40 bytes from ten before the end on: they run
            // over the end into what was just written.
            let far = match form {
                Form::K8 => "1111 011110",
                Form::K64 => "11111 011110",
            };
            let wire = stream(&format!("{}{far} 11110 01000", "0111111 0".repeat(20)));
            let plain = decompressor.decompress(FIRST, &wire).unwrap();
            let mut expected = vec![126; 20];
            expected.extend((size - 10..size).map(|at| (at * 7 / 5 % 128) as u8));
            expected.extend([126; 20]);
            expected.extend((size - 10..size).map(|at| (at * 7 / 5 % 128) as u8));
            assert_eq!(plain, expected, "{form:?}");
        }
    }

    #[test]
    fn a_flush_makes_the_history_zeros() {
        let mut decompressor = Decompressor::new(Form::K64);
        decompressor
            .decompress(FIRST, &stream(&"01111111".repeat(100)))
            .unwrap();
        decompressor
            .decompress(PACKET_FLUSHED, b"as it is")
            .unwrap();
        let wire = stream("11111 000101 110 000");
        assert_eq!(
            decompressor.decompress(PACKET_COMPRESSED, &wire).unwrap(),
            [0; 8]
        );
    }

    #[test]
    fn what_no_compressor_writes_is_refused() {
        for form in [Form::K8, Form::K64] {
            let zero = match form {
                Form::K8 => "1111 000000 0 000",
                Form::K64 => "11111 000000 0 00",
            };
            assert_eq!(
                expand_one(form, zero),
                Err(BulkError::InvalidDistance(0)),
                "{form:?}"
            );
            assert_eq!(
                expand_one(form, "01111111 110 000"),
                Err(BulkError::Truncated)
            );
            assert_eq!(expand_one(form, "10111111"), Err(BulkError::Truncated));
        }
        let ones = "1".repeat(12);
        assert_eq!(
            expand_one(Form::K8, &format!("1111 000001 {ones} 0 0000000000000")),
            Err(BulkError::ReservedToken)
        );
        assert_eq!(
            expand_one(Form::K8, "110 1111111111111 0"),
            Err(BulkError::InvalidDistance(8191 + 320))
        );
    }

    #[test]
    fn more_than_the_history_holds_is_refused() {
        let full = "01111111".repeat(8192);
        assert_eq!(expand_one(Form::K8, &full).unwrap().len(), 8192);
        assert_eq!(
            expand_one(Form::K8, &format!("{full} 01111111")),
            Err(BulkError::HistoryOverflow)
        );
        let match_of_8191 = format!(
            "01111111 1111 000001 {}0 {}",
            "1".repeat(11),
            "1".repeat(12)
        );
        assert_eq!(expand_one(Form::K8, &match_of_8191).unwrap().len(), 8192);
        assert_eq!(
            expand_one(Form::K8, &format!("01111111 {match_of_8191}")),
            Err(BulkError::HistoryOverflow)
        );
    }

    #[test]
    fn what_fills_up_the_last_byte_is_no_token() {
        assert_eq!(expand_one(Form::K64, "101111111").unwrap(), [0xFF]);
        let ones = "101111111 1111111";
        assert_eq!(expand_one(Form::K64, ones).unwrap(), [0xFF]);
    }

    #[test]
    fn literals_before_a_match_are_all_taken_however_many_they_are() {
        for form in [Form::K8, Form::K64] {
            let near = match form {
                Form::K8 => "1111 000001 0",
                Form::K64 => "11111 000001 0",
            };
            for count in 0..20 {
                let run: String = (0..count)
                    .map(|i| ["01111111", "100000001"][i % 2])
                    .collect();
                let wire = format!("00000001 {near} {run} {near}").repeat(3);
                let mut expected = vec![1; 4];
                expected.extend((0..count).map(|i| [0x7F, 0x81][i % 2]));
                let last = expected[expected.len() - 1];
                expected.extend([last; 3]);
                assert_eq!(expand_one(form, &wire).unwrap(), expected.repeat(3));
            }
        }
    }
}
