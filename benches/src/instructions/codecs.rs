//! Decoding a picture of each codec.

use oriel_codecs::{
    ColorDepth, Palette, Picture, Size, alpha,
    bulk::zgfx,
    interleaved::{self, InterleavedScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
    pointer,
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
        name: "decompress zgfx",
        prepare: zgfx,
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
