use super::tokens::{MAX_PREFIX_BITS, TOKENS};
use super::{
    COMPRESSION_TYPE_MASK, DESCRIPTOR_MULTIPART, DESCRIPTOR_SINGLE, FLAG_COMPRESSED, Form,
    RUN_COUNT_BITS,
};
use crate::bulk::{
    BulkError,
    matches::{COPY_SLACK_BYTES, copy_match},
};

/// The most that one message expands to: an uncompressed picture of 7680 by 4320 pixels fits.
pub const MAX_MESSAGE_BYTES: usize = 128 << 20;

/// Literals are taken several at a time as long as this many bits are left; below, one by one.
const BULK_BITS: usize = 64;
/// Bits that one look at the stream is sure to show, wherever in a byte it starts.
const PEEK_BITS: u32 = 57;

/// Expands what a [`Compressor`](super::Compressor) has packed, message by message, in order.
///
/// Holds about 5 MB, of which the system lends only what has been written; 24 KB in the small form.
#[derive(Debug)]
pub struct Decompressor {
    form: Form,
    /// The last `form.history_bytes` before `cursor` are the window. It begins as zeros.
    history: Vec<u8>,
    cursor: usize,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor {
    /// A decompressor that has seen nothing yet.
    pub fn new() -> Self {
        Self::with_form(Form::FULL)
    }

    /// One for the small form, which compressed data on dynamic channels uses
    /// (`[MS-RDPEDYC] 2.2.3.3`): a history, and segments, of 8,192 bytes.
    pub fn lite() -> Self {
        Self::with_form(Form::LITE)
    }

    fn with_form(form: Form) -> Self {
        Self {
            form,
            history: vec![0; form.buffer_bytes()],
            cursor: form.history_bytes,
        }
    }

    /// Expands one whole `RDP_SEGMENTED_DATA` (`[MS-RDPEGFX] 2.2.5.1`) to the end of `out`.
    ///
    /// `out` grows by no more than [`MAX_MESSAGE_BYTES`].
    ///
    /// # Errors
    /// Where the data is not what a compressor writes. `out` is then as it was, but the history
    /// is not: see [`BulkError`].
    pub fn decompress(&mut self, segmented: &[u8], out: &mut Vec<u8>) -> Result<(), BulkError> {
        let start = out.len();
        let result = self.message(segmented, out, start);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn message(
        &mut self,
        segmented: &[u8],
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), BulkError> {
        let (&descriptor, rest) = segmented.split_first().ok_or(BulkError::Truncated)?;
        match descriptor {
            DESCRIPTOR_SINGLE => self.segment(rest, out, start),
            DESCRIPTOR_MULTIPART => {
                let (count, rest) = rest.split_first_chunk().ok_or(BulkError::Truncated)?;
                let (stated, mut rest) = rest.split_first_chunk().ok_or(BulkError::Truncated)?;
                let stated = u32::from_le_bytes(*stated);
                if stated as usize > MAX_MESSAGE_BYTES {
                    return Err(BulkError::MessageTooLong(stated.into()));
                }
                for _ in 0..u16::from_le_bytes(*count) {
                    let (length, after) = rest.split_first_chunk().ok_or(BulkError::Truncated)?;
                    let length = u32::from_le_bytes(*length) as usize;
                    let (segment, after) =
                        after.split_at_checked(length).ok_or(BulkError::Truncated)?;
                    self.segment(segment, out, start)?;
                    rest = after;
                }
                let actual = (out.len() - start) as u64;
                if actual != u64::from(stated) {
                    return Err(BulkError::SizeMismatch { stated, actual });
                }
                Ok(())
            }
            other => Err(BulkError::UnknownDescriptor(other)),
        }
    }

    /// Expands one `RDP8_BULK_ENCODED_DATA` (`2.2.5.3`).
    fn segment(
        &mut self,
        segment: &[u8],
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), BulkError> {
        let (&header, data) = segment.split_first().ok_or(BulkError::Truncated)?;
        let kind = header & COMPRESSION_TYPE_MASK;
        if kind != self.form.compression_type {
            return Err(BulkError::UnsupportedCompression(kind));
        }
        let room = MAX_MESSAGE_BYTES - (out.len() - start);
        if header & FLAG_COMPRESSED == 0 {
            if data.len() > room {
                return Err(BulkError::MessageTooLong(
                    (out.len() - start + data.len()) as u64,
                ));
            }
            // Longer ones than the specification allows cost nothing here, so they pass.
            for chunk in data.chunks(self.form.segment_bytes) {
                self.make_room();
                self.history[self.cursor..self.cursor + chunk.len()].copy_from_slice(chunk);
                self.cursor += chunk.len();
            }
            out.extend_from_slice(data);
            return Ok(());
        }
        self.make_room();
        let first = self.cursor;
        let mut cursor = first;
        expand(data, self.form, &mut self.history, &mut cursor)?;
        let expanded = &self.history[first..cursor];
        if expanded.len() > room {
            return Err(BulkError::MessageTooLong(
                (out.len() - start + expanded.len()) as u64,
            ));
        }
        out.extend_from_slice(expanded);
        self.cursor = cursor;
        Ok(())
    }

    /// Moves the window to the front of the buffer where a segment might not fit behind it.
    fn make_room(&mut self) {
        if self.form.is_full(self.cursor) {
            let window = self.form.history_bytes;
            self.history
                .copy_within(self.cursor - window..self.cursor, 0);
            self.cursor = window;
        }
    }
}

/// Expands the tokens of `data`, whose last byte tells the unused bits of the one before, to
/// `history[*at..]`, which has room for a segment and the copy slack.
fn expand(data: &[u8], form: Form, history: &mut [u8], at: &mut usize) -> Result<(), BulkError> {
    let (&unused_bits, data) = data.split_last().ok_or(BulkError::Truncated)?;
    let end_bit = (data.len() * 8)
        .checked_sub(usize::from(unused_bits & 7))
        .ok_or(BulkError::Truncated)?;
    let limit = *at + form.segment_bytes;
    let buffer = &mut history[..limit + COPY_SLACK_BYTES];
    let mut cursor = *at;
    let mut bit = 0;

    while bit < end_bit {
        let word = peek(data, bit);
        let mut token = TOKENS[(word >> (64 - MAX_PREFIX_BITS)) as usize];

        if token.is_literal && end_bit - bit >= BULK_BITS && cursor + 8 <= limit {
            // Literals come in flocks: take all that this look shows.
            let mut used = 0;
            loop {
                buffer[cursor] = token.base as u8;
                cursor += 1;
                used += u32::from(token.prefix_bits);
                if used + MAX_PREFIX_BITS > PEEK_BITS || cursor >= limit {
                    break;
                }
                token = TOKENS[((word << used) >> (64 - MAX_PREFIX_BITS)) as usize];
                if !token.is_literal {
                    break;
                }
            }
            bit += used as usize;
            continue;
        }

        if token.prefix_bits == 0 {
            return Err(BulkError::ReservedToken);
        }
        if token.is_literal {
            bit += usize::from(token.prefix_bits);
            if bit > end_bit {
                return Err(BulkError::Truncated);
            }
            if cursor >= limit {
                return Err(BulkError::SegmentTooLong);
            }
            buffer[cursor] = token.base as u8;
            cursor += 1;
            continue;
        }

        let prefix_bits = u32::from(token.prefix_bits);
        let value_bits = u32::from(token.value_bits);
        let distance = token.base + ((word << prefix_bits) >> (64 - value_bits)) as u32;
        bit += (prefix_bits + value_bits) as usize;
        if distance == 0 {
            let count = (peek(data, bit) >> (64 - RUN_COUNT_BITS)) as usize;
            // The rest of the byte in which the count ends is nothing.
            let first = (bit + RUN_COUNT_BITS as usize).div_ceil(8);
            let run = data.get(first..first + count).ok_or(BulkError::Truncated)?;
            bit = (first + count) * 8;
            if count > limit - cursor {
                return Err(BulkError::SegmentTooLong);
            }
            buffer[cursor..cursor + count].copy_from_slice(run);
            cursor += count;
            continue;
        }
        if distance as usize > form.history_bytes {
            return Err(BulkError::DistanceTooLong(distance));
        }
        let (length, bits) = match_length(peek(data, bit))?;
        bit += bits as usize;
        if bit > end_bit {
            return Err(BulkError::Truncated);
        }
        if length > limit - cursor {
            return Err(BulkError::SegmentTooLong);
        }
        copy_match(buffer, cursor, distance as usize, length);
        cursor += length;
    }
    *at = cursor;
    Ok(())
}

/// The stream from `bit` on, high bit first, at least [`PEEK_BITS`] of it; zeros past the end.
#[inline]
fn peek(data: &[u8], bit: usize) -> u64 {
    let tail = data.get(bit / 8..).unwrap_or_default();
    let word = match tail.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..tail.len()].copy_from_slice(tail);
            u64::from_be_bytes(bytes)
        }
    };
    word << (bit % 8)
}

