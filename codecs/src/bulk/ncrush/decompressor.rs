use super::{
    HISTORY_BYTES, KEPT_BYTES, OffsetCache,
    tokens::{
        LENGTH_LOOK_BITS, LENGTHS_SEEN, LONG_SYMBOLS_SEEN, REPEAT_BITS, REPEATS, REPEATS_SEEN,
        SYMBOL_LOOK_BITS, SYMBOLS_SEEN, Token, kind,
    },
};
use crate::bulk::{
    BulkError, PACKET_AT_FRONT, PACKET_COMPRESSED, PACKET_FLUSHED,
    bits::{LOOK_BITS, LowReader, pad},
    matches::{COPY_SLACK_BYTES, copy_match, move_to_front},
};

/// Expands what a [`Compressor`](super::Compressor) has packed, message by message, in order.
///
/// A message expands to no more than the history has bytes, which is what is held.
#[derive(Debug)]
pub struct Decompressor {
    history: Box<[u8]>,
    cursor: usize,
    cache: OffsetCache,
    /// The message at hand with zeros behind it.
    padded: Vec<u8>,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor {
    /// A decompressor that has seen nothing yet.
    pub fn new() -> Self {
        Self {
            history: vec![0; HISTORY_BYTES + COPY_SLACK_BYTES].into(),
            cursor: 0,
            cache: OffsetCache::default(),
            padded: Vec::new(),
        }
    }

    /// Expands one message sent under `flags`; one that is not compressed is handed back.
    ///
    /// # Errors
    /// Where the data is not what a compressor writes; see [`BulkError`].
    pub fn decompress<'a>(&'a mut self, flags: u8, data: &'a [u8]) -> Result<&'a [u8], BulkError> {
        if flags & PACKET_FLUSHED != 0 {
            self.cursor = 0;
            self.cache = OffsetCache::default();
        } else if flags & PACKET_AT_FRONT != 0 {
            let kept = self.cursor.checked_sub(KEPT_BYTES);
            let kept = kept.ok_or(BulkError::HistoryUnderflow)?;
            move_to_front(&mut self.history, kept, self.cursor);
            self.cursor = KEPT_BYTES;
        }
        if flags & PACKET_COMPRESSED == 0 {
            return Ok(data);
        }
        let first = self.cursor;
        pad(&mut self.padded, data);
        self.expand(data.len() * 8)?;
        Ok(&self.history[first..self.cursor])
    }

    /// Expands the tokens of `padded`, which has `end_bit` bits, to the cursor.
    fn expand(&mut self, end_bit: usize) -> Result<(), BulkError> {
        let history = &mut self.history[..HISTORY_BYTES + COPY_SLACK_BYTES];
        let mut cursor = self.cursor;
        let mut cache = self.cache;
        let mut bits = LowReader::new(&self.padded);
        loop {
            let word = bits.refill();
            let token = symbol(word);
            if token.kind == kind::LITERAL {
                // Literals come in flocks: take all that this look shows.
                let (bytes, count, used) = literals(word, token);
                bits.skip(used);
                if bits.position() > end_bit {
                    return Err(BulkError::Truncated);
                }
                history[cursor..cursor + 8].copy_from_slice(&bytes.to_le_bytes());
                cursor += count;
                if cursor > HISTORY_BYTES {
                    return Err(BulkError::HistoryOverflow);
                }
                continue;
            }
            if token.bits == 0 {
                return Err(BulkError::ReservedToken);
            }
            let (distance, length) = if (word ^ REPEATS).trailing_zeros() >= REPEAT_BITS {
                (cache.get(0), repeats(&mut bits))
            } else {
                bits.skip(u32::from(token.bits));
                let distance = match token.kind {
                    kind::END => break,
                    kind::CACHED => cache.promote(usize::from(token.base & 3)),
                    _ => {
                        let distance = token.value(word);
                        cache.push(distance);
                        distance
                    }
                };
                let word = bits.word();
                let token = LENGTHS_SEEN[(word & ((1 << LENGTH_LOOK_BITS) - 1)) as usize];
                if token.bits == 0 {
                    return Err(BulkError::ReservedToken);
                }
                bits.skip(u32::from(token.bits));
                (distance, usize::from(token.value(word)))
            };
            if bits.position() > end_bit {
                return Err(BulkError::Truncated);
            }
            let distance = usize::from(distance);
            if distance == 0 || distance > cursor {
                return Err(BulkError::InvalidDistance(distance as u32));
            }
            if length > HISTORY_BYTES - cursor {
                return Err(BulkError::HistoryOverflow);
            }
            copy_match(history, cursor, distance, length);
            cursor += length;
        }
        if bits.position() > end_bit {
            return Err(BulkError::Truncated);
        }
        self.cache = cache;
        self.cursor = cursor;
        Ok(())
    }
}

/// The literals that `word` begins with, of which `token` is the first, lowest byte first; how many
/// they are and their bits.
#[inline(always)]
fn literals(mut word: u64, mut token: Token) -> (u64, usize, u32) {
    let (mut bytes, mut count, mut used) = (0u64, 0, 0);
    loop {
        bytes |= u64::from(token.base) << (8 * count);
        count += 1;
        used += u32::from(token.bits);
        word >>= token.bits;
        if used + SYMBOL_LOOK_BITS > LOOK_BITS {
            break;
        }
        token = SYMBOLS_SEEN[(word & ((1 << SYMBOL_LOOK_BITS) - 1)) as usize];
        if token.kind != kind::LITERAL {
            break;
        }
    }
    (bytes, count, used)
}

/// Takes repeats of two bytes, in which some compressors tell a long match, and returns its length.
fn repeats(bits: &mut LowReader) -> usize {
    let mut all = 0;
    loop {
        let seen = (bits.refill() ^ REPEATS).trailing_zeros() / REPEAT_BITS;
        let seen = seen.min(REPEATS_SEEN);
        bits.skip(seen * REPEAT_BITS);
        all += seen as usize;
        if seen < REPEATS_SEEN {
            return 2 * all;
        }
    }
}

/// The symbol that `word` begins with.
#[inline(always)]
fn symbol(word: u64) -> Token {
    const MASK: u64 = (1 << SYMBOL_LOOK_BITS) - 1;
    let token = SYMBOLS_SEEN[(word & MASK) as usize];
    if token.bits > 0 {
        token
    } else {
        LONG_SYMBOLS_SEEN[(word >> SYMBOL_LOOK_BITS) as usize & (LONG_SYMBOLS_SEEN.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tokens::{
            Code, END, LENGTH_CODES, SYMBOL_CODES, cached_symbol, distance_symbol, length_class,
        },
        *,
    };
    use crate::bulk::bits::LowWriter;

    enum Part {
        Byte(u8),
        Match(usize, usize),
        Cached(usize, usize),
        End,
    }
    use Part::*;

    fn stream(parts: &[Part]) -> Vec<u8> {
        let mut bits = LowWriter::default();
        bits.begin(1 << 16);
        let put = |bits: &mut LowWriter, code: Code, value: usize| {
            bits.put(code.code.into(), code.code_bits.into());
            let above = value as u64 - u64::from(code.base);
            bits.put(above, code.value_bits.into());
        };
        for part in parts {
            match *part {
                Byte(byte) => put(&mut bits, SYMBOL_CODES[usize::from(byte)], 0),
                End => put(&mut bits, SYMBOL_CODES[END], 0),
                Match(distance, length) => {
                    put(&mut bits, SYMBOL_CODES[distance_symbol(distance)], distance);
                    put(&mut bits, LENGTH_CODES[length_class(length)], length);
                }
                Cached(index, length) => {
                    put(&mut bits, SYMBOL_CODES[cached_symbol(index)], 0);
                    put(&mut bits, LENGTH_CODES[length_class(length)], length);
                }
            }
        }
        bits.finish().to_vec()
    }

    fn expand_one(parts: &[Part]) -> Result<Vec<u8>, BulkError> {
        let wire = stream(parts);
        let mut decompressor = Decompressor::new();
        decompressor
            .decompress(PACKET_COMPRESSED | PACKET_FLUSHED, &wire)
            .map(<[u8]>::to_vec)
    }

    #[test]
    fn a_cached_distance_changes_places_with_the_first() {
        let parts = [
            Byte(b'a'),
            Byte(b'b'),
            Byte(b'c'),
            Byte(b'd'),
            Match(4, 2),  // ab; cache 4
            Match(3, 2),  // da; cache 3 4
            Cached(1, 2), // abcdabda -4: ab; cache 4 3
            Cached(1, 2), // abcdabdaab -3: aa; cache 3 4
            Cached(0, 2), // -3: ba
            End,
        ];
        let plain = expand_one(&parts).unwrap();
        assert_eq!(
            plain.iter().map(|&b| b as char).collect::<String>(),
            "abcdabdaabaaba"
        );
    }

    #[test]
    fn a_match_that_is_told_two_bytes_at_a_time_is_as_long_as_all_of_them() {
        for count in 0..40 {
            let mut parts = vec![Byte(b'a'), Byte(b'b'), Byte(b'c'), Match(3, 2)];
            parts.extend((0..count).map(|_| Cached(0, 2)));
            let unfinished = stream(&parts[..parts.len() - usize::from(count > 0)]);
            parts.extend([Cached(0, 3), Byte(b'x'), End]);
            let mut expected: Vec<u8> =
                b"abc".iter().copied().cycle().take(8 + 2 * count).collect();
            expected.push(b'x');
            assert_eq!(expand_one(&parts).unwrap(), expected, "{count}");
            let result = Decompressor::new()
                .decompress(PACKET_COMPRESSED, &unfinished)
                .err();
            assert_eq!(result, Some(BulkError::Truncated));
        }
    }

    #[test]
    fn what_no_compressor_writes_is_refused() {
        for (parts, error) in [
            (&[Byte(1)][..], BulkError::Truncated),
            (&[], BulkError::Truncated),
            (&[Byte(1), Match(2, 2), End], BulkError::InvalidDistance(2)),
            (&[Byte(1), Cached(0, 2), End], BulkError::InvalidDistance(0)),
        ] {
            assert_eq!(expand_one(parts), Err(error));
        }
        assert_eq!(
            Decompressor::new().decompress(PACKET_COMPRESSED, &[0xff; 4]),
            Err(BulkError::ReservedToken)
        );
        let reserved = LENGTH_CODES[31];
        let mut bits = LowWriter::default();
        bits.begin(100);
        for code in [SYMBOL_CODES[0], SYMBOL_CODES[distance_symbol(1)], reserved] {
            bits.put(code.code.into(), code.code_bits.into());
        }
        let wire = bits.finish();
        let result = Decompressor::new()
            .decompress(PACKET_COMPRESSED, wire)
            .err();
        assert_eq!(result, Some(BulkError::ReservedToken));
    }

    #[test]
    fn more_than_the_history_holds_is_refused() {
        let mut parts = vec![Byte(1)];
        parts.extend((0..4).map(|_| Match(1, 16_383)));
        parts.extend([Match(1, 3), End]);
        assert_eq!(expand_one(&parts).unwrap().len(), 65_536);
        parts.insert(1, Byte(1));
        assert_eq!(expand_one(&parts), Err(BulkError::HistoryOverflow));
    }

    #[test]
    fn only_a_history_that_is_half_full_can_be_moved() {
        let mut decompressor = Decompressor::new();
        let half = stream(&[Byte(1), Match(1, 16_383), Match(1, 16_383), Byte(2), End]);
        assert_eq!(
            decompressor.decompress(PACKET_AT_FRONT, &[]).err(),
            Some(BulkError::HistoryUnderflow)
        );
        decompressor.decompress(PACKET_COMPRESSED, &half).unwrap();
        let more = stream(&[Byte(3), Match(2, 2), End]);
        let flags = PACKET_COMPRESSED | PACKET_AT_FRONT;
        assert_eq!(decompressor.decompress(flags, &more).unwrap(), [3, 2, 3]);
        assert_eq!(decompressor.decompress(flags, &more).unwrap(), [3, 3, 3]);
    }
}
