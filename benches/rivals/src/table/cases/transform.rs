use oriel_codecs::{
    Picture, Point, Size,
    progressive::{Pass, ProgressiveDecoder, ProgressiveEncoder, ProgressiveEncoderOptions},
    remotefx::{Entropy, Mode, RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions},
};
use oriel_rivals::{freerdp, ironrdp};

use super::{Bench, FREERDP, Label, ORIEL, Row, bytes_of};
use crate::table::contest::{Contest, Maker};

const ORIGIN: Point = Point::new(0, 0);

pub(super) fn run(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    for (name, entropy) in [
        ("remotefx rlgr1", Entropy::Rlgr1),
        ("remotefx rlgr3", Entropy::Rlgr3),
    ] {
        if bench.wants(name) {
            remotefx_rows(bench, source, name, entropy, push);
        }
    }
    if bench.wants("progressive") {
        progressive_rows(bench, source, push);
    }
}

fn remotefx_rows(
    bench: &Bench,
    source: &Picture,
    name: &'static str,
    entropy: Entropy,
    push: &mut dyn FnMut(Row),
) {
    let size = source.size();
    let whole = [size.to_rect()];
    let options = RemoteFxEncoderOptions {
        entropy,
        mode: Mode::Image,
        ..RemoteFxEncoderOptions::default()
    };
    let mut payload = Vec::new();
    RemoteFxEncoder::new(options).encode(&source.view(), &whole, &mut payload);
    let contest = remotefx_decoding(bench, size, &payload);
    push(bench.row(Label::decoding(name, ORIEL), &contest));
    if let Some(freerdp) = bench.freerdp() {
        let mut encoder = freerdp::RemoteFxEncoder::new(freerdp, size, entropy);
        if let Some(payload) = encoder.encode(source, &whole) {
            let contest = remotefx_decoding(bench, size, payload);
            push(bench.row(Label::decoding(name, FREERDP), &contest));
        }
    }
    let contest = Contest {
        ours: Maker::ours(0, || {
            let (mut encoder, mut out) = (RemoteFxEncoder::new(options), Vec::new());
            Box::new(move || {
                out.clear();
                encoder.encode(&source.view(), &whole, &mut out);
            })
        }),
        freerdp: bench.rival(0, move |freerdp| {
            let mut encoder = freerdp::RemoteFxEncoder::new(freerdp, size, entropy);
            Box::new(move || encoder.encode(source, &whole).is_some())
        }),
        ironrdp: Some(Maker::rival(0, || {
            let mut out = Vec::new();
            Box::new(move || ironrdp::encode_remotefx_tiles(source, entropy, &mut out) > 0)
        })),
        amount: size.area(),
        has_freerdp_threads: true,
        is_decoding: false,
    };
    push(bench.row(Label::encoding(name), &contest));
}

fn remotefx_decoding<'a>(bench: &Bench, size: Size, payload: &'a [u8]) -> Contest<'a> {
    Contest {
        ours: Maker::ours(bytes_of(size), move || {
            let (mut decoder, mut target) = (RemoteFxDecoder::new(), Picture::new(size));
            let mut painted = Vec::new();
            Box::new(move || {
                painted.clear();
                let target = &mut target.as_mut();
                decoder.decode(payload, target, &mut painted).expect("ours");
            })
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut decoder = freerdp::RemoteFx::new(freerdp, size);
            let mut target = Picture::new(size);
            Box::new(move || decoder.decode(payload, &mut target, ORIGIN))
        }),
        ironrdp: Some(Maker::rival(bytes_of(size), move || {
            let (mut decoder, mut target) = (ironrdp::RemoteFx::default(), Picture::new(size));
            Box::new(move || decoder.decode(payload, &mut target))
        })),
        amount: size.area(),
        has_freerdp_threads: true,
        is_decoding: true,
    }
}

fn progressive_rows(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    const SIMPLE: &str = "progressive simple";
    const PASSES: &str = "progressive passes";
    let size = source.size();
    let whole = [size.to_rect()];
    let encoder = || ProgressiveEncoder::new(size, ProgressiveEncoderOptions::default());
    let mut payload = Vec::new();
    encoder().encode(&source.view(), &whole, Pass::Whole, &mut payload);
    let payloads = [payload];
    let contest = progressive_decoding(bench, size, 1, &payloads);
    push(bench.row(Label::decoding(SIMPLE, ORIEL), &contest));
    if let Some(freerdp) = bench.freerdp() {
        let mut encoder = freerdp::Progressive::new(freerdp, size, true);
        if let Some(payload) = encoder.encode(source) {
            let payloads = [payload.to_vec()];
            let contest = progressive_decoding(bench, size, 1, &payloads);
            push(bench.row(Label::decoding(SIMPLE, FREERDP), &contest));
        }
    }

    let (mut passes, mut payloads) = (encoder(), vec![Vec::new()]);
    passes.encode(&source.view(), &whole, Pass::First, &mut payloads[0]);
    while passes.unfinished() > 0 {
        let mut payload = Vec::new();
        passes.upgrade(&whole, &mut payload);
        payloads.push(payload);
    }
    let contest = progressive_decoding(bench, size, payloads.len() as u64, &payloads);
    push(bench.row(Label::decoding(PASSES, ORIEL), &contest));

    let contest = Contest {
        ours: Maker::ours(0, || {
            let (mut encoder, mut out) = (encoder(), Vec::new());
            Box::new(move || {
                out.clear();
                encoder.encode(&source.view(), &whole, Pass::Whole, &mut out);
            })
        }),
        freerdp: bench.rival(0, move |freerdp| {
            let mut encoder = freerdp::Progressive::new(freerdp, size, true);
            Box::new(move || encoder.encode(source).is_some())
        }),
        ironrdp: None,
        amount: size.area(),
        has_freerdp_threads: true,
        is_decoding: false,
    };
    push(bench.row(Label::encoding(SIMPLE), &contest));
}

/// All `passes` of a picture count.
fn progressive_decoding<'a>(
    bench: &Bench,
    size: Size,
    passes: u64,
    payloads: &'a [Vec<u8>],
) -> Contest<'a> {
    Contest {
        ours: Maker::ours(bytes_of(size), move || {
            let (mut decoder, mut target) = (ProgressiveDecoder::new(size), Picture::new(size));
            let mut painted = Vec::new();
            Box::new(move || {
                for payload in payloads {
                    painted.clear();
                    let target = &mut target.as_mut();
                    let decoded = decoder.decode(payload, ORIGIN, target, &mut painted);
                    decoded.expect("ours");
                }
            })
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut decoder = freerdp::Progressive::new(freerdp, size, false);
            let mut target = Picture::new(size);
            Box::new(move || {
                let mut payloads = payloads.iter();
                payloads.all(|payload| decoder.decode(payload, &mut target, size.to_rect()))
            })
        }),
        ironrdp: Some(Maker::rival(
            bytes_of(size) + payloads.iter().map(Vec::len).sum::<usize>(),
            move || {
                let mut decoder = ironrdp::Progressive::new(size);
                let (mut target, mut payloads) = (Picture::new(size), payloads.to_vec());
                for payload in &mut payloads {
                    ironrdp::Progressive::move_flag(payload);
                }
                Box::new(move || {
                    let mut payloads = payloads.iter();
                    payloads.all(|payload| decoder.decode(payload, &mut target))
                })
            },
        )),
        amount: size.area() * passes,
        has_freerdp_threads: true,
        is_decoding: true,
    }
}
