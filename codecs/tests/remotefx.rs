//! RemoteFX as a whole: what is encoded comes back, and what is broken does no harm.

use oriel_codecs::{
    Picture, Point, Rect, Size,
    picture::PictureMut,
    remotefx::{
        Entropy, Mode, RemoteFxDecoder, RemoteFxEncoder, RemoteFxEncoderOptions, RemoteFxError,
        quant::Quant,
    },
};
use proptest::prelude::*;

/// A picture that has flat parts, edges, a gradient and noise.
fn picture(size: Size, seed: u32) -> Picture {
    let mut picture = Picture::new(size);
    let mut noise = seed | 1;
    for (i, pixel) in picture.data_mut().chunks_exact_mut(4).enumerate() {
        let (x, y) = (i as u32 % size.width, i as u32 / size.width);
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let [b, g, r] = match (x / 23 + y / 17 + seed) % 4 {
            0 => [255, 255, 255],
            1 if (x * 7 + y * 3) % 11 < 4 => [20, 10, 60],
            1 => [240, 230, 220],
            2 => [(x * 2) as u8, (y * 2) as u8, (x + y) as u8],
            _ => [
                noise as u8 & 31,
                (noise >> 8) as u8 & 63,
                (noise >> 16) as u8 & 15,
            ],
        };
        pixel.copy_from_slice(&[b, g, r, 255]);
    }
    picture
}

fn options(entropy: Entropy, quants: [Quant; 3]) -> RemoteFxEncoderOptions {
    RemoteFxEncoderOptions {
        entropy,
        quants,
        ..RemoteFxEncoderOptions::default()
    }
}

