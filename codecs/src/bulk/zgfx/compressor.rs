use super::tokens::{DISTANCES, DistanceClass, LITERALS};
use super::{DESCRIPTOR_MULTIPART, DESCRIPTOR_SINGLE, FLAG_COMPRESSED, Form, RUN_COUNT_BITS};

/// Buckets of the match table, as a power of two.
const BUCKET_BITS: u32 = 15;
/// Places remembered for each hash, newest first.
const BUCKET_WAYS: usize = 4;
/// Bytes that are hashed, and so the shortest match that is found. Those of three bytes, which
/// the format allows, hardly ever pay.
const HASH_BYTES: usize = 4;
/// A match this long is taken without looking for a longer one.
const GOOD_MATCH_BYTES: usize = 256;
/// Within a match, places past this many are remembered at every [`SPARSE_STEP`]th byte only.
const DENSE_INSERT_BYTES: usize = 32;
const SPARSE_STEP: usize = 8;
/// Bytes without a match after which every second, then every third byte is looked at, and so on:
/// video and other things compressed already should cost little.
const PATIENCE_SHIFT: u32 = 6;
/// However long nothing has matched.
const MAX_STEP: usize = 32;
/// What an unencoded run costs beside its bytes, at most: token, count and the rest of a byte.
const RUN_OVERHEAD_BITS: usize = 5 + 5 + RUN_COUNT_BITS as usize + 7;
const MAX_RUN_BYTES: usize = (1 << RUN_COUNT_BITS) - 1;

/// Appends `data` to `out` as one `RDP_SEGMENTED_DATA` (`[MS-RDPEGFX] 2.2.5.1`) of segments that are
/// not compressed. It may stand between messages of a [`Compressor`] only where that one has not
/// begun: the receiver's history takes these bytes too.
///
/// # Panics
/// If `data` is longer than the format can tell: 65,535 segments, about 4 GB.
pub fn store(data: &[u8], out: &mut Vec<u8>) {
    write_segments(data, Form::FULL, out, |segment, out| {
        out.push(Form::FULL.compression_type);
        out.extend_from_slice(segment);
    });
}

