use super::{
    HEADER_BYTES, HISTORY_BYTES, L1_COMPRESSED, L1_INNER_COMPRESSION, L1_PACKET_AT_FRONT,
    MATCH_BYTES,
};
use crate::bulk::{BulkError, PACKET_COMPRESSED, PACKET_FLUSHED, matches::copy_exactly, mppc};

/// Expands what a [`Compressor`](super::Compressor) has packed, message by message, in order.
///
/// A message expands to no more than the history has bytes. Holds 2.2 MB, of which the system lends
/// only what has been written.
#[derive(Debug)]
pub struct Decompressor {
    inner: mppc::Decompressor,
    /// Bytes behind the cursor are those of before it last went to the front: other compressors
    /// than ours still refer to them.
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
        Self {
            inner: mppc::Decompressor::new(mppc::Form::K64),
            history: vec![0; HISTORY_BYTES],
            cursor: 0,
        }
    }

    /// Expands one message sent under `flags`; one that is not compressed is handed back.
    ///
    /// # Errors
    /// Where the data is not what a compressor writes; see [`BulkError`].
    pub fn decompress<'a>(&'a mut self, flags: u8, data: &'a [u8]) -> Result<&'a [u8], BulkError> {
        if flags & PACKET_FLUSHED != 0 {
            self.history.fill(0);
            self.cursor = 0;
        }
        if flags & PACKET_COMPRESSED == 0 {
            return Ok(data);
        }
        let (&[outer_flags, inner_flags], rest) = data
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(BulkError::Truncated)?;
        let listed = if outer_flags & L1_INNER_COMPRESSION != 0 {
            self.inner.decompress(inner_flags, rest)?
        } else {
            rest
        };
        // [MS-RDPEGDI] 3.1.8.2.2.2: "a simple reset of the history offset".
        let first = if outer_flags & L1_PACKET_AT_FRONT != 0 {
            0
        } else {
            self.cursor
        };
        let is_compressed = outer_flags & L1_COMPRESSED != 0;
        let length = expand(&mut self.history, first, listed, is_compressed)?;
        self.cursor = first + length;
        Ok(&self.history[first..self.cursor])
    }
}

/// Puts the message together at `first`, and returns its length.
fn expand(
    history: &mut [u8],
    first: usize,
    listed: &[u8],
    has_matches: bool,
) -> Result<usize, BulkError> {
    let (matches, mut literals) = if has_matches {
        let (count, rest) = listed.split_first_chunk().ok_or(BulkError::Truncated)?;
        let bytes = usize::from(u16::from_le_bytes(*count)) * MATCH_BYTES;
        rest.split_at_checked(bytes).ok_or(BulkError::Truncated)?
    } else {
        (&[][..], listed)
    };
    let mut cursor = first;
    for entry in matches.chunks_exact(MATCH_BYTES) {
        let length = usize::from(u16::from_le_bytes([entry[0], entry[1]]));
        let place = usize::from(u16::from_le_bytes([entry[2], entry[3]]));
        let source = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let run = place.checked_sub(cursor - first);
        let run = run.ok_or(BulkError::MatchOutOfOrder)?;
        let (plain, rest) = literals.split_at_checked(run).ok_or(BulkError::Truncated)?;
        literals = rest;
        cursor = append(history, cursor, plain)?;
        let from = source as usize;
        if from
            .checked_add(length)
            .is_none_or(|end| end > history.len())
        {
            return Err(BulkError::InvalidDistance(source));
        }
        if length > history.len() - cursor {
            return Err(BulkError::HistoryOverflow);
        }
        if from < cursor {
            copy_exactly(history, cursor, cursor - from, length);
        } else {
            history.copy_within(from..from + length, cursor);
        }
        cursor += length;
    }
    cursor = append(history, cursor, literals)?;
    Ok(cursor - first)
}

