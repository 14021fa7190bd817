//! Decoding a picture of each codec.

use oriel_codecs::{
    ColorDepth, Palette, Picture, Point, RowOrder, Size, alpha,
    bulk::{BulkCompressor, BulkDecompressor, CompressionLevel, zgfx},
    clearcodec::{ClearCodecDecoder, ClearCodecEncoder},
    interleaved::{self, InterleavedScratch},
    nscodec::{self, NsCodecOptions, NsCodecScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
    pointer,
    progressive::{Pass, ProgressiveDecoder, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions},
};

use super::{Case, SIZE, picture};
use crate::text_desktop;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "decode planar",
        prepare: planar,
    },
    Case {
        name: "decode interleaved, 16 bits",
        prepare: || interleaved(ColorDepth::Rgb565),
    },
    Case {
        name: "decode interleaved, 24 bits",
        prepare: || interleaved(ColorDepth::Bgr24),
    },
    Case {
        name: "decode alpha",
        prepare: alpha,
    },
    Case {
        name: "decode a pointer",
        prepare: pointer,
    },
    Case {
        name: "decode RemoteFX",
        prepare: remotefx,
    },
    Case {
        name: "decode progressive, first pass",
        prepare: progressive_first,
    },
    Case {
        name: "decode progressive, upgrade",
        prepare: progressive_upgrade,
    },
    Case {
        name: "decode ClearCodec",
        prepare: clearcodec,
    },
    Case {
        name: "decode NSCodec",
        prepare: nscodec,
    },
    Case {
        name: "decompress zgfx",
        prepare: zgfx,
    },
    Case {
        name: "decompress MPPC, 64K",
        prepare: || bulk(CompressionLevel::K64),
    },
    Case {
        name: "decompress NCRUSH",
        prepare: || bulk(CompressionLevel::Rdp6),
    },
    Case {
        name: "decompress XCRUSH",
        prepare: || bulk(CompressionLevel::Rdp61),
    },
];

fn planar() -> Box<dyn FnMut()> {
    let layout = PlanarLayout::pipeline(SIZE, false);
    let (mut scratch, mut payload) = (PlanarScratch::default(), Vec::new());
    let options = PlanarOptions::default();
    planar::encode(
        &picture(0).view(),
        &layout,
        &options,
        &mut payload,
        &mut scratch,
    );
    let mut target = Picture::new(SIZE);
    Box::new(move || {
        planar::decode(&payload, &layout, &mut target.as_mut(), &mut scratch)
            .expect("our own payload");
    })
}

fn interleaved(depth: ColorDepth) -> Box<dyn FnMut()> {
    let (mut scratch, palette) = (InterleavedScratch::default(), Palette::default());
    let mut payload = Vec::new();
    let source = picture(0);
    interleaved::encode(&source.view(), depth, &palette, &mut payload, &mut scratch);
    let mut target = Picture::new(SIZE);
    Box::new(move || {
        let target = &mut target.as_mut();
        interleaved::decode(&payload, SIZE, depth, &palette, target, &mut scratch)
            .expect("our own payload");
    })
}

fn alpha() -> Box<dyn FnMut()> {
    let mut source = picture(0);
    // Long runs with ragged ends, as a window with soft corners and a shadow has.
    for (index, pixel) in source.data_mut().chunks_exact_mut(4).enumerate() {
        let column = index % SIZE.width as usize;
        pixel[3] = column.min(SIZE.width as usize - 1 - column).min(51) as u8 * 5;
    }
    let mut payload = Vec::new();
    alpha::encode(&source.view(), &mut payload);
    let mut target = Picture::new(SIZE);
    Box::new(move || {
        alpha::decode(&payload, &mut target.as_mut()).expect("our own payload");
    })
}

fn zgfx() -> Box<dyn FnMut()> {
    let mut compressed = Vec::new();
    zgfx::Compressor::new().compress(picture(0).data(), &mut compressed);
    let (mut decompressor, mut out) = (zgfx::Decompressor::new(), Vec::new());
    Box::new(move || {
        out.clear();
        decompressor
            .decompress(&compressed, &mut out)
            .expect("our own segments");
    })
}

fn pointer() -> Box<dyn FnMut()> {
    let size = Size::new(64, 64);
    let masks = pointer::encode(&text_desktop(size, 0).view(), None, true);
    Box::new(move || {
        let depth = masks.bits_per_pixel;
        let palette = Palette::default();
        pointer::decode(size, depth, &masks.xor_mask, &masks.and_mask, &palette)
            .expect("our own masks");
    })
}

