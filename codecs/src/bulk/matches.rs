//! Matches: copying them, finding them. Shared by the compressors of this module.

/// Bytes past the cursor that a copy may overwrite: short ones move whole blocks.
pub(super) const COPY_SLACK_BYTES: usize = 32;

/// What a short match copies at once.
const BLOCK_BYTES: usize = 16;
/// Beyond this a fill or a copy that doubles is quicker than blocks.
const MOST_PATTERN_BYTES: usize = 256;

/// Copies `length` bytes from `distance` before `cursor` to `cursor`; where the two overlap, what
/// was just written is read again. May scribble over [`COPY_SLACK_BYTES`] past the end.
///
/// # Panics
/// Where `distance` is 0 or more than `cursor`, or the slack is not there.
#[inline(always)]
pub(super) fn copy_match(buffer: &mut [u8], cursor: usize, distance: usize, length: usize) {
    let source = cursor - distance;
    if length <= distance.min(BLOCK_BYTES) {
        // Most matches are short, and a call to memmove costs more than they do.
        let bytes = block_at(buffer, source);
        buffer[cursor..][..BLOCK_BYTES].copy_from_slice(&bytes);
    } else if distance >= BLOCK_BYTES && length <= 2 * BLOCK_BYTES {
        for block in [0, BLOCK_BYTES] {
            let bytes = block_at(buffer, source + block);
            buffer[cursor + block..][..BLOCK_BYTES].copy_from_slice(&bytes);
        }
    } else if distance < BLOCK_BYTES && length <= MOST_PATTERN_BYTES {
        repeat_pattern(buffer, cursor, distance, length);
    } else {
        copy_exactly(buffer, cursor, distance, length);
    }
}

#[inline(always)]
fn block_at(buffer: &[u8], at: usize) -> [u8; BLOCK_BYTES] {
    let mut bytes = [0; BLOCK_BYTES];
    bytes.copy_from_slice(&buffer[at..][..BLOCK_BYTES]);
    bytes
}

/// For a match that repeats a few bytes: a block is filled with them in a register, since to read
/// what was just written stalls.
fn repeat_pattern(buffer: &mut [u8], cursor: usize, distance: usize, length: usize) {
    let bits = 8 * distance as u32;
    let mut pattern = u128::from_le_bytes(block_at(buffer, cursor - distance));
    pattern &= (1 << bits) - 1;
    let mut filled = bits;
    while filled < u128::BITS {
        pattern |= pattern << filled;
        filled *= 2;
    }
    let bytes = pattern.to_le_bytes();
    // As many bytes as whole repetitions have.
    let step = BLOCK_BYTES - BLOCK_BYTES % distance;
    for at in (cursor..cursor + length).step_by(step) {
        buffer[at..][..BLOCK_BYTES].copy_from_slice(&bytes);
    }
}

/// The same without a scribble, for histories in which old bytes behind the cursor still count,
/// and for all that is not short.
pub(super) fn copy_exactly(buffer: &mut [u8], cursor: usize, distance: usize, length: usize) {
    let source = cursor - distance;
    if distance == 1 {
        let byte = buffer[source];
        buffer[cursor..cursor + length].fill(byte);
        return;
    }
    // What has been written doubles what can be copied without overlap.
    let mut done = 0;
    while done < length {
        let step = (distance + done).min(length - done);
        buffer.copy_within(source..source + step, cursor + done);
        done += step;
    }
}

/// Moves `from..to` of `buffer` to its front.
///
/// By small blocks: where the distance is a little less than some pages, as for histories that move
/// by half, the wide loads of `memmove` look as if they read what was just stored, and it takes
/// some processors fifteen times as long.
pub(super) fn move_to_front(buffer: &mut [u8], from: usize, to: usize) {
    const BLOCK_BYTES: usize = 64;
    let blocks_end = (to - from) / BLOCK_BYTES * BLOCK_BYTES;
    for at in (0..blocks_end).step_by(BLOCK_BYTES) {
        let mut bytes = [0; BLOCK_BYTES];
        bytes.copy_from_slice(&buffer[from + at..][..BLOCK_BYTES]);
        buffer[at..][..BLOCK_BYTES].copy_from_slice(&bytes);
    }
    buffer.copy_within(from + blocks_end..to, blocks_end);
}