/// Appends the descriptor and what `write` makes of each segment.
fn write_segments(
    data: &[u8],
    form: Form,
    out: &mut Vec<u8>,
    mut write: impl FnMut(&[u8], &mut Vec<u8>),
) {
    let most = form.segment_bytes;
    if data.len() <= most {
        out.push(DESCRIPTOR_SINGLE);
        write(data, out);
        return;
    }
    let count = u16::try_from(data.len().div_ceil(most)).expect("65,535 segments at most");
    out.push(DESCRIPTOR_MULTIPART);
    out.extend(count.to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    for segment in data.chunks(most) {
        let length_at = out.len();
        out.extend([0; 4]);
        write(segment, out);
        let length = (out.len() - length_at - 4) as u32;
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// Packs messages for a [`Decompressor`](super::Decompressor) that sees all of them, in order.
///
/// Greedy matches through a table of hashes; holds about 5.5 MB, of which the system lends only
/// what has been written; 0.5 MB in the small form.
#[derive(Debug)]
pub struct Compressor {
    form: Form,
    /// The last `form.history_bytes` before `cursor` are the window.
    history: Vec<u8>,
    cursor: usize,
    /// Places in `history` by the hash of what stands there; 0 is no place.
    buckets: Vec<[u32; BUCKET_WAYS]>,
    bits: BitWriter,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// A compressor that has seen nothing yet.
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
            cursor: 0,
            buckets: vec![[0; BUCKET_WAYS]; 1 << BUCKET_BITS],
            bits: BitWriter::default(),
        }
    }

    /// Appends `data` to `out` as one `RDP_SEGMENTED_DATA` (`[MS-RDPEGFX] 2.2.5.1`).
    ///
    /// What does not get smaller goes as it is: `out` grows by no more than `data.len()` and
    /// 2 bytes, or 7 bytes and 5 for each segment where one is not enough: they hold 65,535 bytes.
    ///
    /// # Panics
    /// If `data` is longer than the format can tell: 65,535 segments, about 4 GB, or 512 MB in the
    /// small form.
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) {
        write_segments(data, self.form, out, |segment, out| {
            self.segment(segment, out);
        });
    }

    /// Appends one `RDP8_BULK_ENCODED_DATA` (`2.2.5.3`).
    fn segment(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.make_room();
        let first = self.cursor;
        self.history[first..first + data.len()].copy_from_slice(data);
        self.cursor += data.len();
        self.bits.clear();
        self.pack(first);
        let packed = self.bits.finish();
        // One byte more than the stream: the trailer.
        if packed.len() < data.len() {
            out.push(FLAG_COMPRESSED | self.form.compression_type);
            out.extend_from_slice(packed);
        } else {
            out.push(self.form.compression_type);
            out.extend_from_slice(data);
        }
    }

    /// Moves the window to the front of the buffer where a segment might not fit behind it.
    fn make_room(&mut self) {
        if !self.form.is_full(self.cursor) {
            return;
        }
        let shift = self.cursor - self.form.history_bytes;
        self.history.copy_within(shift..self.cursor, 0);
        self.cursor = self.form.history_bytes;
        for place in self.buckets.as_flattened_mut() {
            *place = place.saturating_sub(shift as u32);
        }
    }

    /// Writes the tokens of `history[first..cursor]`.
    fn pack(&mut self, first: usize) {
        let end = self.cursor;
        let mut pending = first;
        let mut pending_bits = 0;
        let mut at = first;
        let mut misses = 0;
        while at + HASH_BYTES <= end {
            let Some(found) = self.find(at, pending, end) else {
                let step = (1 + (misses >> PATIENCE_SHIFT)).min(MAX_STEP).min(end - at);
                misses += step;
                for &byte in &self.history[at..at + step] {
                    pending_bits += usize::from(LITERALS[usize::from(byte)].1);
                }
                at += step;
                continue;
            };
            misses = 0;
            for &byte in &self.history[found.start..at] {
                pending_bits -= usize::from(LITERALS[usize::from(byte)].1);
            }
            self.bits
                .literals(&self.history[pending..found.start], pending_bits);
            self.bits.copy(found.class, found.distance, found.length);
            let after = found.start + found.length;
            self.insert_between(at + 1, after.min(end - HASH_BYTES + 1));
            at = after;
            pending = after;
            pending_bits = 0;
        }
        for &byte in &self.history[at..end] {
            pending_bits += usize::from(LITERALS[usize::from(byte)].1);
        }
        self.bits
            .literals(&self.history[pending..end], pending_bits);
    }

    /// The best match at `at`, grown backwards as far as `pending`, if one is worth its bits.
    /// Remembers the place.
    fn find(&mut self, at: usize, pending: usize, end: usize) -> Option<Match> {
        let history = &self.history;
        let bucket = &mut self.buckets[hash(&history[at..])];
        let places = *bucket;
        *bucket = [at as u32, places[0], places[1], places[2]];
        let mut best: Option<Match> = None;
        let mut best_gain = 0;
        for place in places {
            let place = place as usize;
            if place == 0 || place >= at || at - place > self.form.history_bytes {
                continue;
            }
            let forward = common_prefix(&history[place..end], &history[at..end]);
            if forward < HASH_BYTES {
                continue;
            }
            let mut back = 0;
            while at - back > pending
                && place > back
                && history[at - back - 1] == history[place - back - 1]
            {
                back += 1;
            }
            let (start, length, distance) = (at - back, forward + back, at - place);
            let class = class_of(distance);
            let cost = usize::from(class.prefix_bits + class.value_bits) + length_bits(length);
            // From a length on no literals are as short as the match.
            let literals = if length > 16 {
                length * 9
            } else {
                history[start..start + length]
                    .iter()
                    .map(|&byte| usize::from(LITERALS[usize::from(byte)].1))
                    .sum()
            };
            let gain = literals.saturating_sub(cost);
            if gain > best_gain {
                best_gain = gain;
                best = Some(Match {
                    start,
                    length,
                    distance,
                    class,
                });
                if length >= GOOD_MATCH_BYTES {
                    break;
                }
            }
        }
        best
    }

    /// Remembers the places inside a match, the far ones of a long one sparsely.
    fn insert_between(&mut self, first: usize, end: usize) {
        let dense_end = end.min(first + DENSE_INSERT_BYTES);
        for at in (first..dense_end).chain((dense_end..end).step_by(SPARSE_STEP)) {
            let bucket = &mut self.buckets[hash(&self.history[at..])];
            let [a, b, c, _] = *bucket;
            *bucket = [at as u32, a, b, c];
        }
    }
}

