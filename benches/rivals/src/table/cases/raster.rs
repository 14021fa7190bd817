use oriel_codecs::{
    ColorDepth, Picture, Point, Rect, Size, alpha,
    bitmap::{self, BitmapLayout},
    interleaved::{self, InterleavedScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
};
use oriel_rivals::{
    freerdp::{self, FreeRdp},
    ironrdp, palette,
};

use super::{Bench, FREERDP, Label, ORIEL, Row};
use crate::table::contest::{Contest, Maker};

pub(super) fn run(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    if bench.wants("planar") {
        planar_rows(bench, source, push);
    }
    for (name, depth) in [
        ("interleaved 8", ColorDepth::Indexed8),
        ("interleaved 15", ColorDepth::Rgb555),
        ("interleaved 16", ColorDepth::Rgb565),
        ("interleaved 24", ColorDepth::Bgr24),
    ] {
        if bench.wants(name) {
            interleaved_rows(bench, source, name, depth, push);
        }
    }
    for (name, depth) in [
        ("raw 16", ColorDepth::Rgb565),
        ("raw 32", ColorDepth::Bgrx32),
    ] {
        if bench.wants(name) {
            push(raw_row(bench, source, name, depth));
        }
    }
    if bench.wants("alpha") {
        alpha_rows(bench, source, push);
    }
}

/// Bytes of the picture that is drawn.
pub(super) fn bytes_of(size: Size) -> usize {
    size.area() as usize * 4
}

fn planar_rows(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    let size = source.size();
    let layout = PlanarLayout::pipeline(size, false);
    let options = PlanarOptions::default();
    let (mut payload, mut scratch) = (Vec::new(), PlanarScratch::default());
    planar::encode(
        &source.view(),
        &layout,
        &options,
        &mut payload,
        &mut scratch,
    );
    let contest = planar_decoding(bench, size, &payload);
    push(bench.row(Label::decoding("planar", ORIEL), &contest));
    if let Some(freerdp) = bench.freerdp() {
        let mut payload = Vec::new();
        if freerdp::Planar::new(freerdp, size).encode(source, &mut payload) {
            let contest = planar_decoding(bench, size, &payload);
            push(bench.row(Label::decoding("planar", FREERDP), &contest));
        }
    }
    let contest = Contest {
        ours: Maker::ours(0, || {
            let (mut scratch, mut out) = (PlanarScratch::default(), Vec::new());
            Box::new(move || {
                out.clear();
                planar::encode(&source.view(), &layout, &options, &mut out, &mut scratch);
            })
        }),
        freerdp: bench.rival(0, |freerdp| {
            let (mut codec, mut out) = (freerdp::Planar::new(freerdp, size), Vec::new());
            Box::new(move || {
                out.clear();
                codec.encode(source, &mut out)
            })
        }),
        ironrdp: Some(Maker::rival(0, || {
            let (mut codec, mut out) = (ironrdp::Planar::default(), Vec::new());
            Box::new(move || {
                out.clear();
                codec.encode(source, &mut out);
                true
            })
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding("planar"), &contest));
}

fn planar_decoding<'a>(bench: &Bench, size: Size, payload: &'a [u8]) -> Contest<'a> {
    let layout = PlanarLayout::pipeline(size, false);
    Contest {
        ours: Maker::ours(bytes_of(size), move || {
            let (mut scratch, mut target) = (PlanarScratch::default(), Picture::new(size));
            Box::new(move || {
                let target = &mut target.as_mut();
                planar::decode(payload, &layout, target, &mut scratch).expect("ours");
            })
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut codec = freerdp::Planar::new(freerdp, size);
            let mut target = Picture::new(size);
            Box::new(move || codec.decode(payload, size, &mut target, Point::new(0, 0)))
        }),
        ironrdp: Some(Maker::rival(bytes_of(size), move || {
            let (mut codec, mut target) = (ironrdp::Planar::default(), Picture::new(size));
            Box::new(move || {
                let rgb = codec.decode(payload, size);
                rgb.inspect(|rgb| ironrdp::draw_rgb(rgb, &mut target))
                    .is_some()
            })
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    }
}

/// A picture in parts that were encoded each by itself.
type Parts = Vec<(Rect, Vec<u8>)>;

fn interleaved_rows(
    bench: &Bench,
    source: &Picture,
    name: &'static str,
    depth: ColorDepth,
    push: &mut dyn FnMut(Row),
) {
    let size = source.size();
    let palette = &palette();
    let (mut scratch, mut payload) = (InterleavedScratch::default(), Vec::new());
    interleaved::encode(&source.view(), depth, palette, &mut payload, &mut scratch);
    let parts = vec![(size.to_rect(), payload)];
    let contest = interleaved_decoding(bench, size, depth, &parts);
    push(bench.row(Label::decoding(name, ORIEL), &contest));
    let tiles = &tiles(size);
    let of_freerdp = bench.freerdp().filter(|_| depth != ColorDepth::Indexed8);
    let parts = of_freerdp.and_then(|freerdp| encode_tiles(freerdp, source, depth, tiles));
    if let Some(parts) = parts {
        let contest = interleaved_decoding(bench, size, depth, &parts);
        push(bench.row(Label::decoding(name, FREERDP), &contest));
    }
    let contest = Contest {
        ours: Maker::ours(0, move || {
            let (mut scratch, mut out) = (InterleavedScratch::default(), Vec::new());
            Box::new(move || {
                for tile in tiles {
                    out.clear();
                    let part = source.view().sub(tile).expect("a part of the picture");
                    interleaved::encode(&part, depth, palette, &mut out, &mut scratch);
                }
            })
        }),
        freerdp: of_freerdp.and_then(|_| {
            bench.rival(0, move |freerdp| {
                let mut codec = freerdp::Interleaved::new(freerdp, true);
                let mut out = Vec::new();
                Box::new(move || {
                    tiles.iter().all(|tile| {
                        out.clear();
                        codec.encode(source, tile.origin(), tile.size(), depth, &mut out)
                    })
                })
            })
        }),
        ironrdp: None,
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding(name), &contest));
}

/// What bitmap updates cut a picture into.
fn tiles(size: Size) -> Vec<Rect> {
    let edge = freerdp::Interleaved::MOST_ENCODED_EDGE as i32;
    let (right, bottom) = (size.width as i32, size.height as i32);
    let rows = (0..bottom).step_by(edge as usize);
    rows.flat_map(|top| {
        let columns = (0..right).step_by(edge as usize);
        columns.map(move |left| {
            let whole = Rect::new(0, 0, right, bottom);
            Rect::new(left, top, left + edge, top + edge).intersect(&whole)
        })
    })
    .collect()
}

fn encode_tiles(
    freerdp: FreeRdp,
    source: &Picture,
    depth: ColorDepth,
    tiles: &[Rect],
) -> Option<Parts> {
    let mut codec = freerdp::Interleaved::new(freerdp, true);
    let part = |tile: &Rect| {
        let mut payload = Vec::new();
        let is_written = codec.encode(source, tile.origin(), tile.size(), depth, &mut payload);
        is_written.then_some((*tile, payload))
    };
    tiles.iter().map(part).collect()
}

fn interleaved_decoding<'a>(
    bench: &Bench,
    size: Size,
    depth: ColorDepth,
    parts: &'a Parts,
) -> Contest<'a> {
    Contest {
        ours: Maker::ours(bytes_of(size), move || {
            let (mut scratch, mut target) = (InterleavedScratch::default(), Picture::new(size));
            let palette = palette();
            Box::new(move || {
                let mut view = target.as_mut();
                for (rect, payload) in parts {
                    let part = &mut view.sub(rect).expect("a part of the picture");
                    interleaved::decode(payload, rect.size(), depth, &palette, part, &mut scratch)
                        .expect("ours");
                }
            })
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut codec = freerdp::Interleaved::new(freerdp, false);
            let mut target = Picture::new(size);
            Box::new(move || {
                parts.iter().all(|(rect, payload)| {
                    codec.decode(payload, depth, rect.size(), &mut target, rect.origin())
                })
            })
        }),
        ironrdp: Some(Maker::rival(bytes_of(size), move || {
            let (mut packed, mut target) = (Vec::new(), Picture::new(size));
            let palette = palette();
            Box::new(move || {
                parts.iter().all(|(rect, payload)| {
                    let is_decoded =
                        ironrdp::decode_interleaved(payload, depth, rect.size(), &mut packed);
                    ironrdp::draw_packed(&packed, depth, &palette, rect, &mut target);
                    is_decoded
                })
            })
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    }
}

fn raw_row(bench: &Bench, source: &Picture, name: &'static str, depth: ColorDepth) -> Row {
    let size = source.size();
    let layout = BitmapLayout::update(size, depth);
    let palette = &palette();
    let mut payload = Vec::new();
    bitmap::encode(&source.view(), &layout, palette, &mut payload);
    let stride = (size.width as usize * depth.bytes_per_pixel()).next_multiple_of(4);
    let payload = &payload;
    let contest = Contest {
        ours: Maker::ours(bytes_of(size), move || {
            let mut target = Picture::new(size);
            Box::new(move || {
                bitmap::decode(payload, &layout, palette, &mut target.as_mut()).expect("ours");
            })
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let (mut target, at) = (Picture::new(size), Point::new(0, 0));
            Box::new(move || {
                freerdp::copy_image(freerdp, payload, depth, stride, size, &mut target, at)
            })
        }),
        ironrdp: None,
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    };
    bench.row(Label::decoding(name, ORIEL), &contest)
}

fn alpha_rows(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    let size = source.size();
    let mut source = source.clone();
    for pixel in source.data_mut().chunks_exact_mut(4) {
        // Opaque where it is light: the edges of letters and windows stay.
        pixel[3] = if pixel[1] > 200 { 255 } else { pixel[1] };
    }
    let source = &source;
    let mut payload = Vec::new();
    alpha::encode(&source.view(), &mut payload);
    let payload = &payload;
    let contest = Contest {
        ours: Maker::ours(bytes_of(size), move || {
            let mut target = Picture::new(size);
            Box::new(move || alpha::decode(payload, &mut target.as_mut()).expect("ours"))
        }),
        freerdp: None,
        ironrdp: Some(Maker::rival(bytes_of(size), move || {
            let mut target = Picture::new(size);
            Box::new(move || ironrdp::decode_alpha(payload, &mut target))
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    };
    push(bench.row(Label::decoding("alpha", ORIEL), &contest));
    let contest = Contest {
        ours: Maker::ours(0, move || {
            let mut out = Vec::new();
            Box::new(move || {
                out.clear();
                alpha::encode(&source.view(), &mut out);
            })
        }),
        freerdp: None,
        ironrdp: None,
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: false,
    };
    push(bench.row(Label::encoding("alpha"), &contest));
}
