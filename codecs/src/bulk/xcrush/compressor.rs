use super::{
    COMPRESSION_TYPE, HEADER_BYTES, HISTORY_BYTES, L1_COMPRESSED, L1_INNER_COMPRESSION,
    L1_NO_COMPRESSION, L1_PACKET_AT_FRONT, MATCH_BYTES,
};
use crate::bulk::{PACKET_COMPRESSED, PACKET_FLUSHED, matches::common_prefix, mppc};
use crate::simd::dispatch;

/// Bytes at the end of the history that stay unused, as other compressors leave them.
const MARGIN_BYTES: usize = 8;
/// Places that are looked at together.
const BLOCK: usize = 64;
/// Bytes that are hashed.
const HASH_BYTES: usize = 8;
/// Shorter matches cost more than they save, as the second compressor has its own for what is near.
const MIN_MATCH_BYTES: usize = 32;
/// What repeats at a distance of less is the second compressor's, whose matches may overlap what
/// they are copied to.
const NEAR_BYTES: usize = 1024;
/// Slots of the table, as a power of two.
const SLOT_BITS: u32 = 17;
/// Bits of a slot that tell the place; those above tell more of the hash.
const PLACE_BITS: u32 = 21;

/// Packs messages for a [`Decompressor`](super::Decompressor) that sees all of them, in order.
///
/// Holds 2.5 MB, of which the system lends only what has been written.
#[derive(Debug)]
pub struct Compressor {
    inner: mppc::Compressor,
    history: Vec<u8>,
    cursor: usize,
    /// Places by the hash of what stands there.
    slots: Box<[u32]>,
    /// The first compressor's output.
    listed: Vec<u8>,
    /// Nothing was sent yet: the peer's history is still to be made one with this one.
    is_new: bool,
}

#[derive(Clone, Copy, Debug)]
struct Match {
    start: usize,
    source: usize,
    length: usize,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// Most bytes of a message that can be packed; longer ones go as they are
    /// (`[MS-RDPEGDI] 3.1.8.2.1`).
    pub const MAX_MESSAGE_BYTES: usize = 16_382;

    /// A compressor that has seen nothing yet.
    pub fn new() -> Self {
        Self {
            inner: mppc::Compressor::new(mppc::Form::K64),
            // Blocks are looked at to their end.
            history: vec![0; HISTORY_BYTES + BLOCK],
            cursor: 0,
            slots: vec![0; 1 << SLOT_BITS].into(),
            listed: Vec::new(),
            is_new: true,
        }
    }

    /// Appends `data` to `out`, packed where that makes it smaller, and returns the flags that it
    /// must be sent under; 0 where it went as it is.
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> u8 {
        if data.len() <= HEADER_BYTES || data.len() > Self::MAX_MESSAGE_BYTES {
            out.extend_from_slice(data);
            return 0;
        }
        let is_at_front = self.is_new || self.cursor + data.len() > HISTORY_BYTES - MARGIN_BYTES;
        let first = if is_at_front { 0 } else { self.cursor };
        let end = first + data.len();
        self.history[first..end].copy_from_slice(data);
        let has_matches = self.list_matches(first, end);
        let listed = if has_matches { &self.listed } else { data };

        let mut outer_flags = if has_matches {
            L1_COMPRESSED | L1_INNER_COMPRESSION
        } else {
            L1_NO_COMPRESSION | L1_INNER_COMPRESSION
        };
        if is_at_front {
            outer_flags |= L1_PACKET_AT_FRONT;
        }
        let is_smaller = match self.inner.pack(listed) {
            Some((inner_flags, packed)) if packed.len() + HEADER_BYTES < data.len() => {
                out.extend([outer_flags, inner_flags]);
                out.extend_from_slice(packed);
                true
            }
            Some((inner_flags, _)) => {
                self.inner.forget(inner_flags, listed.len());
                false
            }
            None if listed.len() + HEADER_BYTES < data.len() => {
                out.extend([outer_flags, 0]);
                out.extend_from_slice(listed);
                true
            }
            None => false,
        };
        if !is_smaller {
            // Nothing is sent that touches the peer's histories. What went to the front here did
            // not go there, so that the next message must go to the front again.
            if is_at_front {
                self.cursor = HISTORY_BYTES;
            }
            out.extend_from_slice(data);
            return 0;
        }
        self.cursor = end;
        let mut flags = PACKET_COMPRESSED | COMPRESSION_TYPE;
        if std::mem::take(&mut self.is_new) {
            flags |= PACKET_FLUSHED;
        }
        flags
    }

