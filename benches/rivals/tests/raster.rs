//! Codecs without loss that draw whole pictures: every decoder must draw the same pixels.
//!
//! The tolerance is 0: there is nothing to round. The exception is pixels of 15 and 16 bits, which
//! become eight bits a channel in three ways ([`most_steps`]).

use oriel_codecs::{
    ColorDepth, Picture, Rect, Size, alpha,
    bitmap::{self, BitmapLayout},
    interleaved::{self, InterleavedScratch},
    planar::{self, PlanarLayout, PlanarOptions, PlanarScratch},
};
use oriel_rivals::{
    freerdp::{self, FreeRdp},
    ironrdp, palette,
    samples::{Distance, Frame, Samples, picture_of_rgb},
};

const ROUNDS: u32 = 150;

fn assert_same(ours: &Picture, theirs: &Picture, what: &str) {
    let distance = Distance::of_colors(ours.data(), theirs.data());
    assert_eq!(distance.most, 0, "{what}, {:?}", ours.size());
}

fn decode_planar_by_all(payload: &[u8], size: Size, samples: &mut Samples, from: &str) -> Picture {
    let mut ours = Frame::new(samples, size);
    let mut view = ours.picture.as_mut();
    let target = &mut view.sub(&ours.place).expect("in the frame");
    let layout = PlanarLayout::pipeline(size, false);
    planar::decode(payload, &layout, target, &mut PlanarScratch::default()).expect(from);
    ours.assert_margins("Oriel");
    if let Some(freerdp) = FreeRdp::load() {
        let mut theirs = ours.blank();
        let mut planar = freerdp::Planar::new(freerdp, size);
        assert!(
            planar.decode(payload, &mut theirs.picture, theirs.place),
            "FreeRDP refuses {from} at {size:?}"
        );
        assert_same(&ours.picture, &theirs.picture, from);
    }
    let mut planar = ironrdp::Planar::default();
    let rgb = planar.decode(payload, size).expect("IronRDP decodes it");
    let drawn = ours.cut();
    assert_same(&drawn, &picture_of_rgb(rgb, size), from);
    drawn
}

/// Bottom row first.
fn flipped(picture: &Picture) -> Picture {
    let rows = picture.data().chunks_exact(picture.stride_bytes()).rev();
    let data = rows.flatten().copied().collect();
    Picture::from_bgra(picture.size(), data).expect("as many bytes")
}

#[test]
fn planar_pictures_are_drawn_alike_whoever_encoded_them() {
    let freerdp = FreeRdp::load_or_say();
    let mut samples = Samples::new(1);
    for _ in 0..ROUNDS {
        let size = samples.size(200);
        let source = samples.picture(size);
        let mut payload = Vec::new();
        planar::encode(
            &source.view(),
            &PlanarLayout::pipeline(size, false),
            &PlanarOptions::default(),
            &mut payload,
            &mut PlanarScratch::default(),
        );
        let drawn = decode_planar_by_all(&payload, size, &mut samples, "Oriel's");
        assert_same(&source, &drawn, "Oriel's, to the source");

        payload.clear();
        ironrdp::Planar::default().encode(&source, &mut payload);
        let drawn = decode_planar_by_all(&payload, size, &mut samples, "IronRDP's");
        assert_same(&source, &drawn, "IronRDP's, to the source");

        if let Some(freerdp) = freerdp {
            payload.clear();
            let mut codec = freerdp::Planar::new(freerdp, size);
            let mut back = Picture::new(size);
            // Some of its payloads end too early, for itself too.
            if codec.encode(&source, &mut payload)
                && codec.decode(&payload, &mut back, size.to_rect())
            {
                let drawn = decode_planar_by_all(&payload, size, &mut samples, "FreeRDP's");
                assert_same(&flipped(&source), &drawn, "FreeRDP's, to the source");
            }
        }
    }
}