fn worst_difference(a: &Picture, b: &Picture) -> u8 {
    let pairs = a.data().iter().zip(b.data());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// The most that a picture may change: half a step of every band that reaches a pixel, summed over
/// the levels with the gain of the transform, plus the rounding of both colour conversions.
fn tolerance(factor: u8) -> u8 {
    let step = f64::from(1 << (factor - 6));
    (step * 12.0 + 4.0).min(255.0) as u8
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_encoded_comes_back_within_its_quantisation(
        width in 1u32..200,
        height in 1u32..200,
        seed: u32,
        is_rlgr1: bool,
        factors in [6u8..10, 6u8..10, 6u8..10],
        gap in 0usize..40,
    ) {
        let size = Size::new(width, height);
        let source = picture(size, seed);
        let entropy = if is_rlgr1 { Entropy::Rlgr1 } else { Entropy::Rlgr3 };
        let mut encoder = RemoteFxEncoder::new(options(entropy, factors.map(Quant::uniform)));
        let mut payload = Vec::new();
        encoder.encode(&source.view(), &[size.to_rect()], &mut payload);

        let stride = width as usize * 4 + gap;
        let mut bytes = vec![77; stride * height as usize];
        let mut target = PictureMut::new(&mut bytes, size, stride).expect("large enough");
        let mut painted = Vec::new();
        RemoteFxDecoder::new().decode(&payload, &mut target, &mut painted).expect("valid");
        prop_assert_eq!(painted, vec![size.to_rect()]);

        let worst = factors.into_iter().max().expect("three");
        for (y, row) in bytes.chunks(stride).enumerate() {
            let wanted = source.view().row(y as u32);
            for (got, wanted) in row.iter().zip(wanted) {
                prop_assert!(got.abs_diff(*wanted) <= tolerance(worst), "{} for {}", got, wanted);
            }
            prop_assert!(row[width as usize * 4..].iter().all(|&byte| byte == 77));
        }
    }

    #[test]
    fn only_what_the_rectangles_show_is_painted(
        seed: u32,
        places in proptest::collection::vec((0i32..180, 0i32..140, 1u32..120, 1u32..120), 1..6),
    ) {
        let size = Size::new(181, 143);
        let source = picture(size, seed);
        let rects: Vec<Rect> = places
            .into_iter()
            .map(|(x, y, width, height)| Rect::at(Point::new(x, y), Size::new(width, height)))
            .collect();
        let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions::default());
        let mut whole_payload = Vec::new();
        encoder.encode(&source.view(), &[size.to_rect()], &mut whole_payload);
        let mut payload = Vec::new();
        encoder.encode(&source.view(), &rects, &mut payload);

        let mut decoder = RemoteFxDecoder::new();
        let mut whole = Picture::filled(size, [1, 2, 3, 4]);
        let mut part = whole.clone();
        decoder.decode(&whole_payload, &mut whole.as_mut(), &mut Vec::new()).expect("valid");
        let mut painted = Vec::new();
        decoder.decode(&payload, &mut part.as_mut(), &mut painted).expect("valid");
        for y in 0..size.height as i32 {
            for x in 0..size.width as i32 {
                let point = Point::new(x, y);
                let is_inside = rects.iter().any(|rect| rect.contains(point));
                prop_assert_eq!(painted.iter().any(|rect| rect.contains(point)), is_inside);
                let wanted = if is_inside { whole.pixel(point) } else { [1, 2, 3, 4] };
                prop_assert_eq!(part.pixel(point), wanted);
            }
        }
    }

    #[test]
    fn mutated_payloads_do_no_harm(
        seed: u32,
        is_rlgr1: bool,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let source = picture(Size::new(100, 70), seed);
        let entropy = if is_rlgr1 { Entropy::Rlgr1 } else { Entropy::Rlgr3 };
        let mut encoder = RemoteFxEncoder::new(options(entropy, [Quant::default(); 3]));
        let mut payload = Vec::new();
        encoder.encode(&source.view(), &[Rect::new(0, 0, 100, 70)], &mut payload);
        for (at, value) in changes {
            let at = at.index(payload.len());
            payload[at] = value;
        }
        if let Some(cut) = cut {
            payload.truncate(cut.index(payload.len()));
        }
        let mut target = Picture::new(Size::new(90, 80));
        let mut painted = Vec::new();
        let _ = RemoteFxDecoder::new().decode(&payload, &mut target.as_mut(), &mut painted);
        for rect in painted {
            prop_assert!(target.size().to_rect().contains_rect(&rect));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(payload: Vec<u8>) {
        let mut target = Picture::new(Size::new(70, 70));
        let _ = RemoteFxDecoder::new().decode(&payload, &mut target.as_mut(), &mut Vec::new());
    }
}

#[test]
fn a_pool_paints_what_one_thread_does() {
    let size = Size::new(700, 500);
    let source = picture(size, 5);
    let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions::default());
    let mut payload = Vec::new();
    encoder.encode(&source.view(), &[size.to_rect()], &mut payload);
    let paint = || {
        let mut target = Picture::new(size);
        let mut painted = Vec::new();
        RemoteFxDecoder::new()
            .decode(&payload, &mut target.as_mut(), &mut painted)
            .expect("valid");
        (target, painted)
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .expect("threads");
    assert_eq!(pool.install(paint), paint());
}

#[test]
fn video_mode_sends_headers_once_and_image_mode_each_time() {
    let size = Size::new(64, 64);
    let source = picture(size, 1);
    for (mode, is_alone) in [(Mode::Image, true), (Mode::Video, false)] {
        let mut encoder = RemoteFxEncoder::new(RemoteFxEncoderOptions {
            mode,
            ..RemoteFxEncoderOptions::default()
        });
        let (mut first, mut second) = (Vec::new(), Vec::new());
        encoder.encode(&source.view(), &[size.to_rect()], &mut first);
        encoder.encode(&source.view(), &[size.to_rect()], &mut second);
        let mut target = Picture::new(size);
        let mut decode = |decoder: &mut RemoteFxDecoder, payload: &[u8]| {
            decoder.decode(payload, &mut target.as_mut(), &mut Vec::new())
        };
        assert_eq!(
            decode(&mut RemoteFxDecoder::new(), &second).is_ok(),
            is_alone
        );
        let mut decoder = RemoteFxDecoder::new();
        assert_eq!(decode(&mut decoder, &first), Ok(()));
        assert_eq!(decode(&mut decoder, &second), Ok(()));
        assert!(worst_difference(&source, &target) < 68);
    }
}

#[test]
fn a_frame_ahead_of_its_headers_is_out_of_sequence() {
    let frame_begin = [0xc4, 0xcc, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0];
    let mut target = Picture::new(Size::new(8, 8));
    assert_eq!(
        RemoteFxDecoder::new().decode(&frame_begin, &mut target.as_mut(), &mut Vec::new()),
        Err(RemoteFxError::OutOfSequence("the begin of a frame"))
    );
}