    /// Fills `listed` with the matches of `history[first..end]` and the bytes between them; false
    /// where there are no matches.
    fn list_matches(&mut self, first: usize, end: usize) -> bool {
        self.listed.clear();
        self.listed.extend([0; 2]);
        let mut matches: u16 = 0;
        let mut pending = first;
        let mut at = first;
        while at + HASH_BYTES <= end {
            let places = (end - HASH_BYTES + 1 - at).min(BLOCK);
            let mut anchors = anchors_of(&self.history[at..]);
            // The last ones have too little behind them.
            anchors &= u64::MAX >> (BLOCK - places);
            while anchors != 0 {
                let anchor = at + anchors.trailing_zeros() as usize;
                anchors &= anchors - 1;
                if anchor < pending {
                    continue;
                }
                let Some(found) = self.find(anchor, pending, end) else {
                    continue;
                };
                // A message is shorter than 64 KiB, and so are its places and matches.
                self.listed.extend((found.length as u16).to_le_bytes());
                self.listed
                    .extend(((found.start - first) as u16).to_le_bytes());
                self.listed.extend((found.source as u32).to_le_bytes());
                matches += 1;
                pending = found.start + found.length;
            }
            at = (at + places).max(pending);
        }
        if matches == 0 {
            return false;
        }
        // The literals: what lies between the matches listed above.
        let mut done = first;
        for index in 0..usize::from(matches) {
            let entry = 2 + index * MATCH_BYTES;
            let field =
                |at: usize| usize::from(u16::from_le_bytes([self.listed[at], self.listed[at + 1]]));
            let (length, start) = (field(entry), first + field(entry + 2));
            self.listed.extend_from_slice(&self.history[done..start]);
            done = start + length;
        }
        self.listed.extend_from_slice(&self.history[done..end]);
        self.listed[..2].copy_from_slice(&matches.to_le_bytes());
        true
    }

    /// The match known for `at`, grown backwards as far as `pending`, if it is long enough.
    /// Remembers the place. Those inside a match are remembered from before.
    #[inline(always)]
    fn find(&mut self, at: usize, pending: usize, end: usize) -> Option<Match> {
        let history = &*self.history;
        let hash = hash(&history[at..at + HASH_BYTES]);
        let slot = (hash >> (64 - SLOT_BITS)) as usize;
        let tag = (hash << SLOT_BITS >> 32) as u32 >> PLACE_BITS << PLACE_BITS;
        let known = std::mem::replace(&mut self.slots[slot], at as u32 | tag);
        let place = (known & ((1 << PLACE_BITS) - 1)) as usize;
        // Nothing that is near, nor from before the history began anew.
        if known >> PLACE_BITS != tag >> PLACE_BITS || place + NEAR_BYTES > at {
            return None;
        }
        let most = (end - at).min(at - place);
        let forward = common_prefix(&history[place..place + most], &history[at..at + most]);
        let mut back = 0;
        while at - back > pending
            && place > back
            && forward + back < at - place
            && history[at - back - 1] == history[place - back - 1]
        {
            back += 1;
        }
        let length = forward + back;
        (forward >= HASH_BYTES && length >= MIN_MATCH_BYTES).then_some(Match {
            start: at - back,
            source: place - back,
            length,
        })
    }
}

/// Which of the first [`BLOCK`] places are remembered, and looked up: one in sixteen, and the same
/// ones wherever a piece of data stands. The first place is the lowest bit.
///
/// Whether a byte is one is hard to foretell, so that a branch on each would cost more than all
/// the rest; and four bytes are enough to tell, which vector instructions do for many at once.
fn anchors_of(history: &[u8]) -> u64 {
    // Moves the lowest bit of each byte to the topmost byte, that of the lowest byte lowest.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let bytes: &[u8; BLOCK + 3] = history.first_chunk().expect("the history goes on");
    dispatch(
        #[inline(always)]
        || {
            let mut pairs = [0; BLOCK + 2];
            for (at, pair) in pairs.iter_mut().enumerate() {
                *pair = u16::from(bytes[at]) | u16::from(bytes[at + 1]) << 8;
            }
            let mut is_anchor = [0; BLOCK];
            for (at, is_anchor) in is_anchor.iter_mut().enumerate() {
                let hash = pairs[at].wrapping_mul(0x9E37);
                let hash = hash.wrapping_add(pairs[at + 2].wrapping_mul(0x79B9));
                *is_anchor = u8::from(hash < 1 << 12);
            }
            let words = is_anchor.as_chunks().0.iter().rev();
            words.fold(0, |bits, bytes| {
                bits << 8 | u64::from_le_bytes(*bytes).wrapping_mul(GATHER) >> 56
            })
        },
    )
}

/// Of [`HASH_BYTES`] bytes. Its high bits are mixed best.
#[inline(always)]
fn hash(bytes: &[u8]) -> u64 {
    let mut word = [0; HASH_BYTES];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::{super::Decompressor, *};

    fn noise(seed: u32, bytes: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 7) as u8
        };
        (0..bytes).map(|_| next()).collect()
    }

    #[test]
    fn a_message_from_a_megabyte_ago_is_a_match() {
        let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
        for round in 0..2 {
            for seed in 1..60 {
                // Mostly noise, with something that makes it worth packing.
                let mut message = noise(seed, 12_000);
                message.extend([0; 3000]);
                let mut wire = Vec::new();
                let flags = compressor.compress(&message, &mut wire);
                assert_eq!(decompressor.decompress(flags, &wire).unwrap(), message);
                if round > 0 {
                    assert!(wire.len() < 40, "{} bytes", wire.len());
                }
            }
        }
    }

    #[test]
    fn a_history_that_is_full_begins_anew() {
        let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
        let mut fronts = 0;
        for seed in 1..400 {
            let mut message = noise(seed, 12_000);
            message.extend([0; 3000]);
            for message in [&message[..], &noise(seed, 900)] {
                let mut wire = Vec::new();
                let flags = compressor.compress(message, &mut wire);
                assert!(wire.len() <= message.len());
                fronts += u32::from(flags != 0 && wire[0] & L1_PACKET_AT_FRONT != 0);
                assert_eq!(decompressor.decompress(flags, &wire).unwrap(), message);
            }
        }
        assert_eq!(fronts, 1 + 400 * 15_000 / HISTORY_BYTES as u32);
    }
}
