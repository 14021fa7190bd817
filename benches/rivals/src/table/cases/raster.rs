use oriel_codecs::{
    ColorDepth, Palette, Picture, Rect, Size, alpha,
    bitmap::{self, BitmapLayout},
    interleaved::{self, InterleavedScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
};
use oriel_rivals::{cut, freerdp, ironrdp, palette};

use super::{
    Bench, FREERDP, Label, ORIEL, Row, bytes_of,
    parts::{Part, Parts, tiles},
};
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

fn planar_rows(bench: &Bench, source: &Picture, push: &mut dyn FnMut(Row)) {
    let size = source.size();
    let layout = PlanarLayout::pipeline(size, false);
    let options = PlanarOptions::default();
    let mut scratch = PlanarScratch::default();
    let ours = Parts::of_bands(size, |rect, out| {
        let band = source.view().sub(&rect).expect("a part of the picture");
        let layout = PlanarLayout::pipeline(rect.size(), false);
        planar::encode(&band, &layout, &options, out, &mut scratch);
        true
    });
    let theirs = bench.freerdp().and_then(|freerdp| {
        let mut codec = freerdp::Planar::new(freerdp, size);
        Parts::of_bands(size, |rect, out| codec.encode(&cut(source, &rect), out))
    });
    for (parts, encoder) in [(ours, ORIEL), (theirs, FREERDP)] {
        if let Some(parts) = parts {
            let contest = planar_decoding(bench, size, &parts);
            push(bench.row(Label::decoding("planar", encoder), &contest));
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

fn planar_decoding<'a>(bench: &Bench, size: Size, parts: &'a Parts) -> Contest<'a> {
    Contest {
        ours: parts.ours(|part, target, scratch| {
            let layout = PlanarLayout::pipeline(part.rect.size(), false);
            planar::decode(&part.payload, &layout, target, scratch).expect("ours");
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut codec = freerdp::Planar::new(freerdp, size);
            let mut target = Picture::new(size);
            Box::new(move || {
                let mut parts = parts.iter();
                parts.all(|part| codec.decode(&part.payload, &mut target, part.rect))
            })
        }),
        ironrdp: Some(Maker::rival(bytes_of(size), move || {
            let (mut codec, mut target) = (ironrdp::Planar::default(), Picture::new(size));
            Box::new(move || {
                parts.iter().all(|part| {
                    let mut target = target.as_mut();
                    let target = &mut target.sub(&part.rect).expect("a part of the picture");
                    let rgb = codec.decode(&part.payload, part.rect.size());
                    rgb.inspect(|rgb| ironrdp::draw_rgb(rgb, target)).is_some()
                })
            })
        })),
        amount: size.area(),
        has_freerdp_threads: false,
        is_decoding: true,
    }
}

fn interleaved_rows(
    bench: &Bench,
    source: &Picture,
    name: &'static str,
    depth: ColorDepth,
    push: &mut dyn FnMut(Row),
) {
    let size = source.size();
    let palette = &palette();
    let mut scratch = InterleavedScratch::default();
    let ours = Parts::of_bands(size, |rect, out| {
        let band = source.view().sub(&rect).expect("a part of the picture");
        interleaved::encode(&band, depth, palette, out, &mut scratch);
        true
    });
    let of_freerdp = bench.freerdp().filter(|_| depth != ColorDepth::Indexed8);
    let theirs = of_freerdp.and_then(|freerdp| {
        let mut codec = freerdp::Interleaved::new(freerdp, true);
        Parts::of_tiles(size, |rect, out| codec.encode(source, rect, depth, out))
    });
    for (parts, encoder) in [(ours, ORIEL), (theirs, FREERDP)] {
        if let Some(parts) = parts {
            let contest = interleaved_decoding(bench, size, depth, palette, &parts);
            push(bench.row(Label::decoding(name, encoder), &contest));
        }
    }
    // FreeRDP's takes no larger ones.
    let tiles = &tiles(size);
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
                        codec.encode(source, *tile, depth, &mut out)
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

fn interleaved_decoding<'a>(
    bench: &Bench,
    size: Size,
    depth: ColorDepth,
    palette: &'a Palette,
    parts: &'a Parts,
) -> Contest<'a> {
    Contest {
        ours: parts.ours(move |part, target, scratch| {
            let size = part.rect.size();
            interleaved::decode(&part.payload, size, depth, palette, target, scratch)
                .expect("ours");
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut codec = freerdp::Interleaved::new(freerdp, false);
            let mut target = Picture::new(size);
            Box::new(move || {
                let mut parts = parts.iter();
                parts.all(|part| codec.decode(&part.payload, depth, &mut target, part.rect))
            })
        }),
        ironrdp: Some(Maker::rival(bytes_of(size), move || {
            let (mut packed, mut target) = (Vec::new(), Picture::new(size));
            Box::new(move || {
                parts.iter().all(|Part { rect, payload }| {
                    let is_decoded =
                        ironrdp::decode_interleaved(payload, depth, rect.size(), &mut packed);
                    ironrdp::draw_packed(&packed, depth, palette, rect, &mut target);
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
    let palette = &palette();
    let layout = |rect: &Rect| BitmapLayout::update(rect.size(), depth);
    let parts = &Parts::of_bands(size, |rect, out| {
        let band = source.view().sub(&rect).expect("a part of the picture");
        bitmap::encode(&band, &layout(&rect), palette, out);
        true
    })
    .expect("nothing is refused");
    let stride = (size.width as usize * depth.bytes_per_pixel()).next_multiple_of(4);
    let contest = Contest {
        ours: parts.ours(move |part, target, _: &mut ()| {
            bitmap::decode(&part.payload, &layout(&part.rect), palette, target).expect("ours");
        }),
        freerdp: bench.rival(bytes_of(size), move |freerdp| {
            let mut target = Picture::new(size);
            Box::new(move || {
                parts.iter().all(|Part { rect, payload }| {
                    freerdp::copy_image(freerdp, payload, depth, stride, &mut target, *rect)
                })
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
    let parts = &Parts::of_bands(size, |rect, out| {
        let band = source.view().sub(&rect).expect("a part of the picture");
        alpha::encode(&band, out);
        true
    })
    .expect("nothing is refused");
    let contest = Contest {
        ours: parts.ours(|part, target, _: &mut ()| {
            alpha::decode(&part.payload, target).expect("ours");
        }),
        freerdp: None,
        ironrdp: Some(Maker::rival(bytes_of(size), move || {
            let mut target = Picture::new(size);
            Box::new(move || {
                parts.iter().all(|part| {
                    let mut target = target.as_mut();
                    let target = &mut target.sub(&part.rect).expect("a part of the picture");
                    ironrdp::decode_alpha(&part.payload, target)
                })
            })
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
