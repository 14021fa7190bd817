//! Bulk compression: every decompressor must give back the same bytes, message after message, for
//! histories that fill up, move and are begun anew.

use oriel_codecs::bulk::{
    BulkCompressor, BulkDecompressor, CompressionLevel,
    zgfx::{Compressor, Decompressor},
};
use oriel_rivals::{
    freerdp::{self, FreeRdp},
    ironrdp,
    samples::Samples,
};

/// Enough to fill 64 KiB of history many times.
const MESSAGES: u32 = 200;

struct Decompressors {
    ours: BulkDecompressor,
    freerdp: Option<freerdp::Bulk>,
    ironrdp: ironrdp::Bulk,
}

impl Decompressors {
    fn new(level: CompressionLevel) -> Self {
        Self {
            ours: BulkDecompressor::new(),
            freerdp: FreeRdp::load().map(|freerdp| freerdp::Bulk::new(freerdp, level, false)),
            ironrdp: ironrdp::Bulk::new(level),
        }
    }

    fn expand(&mut self, flags: u8, packed: &[u8], message: &[u8], what: &str) {
        let ours = self.ours.decompress(flags, packed);
        assert!(ours == Ok(message), "Oriel, {what}, flags {flags:#x}");
        // FreeRDP's own bulk layer asks its decompressors for what has flags alone.
        if let Some(freerdp) = &mut self.freerdp
            && flags & 0xE0 != 0
        {
            let theirs = freerdp.decompress(flags, packed);
            assert!(theirs == Some(message), "FreeRDP, {what}, flags {flags:#x}");
        }
        let theirs = self.ironrdp.decompress(flags, packed);
        assert!(theirs == Some(message), "IronRDP, {what}, flags {flags:#x}");
    }
}

fn messages(samples: &mut Samples, most: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut before: Vec<u8> = Vec::new();
    (0..MESSAGES).map(move |_| {
        // Some repeat a part of an earlier one: matches that reach far back.
        let mut message = samples.message(most);
        if samples.pick(0..=2) == 0 {
            let room = most - message.len().min(most);
            message.extend(before.iter().take(room));
        }
        if samples.pick(0..=3) == 0 {
            before.clone_from(&message);
        }
        message
    })
}

fn levels() -> [CompressionLevel; 4] {
    CompressionLevel::ALL
}

#[test]
fn messages_of_ours_are_expanded_alike() {
    FreeRdp::load_or_say();
    for level in levels() {
        let mut samples = Samples::new(31 + level as u64);
        let most = level.max_message_bytes().min(16_000);
        let mut compressor = BulkCompressor::new(level);
        let mut decompressors = Decompressors::new(level);
        for message in messages(&mut samples, most) {
            let mut packed = Vec::new();
            let flags = compressor.compress(&message, &mut packed);
            decompressors.expand(flags, &packed, &message, &format!("{level:?} of Oriel"));
        }
    }
}

#[test]
fn messages_of_freerdp_are_expanded_alike() {
    let Some(freerdp) = FreeRdp::load_or_say() else {
        return;
    };
    for level in levels() {
        let mut samples = Samples::new(41 + level as u64);
        let most = level
            .max_message_bytes()
            .min(freerdp::Bulk::MOST_ENCODED_BYTES);
        let mut compressor = freerdp::Bulk::new(freerdp, level, true);
        let mut decompressors = Decompressors::new(level);
        for message in messages(&mut samples, most) {
            // Its bulk layer packs nothing shorter.
            if message.len() <= 50 {
                continue;
            }
            let mut packed = Vec::new();
            let flags = compressor
                .compress(&message, &mut packed)
                .expect("FreeRDP packs");
            decompressors.expand(flags, &packed, &message, &format!("{level:?} of FreeRDP"));
        }
    }
}

#[test]
fn messages_of_ironrdp_are_expanded_alike() {
    FreeRdp::load_or_say();
    for level in levels() {
        let mut samples = Samples::new(51 + level as u64);
        let most = level
            .max_message_bytes()
            .min(ironrdp::Bulk::MOST_ENCODED_BYTES);
        let mut compressor = ironrdp::Bulk::new(level);
        let mut decompressors = Decompressors::new(level);
        for message in messages(&mut samples, most) {
            let mut packed = Vec::new();
            let flags = compressor
                .compress(&message, &mut packed)
                .expect("IronRDP packs");
            decompressors.expand(flags, &packed, &message, &format!("{level:?} of IronRDP"));
        }
    }
}

#[test]
fn segments_of_the_graphics_channel_are_expanded_alike() {
    let freerdp = FreeRdp::load_or_say();
    for encoder in ["Oriel", "IronRDP", "FreeRDP"] {
        let mut samples = Samples::new(61);
        let mut compressor = Compressor::new();
        let (mut ours, mut third) = (Decompressor::new(), ironrdp::Zgfx::default());
        let mut packer = ironrdp::Zgfx::default();
        let mut theirs = freerdp.map(freerdp::Zgfx::new);
        let mut framer = freerdp.map(freerdp::Zgfx::new);
        for message in messages(&mut samples, 150_000) {
            let mut packed = Vec::new();
            match (encoder, &mut framer) {
                ("Oriel", _) => compressor.compress(&message, &mut packed),
                ("IronRDP", _) => packed = packer.compress(&message).expect("IronRDP packs"),
                (_, Some(framer)) => assert!(framer.compress(&message, &mut packed)),
                (_, None) => break,
            }
            let mut expanded = Vec::new();
            ours.decompress(&packed, &mut expanded)
                .expect("Oriel expands it");
            assert!(expanded == message, "Oriel, of {encoder}");
            expanded.clear();
            assert!(
                third.decompress(&packed, &mut expanded),
                "IronRDP refuses {encoder}'s"
            );
            assert!(expanded == message, "IronRDP, of {encoder}");
            if let Some(theirs) = &mut theirs {
                let is_expanded = theirs.decompress(&packed, |bytes| assert!(bytes == message));
                assert!(is_expanded, "FreeRDP refuses {encoder}'s");
            }
        }
    }
}