fn append(history: &mut [u8], cursor: usize, bytes: &[u8]) -> Result<usize, BulkError> {
    let end = cursor + bytes.len();
    let place = history.get_mut(cursor..end);
    place
        .ok_or(BulkError::HistoryOverflow)?
        .copy_from_slice(bytes);
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::{super::L1_NO_COMPRESSION, *};

    fn matches(entries: &[(u16, u16, u32)], literals: &[u8]) -> Vec<u8> {
        let mut wire = vec![L1_COMPRESSED, 0];
        wire.extend((entries.len() as u16).to_le_bytes());
        for &(length, place, source) in entries {
            wire.extend(length.to_le_bytes());
            wire.extend(place.to_le_bytes());
            wire.extend(source.to_le_bytes());
        }
        wire.extend(literals);
        wire
    }

    fn expand_one(wire: &[u8]) -> Result<Vec<u8>, BulkError> {
        let mut decompressor = Decompressor::new();
        let plain = decompressor.decompress(PACKET_COMPRESSED, wire)?;
        Ok(plain.to_vec())
    }

    #[test]
    fn the_example_of_the_specification_expands_to_what_it_says() {
        // [MS-RDPEGDI] 3.1.8.2.3.1
        let mut decompressor = Decompressor::new();
        let plain = decompressor
            .decompress(PACKET_COMPRESSED, b"\x16\x80abcdefghij")
            .unwrap();
        assert_eq!(plain, b"abcdefghij");
        let wire = matches(&[(9, 5, 3), (4, 14, 0)], b"klmnou");
        let plain = decompressor.decompress(PACKET_COMPRESSED, &wire).unwrap();
        assert_eq!(plain, b"klmnodefghijklabcdu");
    }

    #[test]
    fn bytes_from_before_the_front_stay_within_reach() {
        let mut decompressor = Decompressor::new();
        let old = b"\x02\x00the old history";
        decompressor.decompress(PACKET_COMPRESSED, old).unwrap();
        let mut wire = matches(&[(7, 2, 8)], b"a ");
        wire[0] |= L1_PACKET_AT_FRONT;
        let plain = decompressor.decompress(PACKET_COMPRESSED, &wire).unwrap();
        assert_eq!(plain, b"a history");
    }

    #[test]
    fn what_no_compressor_writes_is_refused() {
        for (wire, error) in [
            (vec![], BulkError::Truncated),
            (vec![L1_NO_COMPRESSION], BulkError::Truncated),
            (vec![L1_COMPRESSED, 0, 1], BulkError::Truncated),
            (vec![L1_COMPRESSED, 0, 1, 0, 9], BulkError::Truncated),
            (matches(&[(3, 2, 0)], b"a"), BulkError::Truncated),
            (
                matches(&[(3, 2, 0), (3, 4, 0)], b"ab"),
                BulkError::MatchOutOfOrder,
            ),
            (
                matches(&[(3, 0, 1_999_998)], b""),
                BulkError::InvalidDistance(1_999_998),
            ),
            (
                matches(&[(3, 0, u32::MAX)], b""),
                BulkError::InvalidDistance(u32::MAX),
            ),
        ] {
            assert_eq!(expand_one(&wire), Err(error), "{wire:02x?}");
        }
    }

    #[test]
    fn more_than_the_history_holds_is_refused() {
        let long: Vec<_> = (0..30)
            .map(|i: u16| (65_535, i.wrapping_mul(65_535), 0))
            .collect();
        // Places have 16 bits, so that no message is longer than twice as much.
        assert_eq!(
            expand_one(&matches(&long, b"")),
            Err(BulkError::MatchOutOfOrder)
        );
        let mut decompressor = Decompressor::new();
        let wire = matches(&[(65_535, 0, 0)], b"");
        for _ in 0..30 {
            decompressor.decompress(PACKET_COMPRESSED, &wire).unwrap();
        }
        assert_eq!(
            decompressor.decompress(PACKET_COMPRESSED, &wire),
            Err(BulkError::HistoryOverflow)
        );
    }
}
