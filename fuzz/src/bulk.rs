//! Bulk compressors.

use oriel_codecs::bulk::{
    BulkCompressor, BulkDecompressor, CompressionLevel, PACKET_COMPRESSED,
    zgfx::{Compressor, Decompressor, MAX_MESSAGE_BYTES},
};

use crate::{Choices, put_piece};

/// Messages through one history; the first byte says which form.
pub fn zgfx(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut decompressor = match choices.byte() & 1 {
        0 => Decompressor::new(),
        _ => Decompressor::lite(),
    };
    let mut out = Vec::new();
    while !choices.is_empty() {
        out.clear();
        if decompressor.decompress(choices.piece(), &mut out).is_err() {
            return;
        }
        assert!(out.len() <= MAX_MESSAGE_BYTES);
    }
}

/// Messages through one history: the flags, then the data.
fn decompress(data: &[u8], level: impl Fn(u8) -> CompressionLevel) {
    let mut choices = Choices::new(data);
    let mut decompressor = BulkDecompressor::new();
    while !choices.is_empty() {
        let byte = choices.byte();
        let flags = byte & 0xe0 | level(byte) as u8;
        match decompressor.decompress(flags, choices.piece()) {
            Ok(plain) => assert!(plain.len() <= 2_000_000),
            Err(_) => return,
        }
    }
}

/// Both forms of MPPC.
pub fn mppc(data: &[u8]) {
    decompress(data, |byte| match byte & 1 {
        0 => CompressionLevel::K8,
        _ => CompressionLevel::K64,
    });
}

/// RDP 6.0.
pub fn ncrush(data: &[u8]) {
    decompress(data, |_| CompressionLevel::Rdp6);
}

/// RDP 6.1.
pub fn xcrush(data: &[u8]) {
    decompress(data, |_| CompressionLevel::Rdp61);
}

/// Whatever goes in comes out, by every compressor.
pub fn bulk_identity(data: &[u8]) {
    let mut choices = Choices::new(data);
    let level = CompressionLevel::ALL[usize::from(choices.byte() & 3)];
    let mut bulk = (BulkCompressor::new(level), BulkDecompressor::new());
    let mut zgfx = (Compressor::lite(), Decompressor::lite());
    let mut sent = Vec::new();
    while !choices.is_empty() {
        let repeats = usize::from(choices.byte());
        let mut message = choices.piece().repeat(1 + repeats % 64);
        // From before, at a place that the fuzzer can move.
        let start = sent.len() * repeats / 256;
        message.extend_from_slice(&sent[start..sent.len().min(start + 500)]);
        message.truncate(70_000);
        sent.extend_from_slice(&message);

        let mut wire = Vec::new();
        let flags = bulk.0.compress(&message, &mut wire);
        assert_eq!(flags & PACKET_COMPRESSED == 0, wire.len() == message.len());
        assert_eq!(bulk.1.decompress(flags, &wire).unwrap(), message);

        let (mut wire, mut plain) = (Vec::new(), Vec::new());
        zgfx.0.compress(&message, &mut wire);
        zgfx.1.decompress(&wire, &mut plain).unwrap();
        assert_eq!(plain, message);
    }
}

/// Inputs to begin from.
pub mod seeds {
    use super::*;

    fn messages() -> Vec<Vec<u8>> {
        let text = b"for.whom.the.bell.tolls,.the.bell.tolls.for.thee!".to_vec();
        let noise: Vec<u8> = (0..400u32)
            .map(|i| (i.wrapping_mul(0x9E37_79B1) >> 23) as u8)
            .collect();
        let rows = (0..2000)
            .map(|i| (i % 60) as u8 ^ (i / 700) as u8)
            .collect();
        vec![text.clone(), vec![7; 3000], noise, rows, text.repeat(9)]
    }

    pub fn zgfx() -> Vec<Vec<u8>> {
        let forms = [(0, Compressor::new()), (1, Compressor::lite())];
        let seeds = forms.map(|(form, mut compressor)| {
            let mut seed = vec![form];
            for message in messages() {
                let mut wire = Vec::new();
                compressor.compress(&message, &mut wire);
                put_piece(&mut seed, &wire);
            }
            seed
        });
        seeds.into()
    }

    fn packed(level: CompressionLevel) -> Vec<u8> {
        let mut compressor = BulkCompressor::new(level);
        let mut seed = Vec::new();
        for message in messages() {
            let mut wire = Vec::new();
            let flags = compressor.compress(&message, &mut wire);
            seed.push(flags & 0xe0 | level as u8);
            put_piece(&mut seed, &wire);
        }
        seed
    }

    pub fn mppc() -> Vec<Vec<u8>> {
        vec![packed(CompressionLevel::K8), packed(CompressionLevel::K64)]
    }

    pub fn ncrush() -> Vec<Vec<u8>> {
        vec![packed(CompressionLevel::Rdp6)]
    }

    pub fn xcrush() -> Vec<Vec<u8>> {
        vec![packed(CompressionLevel::Rdp61)]
    }

    pub fn bulk_identity() -> Vec<Vec<u8>> {
        let seeds = (0..4).map(|level| {
            let mut seed = vec![level];
            for (repeats, message) in messages().into_iter().enumerate() {
                seed.push(repeats as u8 * 40);
                put_piece(&mut seed, &message);
            }
            seed
        });
        seeds.collect()
    }
}