#[derive(Clone, Copy)]
struct Match {
    start: usize,
    length: usize,
    distance: usize,
    class: DistanceClass,
}

/// A bucket for the first [`HASH_BYTES`] of `bytes`.
fn hash(bytes: &[u8]) -> usize {
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    (word.wrapping_mul(0x9E37_79B1) >> (32 - BUCKET_BITS)) as usize
}

/// How many bytes `a` and `b` begin with alike.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
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

fn class_of(distance: usize) -> DistanceClass {
    let after = DISTANCES.partition_point(|class| class.base as usize <= distance);
    DISTANCES[after - 1]
}

/// Bits that tell a match's length.
fn length_bits(length: usize) -> usize {
    match length {
        ..4 => 1,
        _ => 2 * length.ilog2() as usize,
    }
}

/// Bits to bytes, high bit first.
#[derive(Debug, Default)]
struct BitWriter {
    bytes: Vec<u8>,
    /// Bits not yet in `bytes`, in the low end.
    held: u64,
    held_bits: u32,
}

impl BitWriter {
    fn clear(&mut self) {
        self.bytes.clear();
        self.held = 0;
        self.held_bits = 0;
    }

    /// Writes the low `bits` bits of `value`, 32 at most.
    fn put(&mut self, value: u32, bits: u32) {
        self.held = self.held << bits | u64::from(value);
        self.held_bits += bits;
        if self.held_bits >= 32 {
            self.held_bits -= 32;
            self.bytes
                .extend(((self.held >> self.held_bits) as u32).to_be_bytes());
        }
    }

    /// Fills up the byte at hand with zeros; returns how many it took.
    fn align(&mut self) -> u32 {
        let padding = self.held_bits.wrapping_neg() % 8;
        self.put(0, padding);
        while self.held_bits > 0 {
            self.held_bits -= 8;
            self.bytes.push((self.held >> self.held_bits) as u8);
        }
        padding
    }

    /// Writes bytes without a match, whose codes have `code_bits` together: as codes, or as
    /// unencoded runs where those are shorter.
    fn literals(&mut self, bytes: &[u8], code_bits: usize) {
        let run_bits = bytes.len() * 8 + bytes.len().div_ceil(MAX_RUN_BYTES) * RUN_OVERHEAD_BITS;
        if code_bits <= run_bits {
            for &byte in bytes {
                let (code, bits) = LITERALS[usize::from(byte)];
                self.put(u32::from(code), u32::from(bits));
            }
            return;
        }
        let class = DISTANCES[0];
        for run in bytes.chunks(MAX_RUN_BYTES) {
            self.put(u32::from(class.prefix), u32::from(class.prefix_bits));
            self.put(0, u32::from(class.value_bits));
            self.put(run.len() as u32, RUN_COUNT_BITS);
            self.align();
            self.bytes.extend_from_slice(run);
        }
    }

    /// Writes a match.
    fn copy(&mut self, class: DistanceClass, distance: usize, length: usize) {
        self.put(u32::from(class.prefix), u32::from(class.prefix_bits));
        self.put(distance as u32 - class.base, u32::from(class.value_bits));
        if length < 4 {
            self.put(0, 1);
            return;
        }
        // Ones, one less than the length has bits below its highest, and a zero.
        let value_bits = length.ilog2();
        self.put((1 << value_bits) - 2, value_bits);
        self.put(length as u32 - (1 << value_bits), value_bits);
    }

    /// The stream with its trailer.
    fn finish(&mut self) -> &[u8] {
        let unused = self.align();
        self.bytes.push(unused as u8);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Compressor, Decompressor};
    use super::*;

    fn round_trip(messages: &[Vec<u8>]) -> usize {
        round_trip_through(Compressor::new(), Decompressor::new(), messages)
    }