#[test]
fn planar_pictures_with_color_loss_and_subsampling_are_drawn_alike() {
    let freerdp = FreeRdp::load_or_say();
    let mut samples = Samples::new(2);
    for round in 0..ROUNDS {
        // Only even sizes: in the last half pair of a row FreeRDP reads what it has not got.
        let size = samples.size(100);
        let size = Size::new(
            size.width.next_multiple_of(2),
            size.height.next_multiple_of(2),
        );
        let source = samples.picture(size);
        let options = PlanarOptions {
            color_loss_level: samples.pick(1..=7) as u8,
            subsamples_chroma: round % 2 == 0,
        };
        let (mut payload, mut scratch) = (Vec::new(), PlanarScratch::default());
        let layout = PlanarLayout::pipeline(size, false);
        planar::encode(
            &source.view(),
            &layout,
            &options,
            &mut payload,
            &mut scratch,
        );
        let mut ours = Picture::new(size);
        planar::decode(&payload, &layout, &mut ours.as_mut(), &mut scratch).expect("our own");
        if let Some(freerdp) = freerdp {
            let mut theirs = Picture::new(size);
            let mut planar = freerdp::Planar::new(freerdp, size);
            assert!(
                planar.decode(&payload, &mut theirs, size.to_rect()),
                "{options:?}"
            );
            assert_same(&ours, &theirs, &format!("FreeRDP, {options:?}"));
        }
        let mut planar = ironrdp::Planar::default();
        let rgb = planar.decode(&payload, size).expect("IronRDP decodes it");
        let theirs = picture_of_rgb(rgb, size);
        assert_same(&ours, &theirs, &format!("IronRDP, {options:?}"));
    }
}

const DEPTHS: [ColorDepth; 4] = [
    ColorDepth::Indexed8,
    ColorDepth::Rgb555,
    ColorDepth::Rgb565,
    ColorDepth::Bgr24,
];

/// What decoders may be apart at a depth. We repeat the high bits at the low end; IronRDP scales and
/// rounds, which is a step at most; FreeRDP does as we do, except for the six bits of green, to
/// which it adds an eighth and not a sixteenth.
fn most_steps(depth: ColorDepth, who: &str) -> u8 {
    match (depth, who) {
        (ColorDepth::Rgb565, "FreeRDP") => 4,
        (ColorDepth::Rgb555 | ColorDepth::Rgb565, "IronRDP") => 1,
        _ => 0,
    }
}

fn assert_near(ours: &Picture, theirs: &Picture, depth: ColorDepth, who: &str) {
    let distance = Distance::of_colors(ours.data(), theirs.data());
    assert!(
        distance.most <= most_steps(depth, who),
        "{who}, {depth:?}, {:?}: {distance:?}",
        ours.size()
    );
}

fn decode_interleaved_by_all(
    payload: &[u8],
    depth: ColorDepth,
    size: Size,
    samples: &mut Samples,
) -> Picture {
    let mut ours = Frame::new(samples, size);
    let mut view = ours.picture.as_mut();
    let target = &mut view.sub(&ours.place).expect("in the frame");
    let scratch = &mut InterleavedScratch::default();
    interleaved::decode(payload, size, depth, &palette(), target, scratch).expect("ours");
    ours.assert_margins("Oriel");
    if let Some(freerdp) = FreeRdp::load() {
        let mut theirs = ours.blank();
        let mut codec = freerdp::Interleaved::new(freerdp, false);
        assert!(
            codec.decode(payload, depth, &mut theirs.picture, theirs.place),
            "FreeRDP refuses {depth:?} at {size:?}"
        );
        assert_near(&ours.picture, &theirs.picture, depth, "FreeRDP");
    }
    let mut packed = Vec::new();
    assert!(
        ironrdp::decode_interleaved(payload, depth, size, &mut packed),
        "IronRDP"
    );
    let drawn = ours.cut();
    let mut theirs = Picture::new(size);
    ironrdp::draw_packed(&packed, depth, &palette(), &size.to_rect(), &mut theirs);
    assert_near(&drawn, &theirs, depth, "IronRDP");
    drawn
}

