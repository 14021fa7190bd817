//! Codecs that remember show what their decoders alone would, whatever surface it is on.

mod support;

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
    remotefx::RemoteFxDecoder,
};
use oriel_protocol::graphics::{GraphicsCommand, PayloadCodec, SurfaceFormat, SurfaceId};
use oriel_render::{
    compositor::{Compositor, CpuCompositor, Scene, SceneLimits},
    decode::DecodeOptions,
};
use support::Streams;

const SIZE: Size = Size::new(200, 150);
const BOTH: [SurfaceId; 2] = [SurfaceId(1), SurfaceId(2)];

/// What both surfaces show after these commands.
fn shown(options: DecodeOptions, size: Size, drawing: Vec<GraphicsCommand>) -> [Picture; 2] {
    let mut commands = vec![GraphicsCommand::ResetGraphics {
        size,
        monitors: Vec::new(),
    }];
    commands.extend(BOTH.map(|surface| GraphicsCommand::CreateSurface {
        surface,
        size,
        format: SurfaceFormat::Argb,
    }));
    commands.extend(drawing);
    let mut compositor = CpuCompositor::new(None);
    let mut scene = Scene::new(SceneLimits::default());
    for batch in support::decode_all_with(options, commands) {
        for step in batch.steps {
            let step = step.expect("a payload that decodes");
            scene.apply(&mut compositor, &step).expect("a surface");
        }
    }
    BOTH.map(|surface| compositor.read_surface(surface).expect("a surface"))
}

#[test]
fn clearcodec_keeps_one_set_of_caches_for_all_surfaces() {
    let mut streams = Streams::default();
    let picture = support::picture(SIZE, 5);
    let mut draw = |surface| {
        let payload = streams.clear(&picture);
        let bytes = payload.len();
        let rect = SIZE.to_rect();
        let command = support::draw(surface, rect, PayloadCodec::ClearCodec, payload);
        (command, bytes)
    };
    let (first, first_bytes) = draw(BOTH[0]);
    let (second, second_bytes) = draw(BOTH[1]);
    assert!(
        second_bytes < first_bytes,
        "the second is drawn from caches"
    );
    for surface in shown(DecodeOptions::default(), SIZE, vec![first, second]) {
        support::assert_close(&surface, &opaque(&picture), 0, format_args!("ClearCodec"));
    }
}

/// ClearCodec has no alpha.
fn opaque(picture: &Picture) -> Picture {
    let mut picture = picture.clone();
    for pixel in picture.data_mut().chunks_exact_mut(4) {
        pixel[3] = 255;
    }
    picture
}

#[test]
fn what_clearcodec_does_not_cover_stays() {
    // A payload of one band of 2 columns and 3 rows at (1, 1), all of one colour, over a picture.
    let band: &[u8] = &[
        0, 0, // flags, sequence number
        0, 0, 0, 0, // no residual
        15, 0, 0, 0, // bands
        0, 0, 0, 0, // no subcodecs
        1, 0, 2, 0, 1, 0, 3, 0, // columns 1 and 2, rows 1 to 3
        10, 20, 30, // background
        0, 0, 0, 0, // two new columns without a pixel of their own
    ];
    let size = Size::new(6, 6);
    let below = opaque(&support::picture(size, 3));
    let raw = support::draw(
        BOTH[0],
        size.to_rect(),
        PayloadCodec::Uncompressed,
        below.data().to_vec(),
    );
    let clear = support::draw(
        BOTH[0],
        size.to_rect(),
        PayloadCodec::ClearCodec,
        band.to_vec(),
    );
    let [surface, _] = shown(DecodeOptions::default(), size, vec![raw, clear]);
    for y in 0..6 {
        for x in 0..6 {
            let is_covered = (1..=2).contains(&x) && (1..=3).contains(&y);
            let point = Point::new(x, y);
            let expected = if is_covered {
                [10, 20, 30, 255]
            } else {
                below.pixel(point)
            };
            assert_eq!(surface.pixel(point), expected, "{point:?}");
        }
    }
}

#[test]
fn remotefx_headers_serve_every_surface_and_only_regions_are_painted() {
    let mut streams = Streams::default();
    let region = Rect::new(30, 20, 150, 90);
    let pictures = [1, 2].map(|seed| support::picture(SIZE, seed));
    let payloads = [0, 1].map(|index| streams.remote_fx(&pictures[index], &[region]));
    assert!(payloads[1].len() < payloads[0].len() || payloads[1][..2] != payloads[0][..2]);

    let mut decoder = RemoteFxDecoder::new();
    let expected = payloads.each_ref().map(|payload| {
        let mut target = Picture::new(SIZE);
        let mut painted = Vec::new();
        decoder
            .decode(payload, &mut target.as_mut(), &mut painted)
            .expect("a payload");
        target
    });
    let drawing = (0..2).map(|index| {
        let rect = SIZE.to_rect();
        let payload = payloads[index].clone();
        support::draw(BOTH[index], rect, PayloadCodec::RemoteFx, payload)
    });
    let surfaces = shown(DecodeOptions::default(), SIZE, drawing.collect());
    for (surface, expected) in surfaces.iter().zip(&expected) {
        for y in 0..SIZE.height as i32 {
            for x in 0..SIZE.width as i32 {
                let point = Point::new(x, y);
                let is_painted = region.contains(point);
                let expected = if is_painted {
                    expected.pixel(point)
                } else {
                    [0, 0, 0, 255]
                };
                assert_eq!(surface.pixel(point), expected, "{point:?}");
            }
        }
    }
}

#[test]
fn a_large_payload_looks_the_same_on_one_thread_and_on_several() {
    let size = Size::new(1000, 700);
    let payload = Streams::default().remote_fx(&support::picture(size, 9), &[size.to_rect()]);
    assert!(payload.len() > 64 << 10, "{} bytes", payload.len());
    let [alone, together] = [1, 4].map(|tile_threads| {
        let options = DecodeOptions {
            tile_threads,
            ..DecodeOptions::default()
        };
        let rect = size.to_rect();
        let draw = support::draw(BOTH[0], rect, PayloadCodec::RemoteFx, payload.clone());
        let [surface, _] = shown(options, size, vec![draw]);
        surface
    });
    assert!(alone == together);
}

#[test]
fn a_remotefx_command_of_whole_tiles_may_reach_beyond_the_surface() {
    let tiles = Size::new(256, 192);
    let picture = support::picture(tiles, 4);
    let payload = Streams::default().remote_fx(&picture, &[tiles.to_rect()]);
    let draw = support::draw(BOTH[0], tiles.to_rect(), PayloadCodec::RemoteFx, payload);
    let [surface, _] = shown(DecodeOptions::default(), SIZE, vec![draw]);
    let corner = Point::new(SIZE.width as i32 - 1, SIZE.height as i32 - 1);
    let (shown, sent) = (surface.pixel(corner), picture.pixel(corner));
    for channel in 0..3 {
        assert!(
            shown[channel].abs_diff(sent[channel]) < 64,
            "{shown:?} for {sent:?}"
        );
    }
}
