use super::Form;
use crate::bulk::{
    BulkError, PACKET_AT_FRONT, PACKET_COMPRESSED, PACKET_FLUSHED,
    bits::{PEEK_BITS, pad, peek_high},
    matches::{COPY_SLACK_BYTES, copy_match},
};

/// Fewer bits than this are no token, but what fills up the last byte.
const MIN_TOKEN_BITS: usize = 8;
/// The longest literal.
const MAX_LITERAL_BITS: u32 = 9;

/// Expands what a [`Compressor`](super::Compressor) has packed, message by message, in order.
///
/// A message expands to no more than the history has bytes; twice that is held.
#[derive(Debug)]
pub struct Decompressor {
    form: Form,
    /// What has been written since the cursor was last at the front.
    history: Box<[u8]>,
    /// The whole history as it was when the cursor went to the front the last time. A distance
    /// beyond the front means the rest of it: short copies scribble in `history`, not here.
    before: Box<[u8]>,
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
            history: vec![0; bytes + COPY_SLACK_BYTES].into(),
            before: vec![0; bytes].into(),
            cursor: 0,
            padded: Vec::new(),
        }
    }

    /// Expands one message sent under `flags`; one that is not compressed is handed back.
    ///
    /// # Errors
    /// Where the data is not what a compressor writes; see [`BulkError`].
    pub fn decompress<'a>(&'a mut self, flags: u8, data: &'a [u8]) -> Result<&'a [u8], BulkError> {
        if flags & PACKET_FLUSHED != 0 {
            self.before.fill(0);
            self.cursor = 0;
        } else if flags & PACKET_AT_FRONT != 0 {
            self.before[..self.cursor].copy_from_slice(&self.history[..self.cursor]);
            self.cursor = 0;
        }
        if flags & PACKET_COMPRESSED == 0 {
            return Ok(data);
        }
        let first = self.cursor;
        pad(&mut self.padded, data);
        self.expand(data.len() * 8)?;
        Ok(&self.history[first..self.cursor])
    }

    /// Expands the tokens of `padded` up to `end_bit` to the cursor.
    fn expand(&mut self, end_bit: usize) -> Result<(), BulkError> {
        let form = self.form;
        let (classes, most_ones) = (form.classes(), form.most_distance_ones());
        let size = form.history_bytes();
        let history = &mut self.history[..size + COPY_SLACK_BYTES];
        let mut cursor = self.cursor;
        let mut bit = 0;
        while bit + MIN_TOKEN_BITS <= end_bit {
            let word = peek_high(&self.padded, bit);
            if word >> 62 != 0b11 {
                let is_near_end = end_bit - bit < 64;
                let (bytes, count, bits) = literals(word, is_near_end);
                bit += bits as usize;
                if bit > end_bit {
                    return Err(BulkError::Truncated);
                }
                history[cursor..cursor + 8].copy_from_slice(&bytes.to_le_bytes());
                cursor += count;
                if cursor > size {
                    return Err(BulkError::HistoryOverflow);
                }
                continue;
            }
            let ones = word.leading_ones().min(most_ones);
            let class = &classes[(ones - 2) as usize & 3];
            let rest = word << class.prefix_bits;
            let distance = class.base as usize + (rest >> (64 - class.value_bits)) as usize;
            let (length, length_bits) =
                match_length(rest << class.value_bits, form.most_length_ones())?;
            bit += (class.prefix_bits + class.value_bits + length_bits) as usize;
            if bit > end_bit {
                return Err(BulkError::Truncated);
            }
            if length > size - cursor {
                return Err(BulkError::HistoryOverflow);
            }
            if distance == 0 || distance > size {
                return Err(BulkError::InvalidDistance(distance as u32));
            }
            if distance <= cursor {
                copy_match(history, cursor, distance, length);
            } else {
                let mut source = size + cursor - distance;
                for at in cursor..cursor + length {
                    // The source runs ahead of the cursor until it starts over at the front.
                    history[at] = if source >= at {
                        self.before[source]
                    } else {
                        history[source]
                    };
                    source = if source + 1 == size { 0 } else { source + 1 };
                }
            }
            cursor += length;
        }
        self.cursor = cursor;
        Ok(())
    }
}

/// The literals that `word` begins with, lowest byte first, how many they are and their bits:
/// all that a look shows, one alone with `is_single`. There is at least one.
#[inline(always)]
fn literals(mut word: u64, is_single: bool) -> (u64, usize, u32) {
    let (mut bytes, mut count, mut used) = (0, 0, 0);
    loop {
        let is_high = word >> 63;
        let byte = (word >> (56 - is_high)) & 0x7f | is_high << 7;
        bytes |= byte << (8 * count);
        count += 1;
        used += 8 + is_high as u32;
        word <<= 8 + is_high;
        if is_single || used + MAX_LITERAL_BITS > PEEK_BITS || word >> 62 == 0b11 {
            return (bytes, count, used);
        }
    }
}

/// The length at the top of `word`, and the bits it takes: as many ones as the length has bits
/// less one, a zero, and the bits below its highest; 3 is a lone zero.
#[inline(always)]
fn match_length(word: u64, most_ones: u32) -> Result<(usize, u32), BulkError> {
    let ones = word.leading_ones();
    if ones == 0 {
        return Ok((3, 1));
    }
    if ones > most_ones {
        return Err(BulkError::ReservedToken);
    }
    let value_bits = ones + 1;
    let value = (word << (ones + 1)) >> (64 - value_bits);
    Ok(((1 << value_bits) + value as usize, ones + 1 + value_bits))
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
    fn zeros_that_fill_up_the_last_byte_are_no_literal() {
        assert_eq!(expand_one(Form::K64, "101111111").unwrap(), [0xFF]);
    }
}