/// The length at the top of `word`, and the bits it takes: as many ones as the length has bits
/// less one, a zero, and the bits below its highest; 3 is a lone zero.
#[inline]
fn match_length(word: u64) -> Result<(usize, u32), BulkError> {
    let ones = word.leading_ones();
    match ones {
        0 => Ok((3, 1)),
        1..=14 => {
            let value_bits = ones + 1;
            let value = (word << (ones + 1)) >> (64 - value_bits);
            Ok(((1 << value_bits) + value as usize, ones + 1 + value_bits))
        }
        _ => Err(BulkError::ReservedToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand_one(bytes: &[u8]) -> Result<Vec<u8>, BulkError> {
        let mut out = Vec::new();
        Decompressor::new().decompress(bytes, &mut out)?;
        Ok(out)
    }

    /// Packs a string of `0` and `1` into a single compressed segment.
    fn single(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|b| *b != b' ').collect();
        let mut bytes = vec![
            DESCRIPTOR_SINGLE,
            FLAG_COMPRESSED | Form::FULL.compression_type,
        ];
        for chunk in bits.chunks(8) {
            let byte = chunk.iter().fold(0u8, |byte, b| byte << 1 | (b - b'0'));
            bytes.push(byte << (8 - chunk.len()));
        }
        bytes.push(((8 - bits.len() % 8) % 8) as u8);
        bytes
    }

    #[test]
    fn the_bit_stream_of_the_specification_is_ten_times_0x49() {
        // [MS-RDPEGFX] 3.1.9.1.2.5
        assert_eq!(
            expand_one(&single("0 01001001 10001 00001 110 001")).unwrap(),
            [0x49; 10]
        );
    }

    #[test]
    fn an_unencoded_run_starts_and_ends_on_a_byte() {
        let mut bytes = single("0 01001001 10001 00000 000000000000011 000000");
        let trailer = bytes.pop().unwrap();
        assert_eq!(trailer, 0);
        bytes.extend([1, 2, 3]);
        // A literal zero in five bits follows the run.
        bytes.extend([0b1100_0000, 3]);
        assert_eq!(expand_one(&bytes).unwrap(), [0x49, 1, 2, 3, 0]);
    }

    #[test]
    fn a_match_into_bytes_never_written_reads_zeros() {
        assert_eq!(expand_one(&single("10010 0000000 0")).unwrap(), [0; 3]);
    }

    #[test]
    fn a_match_further_back_than_the_window_is_refused() {
        let far = format!("10111101 {:021b} 0", 2_500_001 - 2_414_240);
        assert_eq!(
            expand_one(&single(&far)),
            Err(BulkError::DistanceTooLong(2_500_001))
        );
        let farthest = format!("10111101 {:021b} 0", 2_500_000 - 2_414_240);
        assert_eq!(expand_one(&single(&farthest)).unwrap(), [0; 3]);
    }

    #[test]
    fn a_segment_of_more_than_65535_bytes_is_refused() {
        let longest = format!("10001 00001 111111111111110 {:015b}", 65_535 - 32_768);
        assert_eq!(expand_one(&single(&longest)).unwrap().len(), 65_535);
        for more in ["11000", "10001 00001 0"] {
            assert_eq!(
                expand_one(&single(&format!("{longest} {more}"))),
                Err(BulkError::SegmentTooLong)
            );
        }
        let many = format!("{longest} {}", "11000 ".repeat(40));
        assert_eq!(
            expand_one(&single(&many)),
            Err(BulkError::SegmentTooLong),
            "literals taken in bulk are counted too"
        );
    }

    #[test]
    fn a_token_that_the_trailer_cuts_is_refused() {
        let mut bytes = single("0 01001001");
        *bytes.last_mut().unwrap() = 7 + 1;
        assert_eq!(expand_one(&bytes), Err(BulkError::Truncated));
        assert_eq!(expand_one(&[0xE0, 0x24]), Err(BulkError::Truncated));
        assert_eq!(expand_one(&[0xE0, 0x24, 1]), Err(BulkError::Truncated));
    }

    #[test]
    fn reserved_sequences_are_refused() {
        for bits in ["10000 0000", "1011111 00", "10001 00001 111111111111111 0"] {
            assert_eq!(expand_one(&single(bits)), Err(BulkError::ReservedToken));
        }
    }

    #[test]
    fn headers_are_checked_before_anything_is_expanded() {
        assert_eq!(expand_one(&[]), Err(BulkError::Truncated));
        assert_eq!(
            expand_one(&[0xE2, 4]),
            Err(BulkError::UnknownDescriptor(0xE2))
        );
        assert_eq!(
            expand_one(&[0xE0, 3]),
            Err(BulkError::UnsupportedCompression(3))
        );
        assert_eq!(
            expand_one(&[0xE1, 1, 0, 0, 0, 0, 0x10]),
            Err(BulkError::MessageTooLong(0x1000_0000))
        );
        assert_eq!(
            expand_one(&[0xE1, 1, 0, 5, 0, 0, 0, 2, 0, 0, 0, 4, 9]),
            Err(BulkError::SizeMismatch {
                stated: 5,
                actual: 1
            })
        );
    }

    #[test]
    fn an_error_leaves_the_output_as_it_was() {
        let mut out = vec![1, 2, 3];
        let result = Decompressor::new()
            .decompress(&[0xE1, 2, 0, 5, 0, 0, 0, 2, 0, 0, 0, 4, 9, 1], &mut out);
        assert_eq!(result, Err(BulkError::Truncated));
        assert_eq!(out, [1, 2, 3]);
    }

    #[test]
    fn the_small_form_expands_the_example_of_its_specification() {
        // [MS-RDPEDYC] 4.3.3
        let wire = [0xE0, 0x26, 0x38, 0xC4, 0x3F, 0xF4, 0x74, 0x01];
        let mut out = Vec::new();
        Decompressor::lite().decompress(&wire, &mut out).unwrap();
        assert_eq!(out, [0x71; 1595]);
        assert_eq!(
            Decompressor::new().decompress(&wire, &mut out),
            Err(BulkError::UnsupportedCompression(6))
        );
    }

    #[test]
    fn a_match_finds_bytes_from_before_the_window_moved() {
        let mut decompressor = Decompressor::new();
        let mut out = Vec::new();
        let mut message = vec![0xE0, 4];
        message.extend((0..60_000u32).map(|i| (i / 7) as u8 ^ (i as u8)));
        for round in 0..100 {
            out.clear();
            decompressor.decompress(&message, &mut out).unwrap();
            assert_eq!(out, message[2..]);
            // Twice the message back, plus what the matches of earlier rounds have added.
            let back = 60_000 - 100;
            out.clear();
            let token = format!("1011100 {:018b} 111110 {:06b}", back - 54_944, 100 - 64);
            decompressor.decompress(&single(&token), &mut out).unwrap();
            assert_eq!(out, message[2 + 100..2 + 200], "round {round}");
        }
    }
}
