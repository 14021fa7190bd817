//! Bulk compressors against their decompressors: whatever goes in comes out, whatever the peer
//! sends is survived.

use oriel_codecs::bulk::{
    BulkCompressor, BulkDecompressor, BulkError, CompressionLevel, PACKET_COMPRESSED, zgfx,
};
use proptest::prelude::*;

/// More than any level packs, so that some messages go as they are.
const MAX_BYTES: usize = 70_000;

/// A piece of a message, of the kinds that real ones are made of.
#[derive(Clone, Debug)]
enum Piece {
    /// Does not shrink.
    Noise(u64, usize),
    Run(u8, usize),
    /// Few symbols.
    Text(u64, usize),
    /// From what was sent before, at a place in thousandths of it.
    Repeat(usize, usize),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        (any::<u64>(), 0..3000_usize).prop_map(|(seed, bytes)| Piece::Noise(seed, bytes)),
        (any::<u8>(), 0..20_000_usize).prop_map(|(byte, bytes)| Piece::Run(byte, bytes)),
        (any::<u64>(), 0..3000_usize).prop_map(|(seed, bytes)| Piece::Text(seed, bytes)),
        (0..1000_usize, 0..9000_usize).prop_map(|(place, bytes)| Piece::Repeat(place, bytes)),
    ]
}

fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

/// Messages of those pieces.
fn build(plan: &[Vec<Piece>]) -> Vec<Vec<u8>> {
    let mut sent: Vec<u8> = Vec::new();
    let mut messages = Vec::new();
    for pieces in plan {
        let mut message = Vec::new();
        for piece in pieces {
            match *piece {
                Piece::Noise(seed, bytes) => {
                    let mut next = numbers(seed);
                    message.extend((0..bytes).map(|_| next() as u8));
                }
                Piece::Run(byte, bytes) => message.extend(std::iter::repeat_n(byte, bytes)),
                Piece::Text(seed, bytes) => {
                    let mut next = numbers(seed);
                    message.extend((0..bytes).map(|_| b"etaoin shrdlu"[next() as usize % 13]));
                }
                Piece::Repeat(place, bytes) => {
                    let start = sent.len() * place / 1000;
                    message.extend_from_slice(&sent[start..sent.len().min(start + bytes)]);
                }
            }
        }
        message.truncate(MAX_BYTES);
        sent.extend_from_slice(&message);
        messages.push(message);
    }
    messages
}

fn level() -> impl Strategy<Value = CompressionLevel> {
    prop::sample::select(&CompressionLevel::ALL[..])
}

proptest! {
    #[test]
    fn any_messages_survive_any_level(
        level in level(),
        plan in prop::collection::vec(prop::collection::vec(piece(), 0..6), 1..40),
    ) {
        let mut compressor = BulkCompressor::new(level);
        let mut decompressor = BulkDecompressor::new();
        for message in build(&plan) {
            let mut wire = vec![1, 2, 3];
            let flags = compressor.compress(&message, &mut wire);
            let wire = &wire[3..];
            if flags & PACKET_COMPRESSED == 0 {
                prop_assert_eq!(flags, 0);
                prop_assert_eq!(wire, &message[..]);
            } else {
                prop_assert!(wire.len() < message.len());
                prop_assert!(message.len() <= level.max_message_bytes());
            }
            prop_assert_eq!(decompressor.decompress(flags, wire).unwrap(), &message[..]);
        }
    }

    #[test]
    fn a_peer_that_begins_anew_is_followed(
        levels in prop::collection::vec(level(), 1..8),
        plan in prop::collection::vec(prop::collection::vec(piece(), 0..4), 1..12),
    ) {
        // Another compressor takes over, of the same or of another level.
        let mut decompressor = BulkDecompressor::new();
        let messages = build(&plan);
        for level in levels {
            let mut compressor = BulkCompressor::new(level);
            for message in &messages {
                let mut wire = Vec::new();
                let flags = compressor.compress(message, &mut wire);
                prop_assert_eq!(decompressor.decompress(flags, &wire).unwrap(), &message[..]);
            }
        }
    }

    #[test]
    fn mutated_messages_expand_to_a_history_at_most(
        level in level(),
        plan in prop::collection::vec(prop::collection::vec(piece(), 1..4), 1..6),
        mutations in prop::collection::vec((any::<usize>(), any::<u8>()), 1..20),
        flags: u8,
    ) {
        let mut compressor = BulkCompressor::new(level);
        let mut decompressor = BulkDecompressor::new();
        for (index, message) in build(&plan).into_iter().enumerate() {
            let mut wire = Vec::new();
            let mut sent_flags = compressor.compress(&message, &mut wire);
            if index > 0 && !wire.is_empty() {
                for &(place, byte) in &mutations {
                    let place = place % wire.len();
                    wire[place] = byte;
                }
                sent_flags ^= flags & 0xc0;
            }
            if let Ok(plain) = decompressor.decompress(sent_flags, &wire) {
                prop_assert!(plain.len() <= 2_000_000);
            }
        }
    }

    #[test]
    fn random_bytes_are_an_error_at_most(
        messages in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20,
        ),
    ) {
        let mut decompressor = BulkDecompressor::new();
        for (flags, wire) in messages {
            match decompressor.decompress(flags, &wire) {
                Ok(plain) => prop_assert!(plain.len() <= 2_000_000),
                Err(BulkError::UnsupportedCompression(kind)) => prop_assert!(kind > 3),
                Err(_) => prop_assert!(flags & 0xe0 != 0),
            }
        }
    }

    #[test]
    fn any_messages_survive_the_graphics_pipelines_compressor(
        is_small: bool,
        plan in prop::collection::vec(prop::collection::vec(piece(), 0..6), 1..40),
    ) {
        let (mut compressor, mut decompressor) = if is_small {
            (zgfx::Compressor::lite(), zgfx::Decompressor::lite())
        } else {
            (zgfx::Compressor::new(), zgfx::Decompressor::new())
        };
        for message in build(&plan) {
            let (mut wire, mut plain) = (Vec::new(), Vec::new());
            compressor.compress(&message, &mut wire);
            decompressor.decompress(&wire, &mut plain).unwrap();
            prop_assert_eq!(plain, message);
        }
    }
}