/// How many bytes `a` and `b` begin with alike.
#[inline]
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut length = 0;
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        let a = u64::from_le_bytes(a.try_into().expect("eight bytes"));
        let b = u64::from_le_bytes(b.try_into().expect("eight bytes"));
        if a != b {
            return length + ((a ^ b).trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let (a, b) = (&a[length..], &b[length..]);
    length + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Places of a history of 64 KiB at most, by the three bytes that stand there.
#[derive(Debug)]
pub(super) struct Places {
    /// The newest alone. A place is only a hint: what stands there is compared.
    buckets: Box<[u16]>,
}

impl Places {
    const BUCKET_BITS: u32 = 14;
    /// Bytes that are hashed, and so the shortest match that is found.
    pub(super) const HASH_BYTES: usize = 3;

    pub(super) fn new() -> Self {
        Self {
            buckets: vec![0; 1 << Self::BUCKET_BITS].into(),
        }
    }

    /// The place known for `word`, the four bytes at `at` of which three count; remembers `at`.
    #[inline(always)]
    pub(super) fn swap(&mut self, word: u32, at: usize) -> usize {
        let hash = (word << 8).wrapping_mul(0x9E37_79B1) >> (32 - Self::BUCKET_BITS);
        // A history has 64 KiB at most.
        usize::from(std::mem::replace(
            &mut self.buckets[hash as usize],
            at as u16,
        ))
    }

    /// The history was moved towards its front: what stood at `shift` now stands at 0.
    pub(super) fn rebase(&mut self, shift: usize) {
        for place in &mut self.buckets {
            *place = place.saturating_sub(shift as u16);
        }
    }
}

/// The four bytes at `at`.
#[inline(always)]
pub(super) fn word_at(history: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&history[at..at + 4]);
    u32::from_le_bytes(bytes)
}

/// The eight bytes at `at`.
#[inline(always)]
pub(super) fn long_word_at(history: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&history[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_repeats_what_it_overlaps_whatever_its_length() {
        for distance in 1..70 {
            for length in (1..100).chain([255, 256, 257, 300]) {
                let mut buffer: Vec<u8> = (0..500).map(|i| (i * 7) as u8).collect();
                let mut expected = buffer.clone();
                for i in 0..length {
                    expected[100 + i] = expected[100 + i - distance];
                }
                let mut exact = buffer.clone();
                copy_match(&mut buffer, 100, distance, length);
                assert_eq!(buffer[..100 + length], expected[..100 + length]);
                assert_eq!(buffer[100 + length + 32..], expected[100 + length + 32..]);
                copy_exactly(&mut exact, 100, distance, length);
                assert_eq!(exact, expected);
            }
        }
    }

    #[test]
    fn what_moves_to_the_front_moves_whole_and_nothing_else_does() {
        for (from, to) in [(1, 1), (1, 300), (7, 64), (64, 500), (130, 261), (400, 500)] {
            let mut buffer: Vec<u8> = (0..500).map(|i| (i * 7) as u8).collect();
            let mut expected = buffer.clone();
            expected.copy_within(from..to, 0);
            move_to_front(&mut buffer, from, to);
            assert_eq!(buffer, expected);
        }
    }

    #[test]
    fn a_common_prefix_ends_at_the_first_difference() {
        let a: Vec<u8> = (0..40).collect();
        for at in 0..40 {
            let mut b = a.clone();
            b[at] ^= 0x80;
            assert_eq!(common_prefix(&a, &b), at);
        }
        assert_eq!(common_prefix(&a, &a[..17]), 17);
    }
}