    fn round_trip_through(
        mut compressor: Compressor,
        mut decompressor: Decompressor,
        messages: &[Vec<u8>],
    ) -> usize {
        let (mut wire, mut plain) = (Vec::new(), Vec::new());
        let mut total = 0;
        for message in messages {
            wire.clear();
            plain.clear();
            compressor.compress(message, &mut wire);
            decompressor.decompress(&wire, &mut plain).unwrap();
            assert!(plain == *message, "message of {} bytes", message.len());
            total += wire.len();
        }
        total
    }

    /// Bytes without any pattern, the same every time.
    fn noise(length: usize, mut seed: u32) -> Vec<u8> {
        (0..length)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect()
    }

    #[test]
    fn text_gets_less_than_half_as_long() {
        let text = include_str!("compressor.rs").as_bytes().to_vec();
        let length = text.len();
        let packed = round_trip(&[text]);
        assert!(packed * 2 < length, "{packed} of {length}");
    }

    #[test]
    fn what_was_sent_before_costs_next_to_nothing() {
        let message = noise(50_000, 1);
        let packed = round_trip(&[message.clone(), noise(300_000, 2), message]);
        assert!(packed < 350_000 + 200, "{packed}");
    }

    #[test]
    fn noise_costs_headers_only() {
        for length in [0, 1, 3, 100, 65_535] {
            assert_eq!(round_trip(&[noise(length, 3)]), length + 2, "{length}");
        }
        assert_eq!(round_trip(&[noise(200_000, 4)]), 200_000 + 7 + 4 * 5);
    }

    #[test]
    fn noise_between_patterns_goes_as_unencoded_runs() {
        let mut message = noise(20_000, 5);
        message.extend([0; 20_000]);
        message.extend(noise(20_000, 6));
        let packed = round_trip(&[message]);
        assert!(packed < 40_100, "{packed}");
    }

    #[test]
    fn the_window_moves_in_step_on_both_sides() {
        let block = noise(65_000, 7);
        let messages: Vec<Vec<u8>> = (0..120)
            .map(|round| {
                let mut message = block.clone();
                message[round * 100] ^= 0xFF;
                message.extend(noise(9_000, 100 + round as u32));
                message
            })
            .collect();
        // More than twice the buffer in all; each message costs its noise and little else.
        let packed = round_trip(&messages);
        assert!(packed < 65_000 + 120 * 9_300, "{packed}");
    }

    #[test]
    fn a_bit_stream_that_fills_its_last_byte_has_no_unused_bits() {
        let mut bits = BitWriter::default();
        bits.put(0xAB, 8);
        assert_eq!(bits.finish(), [0xAB, 0]);
        bits.clear();
        bits.put(0b101, 3);
        assert_eq!(bits.finish(), [0b1010_0000, 5]);
    }

    /// Messages as graphics are: runs, repeats of a small alphabet, and noise.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            (any::<u8>(), 1usize..3000).prop_map(|(byte, n)| vec![byte; n]),
            prop::collection::vec(0u8..4, 0..400),
            prop::collection::vec(any::<u8>(), 0..400),
            (prop::collection::vec(any::<u8>(), 1..40), 1usize..300)
                .prop_map(|(unit, n)| unit.repeat(n)),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_message_comes_back(messages in prop::collection::vec(message(), 1..5)) {
            round_trip(&messages);
            round_trip_through(Compressor::lite(), Decompressor::lite(), &messages);
        }

        #[test]
        fn damaged_messages_neither_panic_nor_grow_past_the_bound(
            message in message(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut wire = Vec::new();
            Compressor::new().compress(&message, &mut wire);
            for (index, byte) in damage {
                let index = index.index(wire.len());
                wire[index] = byte;
            }
            wire.truncate(cut.index(wire.len()) + 1);
            let mut out = Vec::new();
            let _ = Decompressor::new().decompress(&wire, &mut out);
            // No segment is shorter than a header and a trailer.
            let segments = 1 + wire.len() / 6;
            prop_assert!(out.len() <= segments * Form::FULL.segment_bytes + wire.len());
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut out = Vec::new();
            let mut framed = vec![0xE0, 0x24];
            framed.extend(&bytes);
            let mut decompressor = Decompressor::new();
            let _ = decompressor.decompress(&bytes, &mut out);
            let _ = decompressor.decompress(&framed, &mut out);
            prop_assert!(out.len() <= Form::FULL.segment_bytes + bytes.len());
        }
    }
}
