use oriel_codecs::{
    Picture, RowOrder, Size,
    clearcodec::{ClearCodecDecoder, ClearCodecEncoder},
    jpeg::{self, JpegScratch},
    nscodec::{self, NsCodecOptions, NsCodecScratch},
};
use oriel_rivals::{cut, freerdp, ironrdp};

use super::{Bench, FREERDP, Label, ORIEL, Row, bytes_of, parts::Parts};
use crate::table::contest::{Contest, Maker};

pub(super) fn run(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    if bench.wants("clearcodec") {
        clearcodec_rows(bench, source, push);
    }
    for (name, chroma_subsampling) in [("nscodec", false), ("nscodec 4:2:0", true)] {
        if bench.wants(name) {
            nscodec_rows(bench, source, name, chroma_subsampling, push);
        }
    }
    if bench.wants("jpeg") {
        jpeg_rows(bench, source, push);
    }
}

/// FreeRDP refuses what does not come next.
fn next_in_sequence(payload: &mut [u8]) {
    payload[1] = payload[1].wrapping_add(1);
}

fn clearcodec_rows(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    /// Caches begin anew, so that the payload means the same each time.
    const CACHE_RESET: u8 = 0x04;
    let size = source.size();
    let mut payload = Vec::new();
    ClearCodecEncoder::new().encode(&source.view(), &mut payload);
    payload[0] |= CACHE_RESET;
    let payload = &payload;
    let contest = Contest {
        ours: Maker::ours(bytes_of(size) + payload.len(), move || {
            let (mut decoder, mut target) = (ClearCodecDecoder::new(), Picture::new(size));
            let mut payload = payload.clone();
            Box::new(move || {
                let decoded = decoder.decode(&payload, &mut target.as_mut());
                decoded.expect("ours");
                next_in_sequence(&mut payload);
            })
        }),
        freerdp: bench.rival(bytes_of(size) + payload.len(), move |freerdp| {
            let mut decoder = freerdp::ClearCodec::new(freerdp);
            let (mut target, mut payload) = (Picture::new(size), payload.clone());
            Box::new(move || {
                let is_decoded = decoder.decode(&payload, &mut target, size.to_rect());
                next_in_sequence(&mut payload);
                is_decoded
            })
        }),
        ironrdp: Some(Maker::rival(payload.len(), move || {
            let (mut decoder, mut payload) = (ironrdp::ClearCodec::default(), payload.clone());
            Box::new(move || {
                let is_decoded = decoder.decode(&payload, size).is_ok();
                next_in_sequence(&mut payload);
                is_decoded
            })
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    };
    push(bench.row(Label::decoding("clearcodec", ORIEL), &contest));

    // With the caches as the same picture left them: what comes after the first one.
    let contest = Contest {
        ours: Maker::ours(0, || {
            let (mut encoder, mut out) = (ClearCodecEncoder::new(), Vec::new());
            Box::new(move || {
                out.clear();
                encoder.encode(&source.view(), &mut out);
            })
        }),
        freerdp: None,
        ironrdp: Some(Maker::rival(0, || {
            let mut codec = ironrdp::ClearCodec::default();
            Box::new(move || !codec.encode(source).is_empty())
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding("clearcodec"), &contest));
}

const COLOR_LOSS_LEVEL: u8 = 3;

fn nscodec_rows(
    bench: &Bench,
    source: &Picture,
    name: &'static str,
    chroma_subsampling: bool,
    push: &mut dyn FnMut(Row),
) {
    let size = source.size();
    let options = NsCodecOptions {
        color_loss_level: COLOR_LOSS_LEVEL,
        chroma_subsampling,
        ..NsCodecOptions::default()
    };
    let mut scratch = NsCodecScratch::default();
    let ours = Parts::of_bands(size, |rect, out| {
        let band = source.view().sub(&rect).expect("a part of the picture");
        nscodec::encode(&band, &options, out, &mut scratch);
        true
    });
    let theirs = bench.freerdp().and_then(|freerdp| {
        let mut codec = freerdp::NsCodec::new(freerdp, size);
        codec.set_loss(COLOR_LOSS_LEVEL, chroma_subsampling);
        Parts::of_bands(size, |rect, out| {
            let payload = codec.encode(&cut(source, &rect));
            payload.inspect(|payload| out.extend(*payload)).is_some()
        })
    });
    for (parts, encoder) in [(ours, ORIEL), (theirs, FREERDP)] {
        if let Some(parts) = parts {
            let contest = nscodec_decoding(bench, size, &parts);
            push(bench.row(Label::decoding(name, encoder), &contest));
        }
    }
    let contest = Contest {
        ours: Maker::ours(0, || {
            let (mut scratch, mut out) = (NsCodecScratch::default(), Vec::new());
            Box::new(move || {
                out.clear();
                nscodec::encode(&source.view(), &options, &mut out, &mut scratch);
            })
        }),
        freerdp: bench.rival(0, move |freerdp| {
            let mut codec = freerdp::NsCodec::new(freerdp, size);
            codec.set_loss(COLOR_LOSS_LEVEL, chroma_subsampling);
            Box::new(move || codec.encode(source).is_some())
        }),
        // It does not subsample.
        ironrdp: (!chroma_subsampling).then(|| {
            Maker::rival(0, || {
                Box::new(|| !ironrdp::encode_nscodec(source, COLOR_LOSS_LEVEL).is_empty())
            })
        }),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding(name), &contest));
}

fn nscodec_decoding<'a>(bench: &Bench, size: Size, parts: &'a Parts) -> Contest<'a> {
    Contest {
        ours: parts.ours(|part, target, scratch| {
            nscodec::decode(&part.payload, RowOrder::BottomUp, target, scratch).expect("ours");
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut codec = freerdp::NsCodec::new(freerdp, size);
            let mut target = Picture::new(size);
            Box::new(move || {
                let mut parts = parts.iter();
                parts.all(|part| codec.decode(&part.payload, &mut target, part.rect))
            })
        }),
        ironrdp: Some(Maker::rival(0, move || {
            let mut codec = ironrdp::NsCodec::default();
            Box::new(move || {
                let mut parts = parts.iter();
                parts.all(|part| codec.decode(&part.payload, part.rect.size()).is_ok())
            })
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    }
}

fn jpeg_rows(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    const QUALITY: u8 = 80;
    let size = source.size();
    let parts = &Parts::of_bands(size, |rect, out| {
        let band = source.view().sub(&rect).expect("a part of the picture");
        jpeg::encode(&band, QUALITY, out);
        true
    })
    .expect("nothing is refused");
    let contest = Contest {
        ours: parts.ours(|part, target, scratch: &mut JpegScratch| {
            jpeg::decode(&part.payload, target, scratch).expect("ours");
        }),
        freerdp: bench.rival(0, move |freerdp| {
            let mut rgb = Vec::new();
            Box::new(move || {
                parts.iter().all(|part| {
                    let size = part.rect.size();
                    freerdp::decode_jpeg(freerdp, &part.payload, size, &mut rgb)
                })
            })
        }),
        ironrdp: None,
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    };
    push(bench.row(Label::decoding("jpeg", ORIEL), &contest));
    let contest = Contest {
        ours: Maker::ours(0, move || {
            let mut out = Vec::new();
            Box::new(move || {
                out.clear();
                jpeg::encode(&source.view(), QUALITY, &mut out);
            })
        }),
        freerdp: None,
        ironrdp: None,
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding("jpeg"), &contest));
}