#[test]
fn interleaved_pictures_are_drawn_alike_at_every_depth() {
    FreeRdp::load_or_say();
    let mut samples = Samples::new(3);
    for round in 0..ROUNDS {
        let depth = DEPTHS[round as usize % 4];
        let size = samples.size(200);
        let source = samples.picture(size);
        let (mut payload, mut scratch) = (Vec::new(), InterleavedScratch::default());
        interleaved::encode(
            &source.view(),
            depth,
            &palette(),
            &mut payload,
            &mut scratch,
        );
        let drawn = decode_interleaved_by_all(&payload, depth, size, &mut samples);
        if depth == ColorDepth::Bgr24 {
            assert_same(&source, &drawn, "to the source");
        }
    }
}

#[test]
fn interleaved_pictures_of_freerdp_are_drawn_alike() {
    let Some(freerdp) = FreeRdp::load_or_say() else {
        return;
    };
    let mut samples = Samples::new(4);
    for round in 0..ROUNDS {
        // It has no encoder for 8 bits a pixel.
        let depth = DEPTHS[1 + round as usize % 3];
        let size = Size::new(samples.pick(1..=16) * 4, samples.pick(1..=64));
        let source = samples.picture(size);
        let mut payload = Vec::new();
        let mut codec = freerdp::Interleaved::new(freerdp, true);
        assert!(codec.encode(&source, size.to_rect(), depth, &mut payload));
        // Not held against the source: of some pictures its encoder loses pixels.
        decode_interleaved_by_all(&payload, depth, size, &mut samples);
    }
}

#[test]
fn raw_bitmaps_are_drawn_alike_at_every_depth() {
    let Some(freerdp) = FreeRdp::load_or_say() else {
        return;
    };
    let mut samples = Samples::new(5);
    for round in 0..ROUNDS {
        let depth = [&DEPTHS[..], &[ColorDepth::Bgrx32]].concat()[round as usize % 5];
        let size = samples.size(200);
        let source = samples.picture(size);
        let layout = BitmapLayout::update(size, depth);
        let mut payload = Vec::new();
        bitmap::encode(&source.view(), &layout, &palette(), &mut payload);

        let mut ours = Frame::new(&mut samples, size);
        let mut view = ours.picture.as_mut();
        let target = &mut view.sub(&ours.place).expect("in the frame");
        bitmap::decode(&payload, &layout, &palette(), target).expect("our own");
        let mut theirs = ours.blank();
        let stride = (size.width as usize * depth.bytes_per_pixel()).next_multiple_of(4);
        let (target, place) = (&mut theirs.picture, theirs.place);
        assert!(freerdp::copy_image(
            freerdp, &payload, depth, stride, target, place
        ));
        assert_near(&ours.picture, &theirs.picture, depth, "FreeRDP");
    }
}

#[test]
fn alpha_is_set_alike() {
    let mut samples = Samples::new(6);
    for _ in 0..ROUNDS {
        let size = samples.size(300);
        let mut source = samples.picture(size);
        for pixel in source.data_mut().chunks_exact_mut(4) {
            pixel[3] = pixel[0];
        }
        let mut payload = Vec::new();
        alpha::encode(&source.view(), &mut payload);
        let mut ours = samples.picture(size);
        let mut theirs = ours.clone();
        alpha::decode(&payload, &mut ours.as_mut()).expect("our own");
        assert!(ironrdp::decode_alpha(&payload, &mut theirs.as_mut()));
        assert!(ours == theirs, "{size:?}");
    }
}

#[test]
fn a_picture_drawn_elsewhere_is_told_apart() {
    let mut samples = Samples::new(7);
    let mut frame = Frame::new(&mut samples, Size::new(4, 4));
    frame.assert_margins("nobody");
    frame.place = Rect::new(0, 0, 1, 1);
    frame.picture.data_mut()[8] ^= 1;
    let result = std::panic::catch_unwind(|| frame.assert_margins("somebody"));
    assert!(result.is_err());
}