fn remotefx() -> Box<dyn FnMut()> {
    let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions::default());
    let mut turn = |step| {
        let mut payload = Vec::new();
        encoder.encode(&picture(step).view(), &[SIZE.to_rect()], &mut payload);
        payload
    };
    let mut payloads = [turn(0), turn(1)].into_iter();
    let (mut decoder, mut target) = (RemoteFxDecoder::new(), Picture::new(SIZE));
    let mut painted = Vec::new();
    Box::new(move || {
        painted.clear();
        let payload = payloads.next().expect("a payload for each turn");
        decoder
            .decode(&payload, &mut target.as_mut(), &mut painted)
            .expect("our own payload");
    })
}

/// Decodes one payload a turn, after those of `before`.
fn progressive(before: &[Vec<u8>], turns: [Vec<u8>; 2]) -> Box<dyn FnMut()> {
    let (mut decoder, mut target) = (ProgressiveDecoder::new(SIZE), Picture::new(SIZE));
    let mut painted = Vec::new();
    let mut decode = move |payload: &[u8]| {
        painted.clear();
        decoder
            .decode(
                payload,
                Point::default(),
                &mut target.as_mut(),
                &mut painted,
            )
            .expect("our own payload");
    };
    for payload in before {
        decode(payload);
    }
    let mut payloads = turns.into_iter();
    Box::new(move || decode(&payloads.next().expect("a payload for each turn")))
}

fn progressive_first() -> Box<dyn FnMut()> {
    let mut encoder = ProgressiveEncoder::new(SIZE, ProgressiveEncoderOptions::default());
    let mut turn = |step| {
        let mut payload = Vec::new();
        let view = picture(step);
        encoder.encode(&view.view(), &[SIZE.to_rect()], Pass::First, &mut payload);
        payload
    };
    progressive(&[], [turn(0), turn(1)])
}

/// The two upgrades that follow on a first pass.
fn progressive_upgrade() -> Box<dyn FnMut()> {
    let mut encoder = ProgressiveEncoder::new(SIZE, ProgressiveEncoderOptions::default());
    let mut first = Vec::new();
    encoder.encode(
        &picture(0).view(),
        &[SIZE.to_rect()],
        Pass::First,
        &mut first,
    );
    let mut turn = || {
        let mut payload = Vec::new();
        encoder.upgrade(&[SIZE.to_rect()], &mut payload);
        assert!(!payload.is_empty(), "there is more to tell");
        payload
    };
    progressive(&[first], [turn(), turn()])
}

fn clearcodec() -> Box<dyn FnMut()> {
    let mut encoder = ClearCodecEncoder::new();
    let mut turn = |step| {
        let mut payload = Vec::new();
        encoder.encode(&picture(step).view(), &mut payload);
        payload
    };
    let mut payloads = [turn(0), turn(1)].into_iter();
    let (mut decoder, mut target) = (ClearCodecDecoder::new(), Picture::new(SIZE));
    Box::new(move || {
        let payload = payloads.next().expect("a payload for each turn");
        decoder
            .decode(&payload, &mut target.as_mut())
            .expect("our own payload");
    })
}

fn nscodec() -> Box<dyn FnMut()> {
    let (mut scratch, mut payload) = (NsCodecScratch::default(), Vec::new());
    let options = NsCodecOptions {
        color_loss_level: 3,
        chroma_subsampling: true,
        ..NsCodecOptions::default()
    };
    nscodec::encode(&picture(0).view(), &options, &mut payload, &mut scratch);
    let mut target = Picture::new(SIZE);
    Box::new(move || {
        let target = &mut target.as_mut();
        nscodec::decode(&payload, RowOrder::BottomUp, target, &mut scratch)
            .expect("our own payload");
    })
}

/// Bitmaps in messages of the size that servers compress.
fn bulk(level: CompressionLevel) -> Box<dyn FnMut()> {
    const MESSAGE_BYTES: usize = 8000;
    let mut compressor = BulkCompressor::new(level);
    let mut turn = |step| -> Vec<(u8, Vec<u8>)> {
        let mut payload = Vec::new();
        let (layout, options) = (PlanarLayout::update(SIZE), PlanarOptions::default());
        let scratch = &mut PlanarScratch::default();
        planar::encode(
            &picture(step).view(),
            &layout,
            &options,
            &mut payload,
            scratch,
        );
        let messages = payload.chunks(MESSAGE_BYTES).map(|message| {
            let mut out = Vec::new();
            let flags = compressor.compress(message, &mut out);
            (flags, out)
        });
        messages.collect()
    };
    let mut turns = [turn(0), turn(1)].into_iter();
    let mut decompressor = BulkDecompressor::new();
    Box::new(move || {
        for (flags, message) in turns.next().expect("messages for each turn") {
            decompressor
                .decompress(flags, &message)
                .expect("our own messages");
        }
    })
}
