use oriel_codecs::{
    Picture,
    bulk::{BulkCompressor, BulkDecompressor, CompressionLevel, PACKET_FLUSHED, zgfx},
};
use oriel_rivals::{freerdp, ironrdp};

use super::{Bench, FREERDP, Label, ORIEL, Row};
use crate::table::contest::{Contest, Maker};

/// Bytes of a picture that are sent: more than any history holds.
const MOST_BYTES: usize = 4 << 20;
/// Larger pictures have nothing new to tell.
const MOST_ROWS: u32 = 1080;

pub(super) fn run(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    if source.size().height > MOST_ROWS {
        return;
    }
    let data = &source.data()[..MOST_BYTES.min(source.data().len())];
    for (name, level) in [
        ("mppc 8k", CompressionLevel::K8),
        ("mppc 64k", CompressionLevel::K64),
        ("ncrush", CompressionLevel::Rdp6),
        ("xcrush", CompressionLevel::Rdp61),
    ] {
        if bench.wants(name) {
            bulk_rows(bench, data, name, level, push);
        }
    }
    if bench.wants("zgfx") {
        zgfx_rows(bench, data, push);
    }
}

/// Messages with their flags.
type Packed = Vec<(u8, Vec<u8>)>;

/// The first of them begins the history anew, so that all can be expanded again and again.
fn pack<'a>(
    messages: impl Iterator<Item = &'a [u8]>,
    mut compress: impl FnMut(&[u8], &mut Vec<u8>) -> Option<u8>,
) -> Option<Packed> {
    let pack = |message| {
        let mut out = Vec::new();
        let flags = compress(message, &mut out)?;
        Some((flags, out))
    };
    let mut packed = messages.map(pack).collect::<Option<Packed>>()?;
    packed[0].0 |= PACKET_FLUSHED;
    Some(packed)
}

fn bulk_rows(
    bench: &Bench,
    data: &[u8],
    name: &'static str,
    level: CompressionLevel,
    push: &mut dyn FnMut(Row),
) {
    let most = level
        .max_message_bytes()
        .min(freerdp::Bulk::MOST_ENCODED_BYTES)
        .min(ironrdp::Bulk::MOST_ENCODED_BYTES);
    let messages = || data.chunks_exact(most);
    let amount = (data.len() / most * most) as u64;
    let mut compressor = BulkCompressor::new(level);
    let packed = pack(messages(), |message, out| {
        Some(compressor.compress(message, out) | level as u8)
    });
    let packed = packed.expect("ours takes all");
    let contest = bulk_decoding(bench, level, amount, &packed);
    push(bench.row(Label::decoding(name, ORIEL), &contest));
    let packed = bench.freerdp().and_then(|freerdp| {
        let mut compressor = freerdp::Bulk::new(freerdp, level, true);
        pack(messages(), |message, out| compressor.compress(message, out))
    });
    if let Some(packed) = packed {
        let contest = bulk_decoding(bench, level, amount, &packed);
        push(bench.row(Label::decoding(name, FREERDP), &contest));
    }
    let contest = Contest {
        ours: Maker::ours(0, || {
            let (mut compressor, mut out) = (BulkCompressor::new(level), Vec::new());
            Box::new(move || {
                for message in messages() {
                    out.clear();
                    compressor.compress(message, &mut out);
                }
            })
        }),
        freerdp: bench.rival(0, move |freerdp| {
            let mut compressor = freerdp::Bulk::new(freerdp, level, true);
            let mut out = Vec::new();
            Box::new(move || {
                messages().all(|message| {
                    out.clear();
                    compressor.compress(message, &mut out).is_some()
                })
            })
        }),
        ironrdp: Some(Maker::rival(0, || {
            let (mut compressor, mut out) = (ironrdp::Bulk::new(level), Vec::new());
            Box::new(move || {
                messages().all(|message| {
                    out.clear();
                    compressor.compress(message, &mut out).is_some()
                })
            })
        })),
        amount,
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding(name), &contest));
}

fn bulk_decoding<'a>(
    bench: &Bench,
    level: CompressionLevel,
    amount: u64,
    packed: &'a Packed,
) -> Contest<'a> {
    /// What has no flags is not given to FreeRDP's decompressors.
    const ANY_FLAG: u8 = 0xE0;
    Contest {
        ours: Maker::ours(0, move || {
            let mut decompressor = BulkDecompressor::new();
            Box::new(move || {
                for (flags, message) in packed {
                    decompressor.decompress(*flags, message).expect("ours");
                }
            })
        }),
        freerdp: bench.rival(0, move |freerdp| {
            let mut decompressor = freerdp::Bulk::new(freerdp, level, false);
            Box::new(move || {
                packed.iter().all(|(flags, message)| {
                    flags & ANY_FLAG == 0 || decompressor.decompress(*flags, message).is_some()
                })
            })
        }),
        ironrdp: Some(Maker::rival(0, move || {
            let mut decompressor = ironrdp::Bulk::new(level);
            Box::new(move || {
                let mut messages = packed.iter();
                messages.all(|(flags, message)| decompressor.decompress(*flags, message).is_some())
            })
        })),
        amount,
        has_freerdp_threads: false,
        is_decoding: true,
    }
}

fn zgfx_rows(bench: &Bench, data: &[u8], push: &mut dyn FnMut(Row)) {
    const NAME: &str = "zgfx";
    let mut packed = Vec::new();
    zgfx::Compressor::new().compress(data, &mut packed);
    let (packed, bytes) = (&packed, data.len());
    let contest = Contest {
        ours: Maker::ours(bytes, move || {
            let mut decompressor = zgfx::Decompressor::new();
            let mut out = Vec::with_capacity(bytes);
            Box::new(move || {
                out.clear();
                decompressor.decompress(packed, &mut out).expect("ours");
            })
        }),
        freerdp: bench.rival(0, move |freerdp| {
            let mut decompressor = freerdp::Zgfx::new(freerdp);
            Box::new(move || {
                decompressor.reset();
                decompressor.decompress(packed, |_| ())
            })
        }),
        ironrdp: Some(Maker::rival(bytes, move || {
            let mut decompressor = ironrdp::Zgfx::default();
            let mut out = Vec::with_capacity(bytes);
            Box::new(move || {
                out.clear();
                decompressor.decompress(packed, &mut out)
            })
        })),
        amount: bytes as u64,
        has_freerdp_threads: false,
        is_decoding: true,
    };
    push(bench.row(Label::decoding(NAME, ORIEL), &contest));
    let contest = Contest {
        ours: Maker::ours(0, || {
            let (mut compressor, mut out) = (zgfx::Compressor::new(), Vec::new());
            Box::new(move || {
                out.clear();
                compressor.compress(data, &mut out);
            })
        }),
        // It packs nothing.
        freerdp: None,
        ironrdp: Some(Maker::rival(0, || {
            let mut codec = ironrdp::Zgfx::default();
            Box::new(move || codec.compress(data).is_some())
        })),
        amount: bytes as u64,
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding(NAME), &contest));
}
