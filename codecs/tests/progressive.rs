//! RemoteFX Progressive as a whole: what is encoded comes back, pass by pass.

use oriel_codecs::{
    Picture, Point, Rect, Size,
    progressive::{
        Pass, ProgressiveDecoder, ProgressiveEncoder, ProgressiveEncoderOptions, ProgressiveError,
        QualityStep,
    },
    remotefx::quant::{Borders, Quant},
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
        let [b, g, r] = match (x / 23 + y / 17 + seed % 64) % 4 {
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

fn decode(decoder: &mut ProgressiveDecoder, payload: &[u8], target: &mut Picture) -> Vec<Rect> {
    let mut painted = Vec::new();
    decoder
        .decode(
            payload,
            Point::new(0, 0),
            &mut target.as_mut(),
            &mut painted,
        )
        .expect("valid");
    painted
}

/// Mean square error of the colours.
fn error(a: &Picture, b: &Picture) -> f64 {
    let pairs = a.data().iter().zip(b.data());
    let sum: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    sum / (a.size().area() as f64 * 3.0)
}

fn borders() -> impl Strategy<Value = Borders> {
    prop_oneof![Just(Borders::Mirror), Just(Borders::ReduceExtrapolate)]
}

/// Steps that leave out fewer and fewer bits, at random in each band.
fn steps() -> impl Strategy<Value = Vec<QualityStep>> {
    let factors = || proptest::array::uniform10(0u8..=4);
    proptest::collection::vec(proptest::array::uniform3(factors()), 0..4).prop_map(|mut changes| {
        let mut left_out = [[0u8; 10]; 3];
        let mut steps = Vec::new();
        while let Some(change) = changes.pop() {
            for (left_out, change) in left_out.iter_mut().flatten().zip(change.iter().flatten()) {
                *left_out = (*left_out + change).min(8);
            }
            let quants = left_out.map(|f| {
                Quant::new(
                    f[0],
                    [f[1], f[2], f[3]],
                    [f[4], f[5], f[6]],
                    [f[7], f[8], f[9]],
                )
            });
            steps.insert(0, QualityStep { quality: 1, quants });
        }
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The last pass leaves what a tile that is sent whole has, to the bit; and so does every
    /// picture after that, though it comes as a difference, and though some upgrades never came.
    #[test]
    fn passes_and_differences_end_where_whole_tiles_do(
        width in 1u32..180,
        height in 1u32..140,
        borders in borders(),
        steps in steps(),
        seeds in proptest::collection::vec((0u32..8, 0usize..5), 1..5),
        factor in 6u8..9,
    ) {
        let size = Size::new(width, height);
        let options = ProgressiveEncoderOptions {
            quants: [Quant::uniform(factor), Quant::uniform(factor + 1), Quant::default()],
            borders,
            is_differencing: true,
            steps,
        };
        let plain = ProgressiveEncoderOptions {
            is_differencing: false,
            ..options.clone()
        };
        let mut encoder = ProgressiveEncoder::new(size, options);
        let mut decoder = ProgressiveDecoder::new(size);
        let whole = [size.to_rect()];
        let mut got = Picture::new(size);
        let last = seeds.len() - 1;
        for (i, (seed, upgrades)) in seeds.into_iter().enumerate() {
            let source = picture(size, seed);
            let mut payload = Vec::new();
            encoder.encode(&source.view(), &whole, Pass::First, &mut payload);
            prop_assert_eq!(decode(&mut decoder, &payload, &mut got), vec![size.to_rect()]);
            let upgrades = if i == last { usize::MAX } else { upgrades };
            for _ in 0..upgrades {
                payload.clear();
                encoder.upgrade(&whole, &mut payload);
                if payload.is_empty() {
                    break;
                }
                decode(&mut decoder, &payload, &mut got);
            }
            if i == last {
                prop_assert_eq!(encoder.unfinished(), 0);
                let mut wanted = Picture::new(size);
                payload.clear();
                ProgressiveEncoder::new(size, plain.clone())
                    .encode(&source.view(), &whole, Pass::Whole, &mut payload);
                decode(&mut ProgressiveDecoder::new(size), &payload, &mut wanted);
                prop_assert_eq!(&got, &wanted);
                prop_assert!(error(&source, &got) < 120.0, "{}", error(&source, &got));
            }
        }
    }

    #[test]
    fn only_what_the_rectangles_show_is_painted(
        seed: u32,
        places in proptest::collection::vec((0i32..180, 0i32..140, 1u32..120, 1u32..120), 1..5),
        (left, top) in (0i32..150, 0i32..130),
    ) {
        let size = Size::new(181, 143);
        let source = picture(size, seed);
        let rects: Vec<Rect> = places
            .into_iter()
            .map(|(x, y, width, height)| Rect::at(Point::new(x, y), Size::new(width, height)))
            .collect();
        let mut payload = Vec::new();
        ProgressiveEncoder::new(size, ProgressiveEncoderOptions::default())
            .encode(&source.view(), &[size.to_rect()], Pass::Whole, &mut payload);
        let mut whole = Picture::new(size);
        decode(&mut ProgressiveDecoder::new(size), &payload, &mut whole);

        payload.clear();
        ProgressiveEncoder::new(size, ProgressiveEncoderOptions::default())
            .encode(&source.view(), &rects, Pass::Whole, &mut payload);
        // A part of the surface is asked for.
        let origin = Point::new(left, top);
        let mut part = Picture::filled(Size::new(31, 13), [1, 2, 3, 4]);
        let mut painted = Vec::new();
        ProgressiveDecoder::new(size)
            .decode(&payload, origin, &mut part.as_mut(), &mut painted)
            .expect("valid");
        for y in 0..13 {
            for x in 0..31 {
                let (here, there) = (Point::new(x, y), Point::new(x + left, y + top));
                let is_inside = rects.iter().any(|rect| rect.contains(there));
                prop_assert_eq!(painted.iter().any(|rect| rect.contains(here)), is_inside);
                let wanted = if is_inside { whole.pixel(there) } else { [1, 2, 3, 4] };
                prop_assert_eq!(part.pixel(here), wanted);
            }
        }
    }

    #[test]
    fn mutated_payloads_do_no_harm(
        seed: u32,
        changes in proptest::collection::vec(
            (any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let size = Size::new(100, 70);
        let source = picture(size, seed);
        let mut encoder = ProgressiveEncoder::new(size, ProgressiveEncoderOptions::default());
        let mut payloads = [Vec::new(), Vec::new()];
        encoder.encode(&source.view(), &[size.to_rect()], Pass::First, &mut payloads[0]);
        encoder.upgrade(&[size.to_rect()], &mut payloads[1]);
        for (is_second, at, value) in changes {
            let payload = &mut payloads[usize::from(is_second)];
            let at = at.index(payload.len());
            payload[at] = value;
        }
        if let Some(cut) = cut {
            let length = cut.index(payloads[1].len());
            payloads[1].truncate(length);
        }
        let mut decoder = ProgressiveDecoder::new(size);
        let mut target = Picture::new(Size::new(90, 80));
        let mut painted = Vec::new();
        for payload in payloads {
            let target = &mut target.as_mut();
            let _ = decoder.decode(&payload, Point::new(3, 5), target, &mut painted);
        }
        for rect in painted {
            prop_assert!(target.size().to_rect().contains_rect(&rect));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(payload: Vec<u8>) {
        let mut target = Picture::new(Size::new(70, 70));
        let _ = ProgressiveDecoder::new(target.size()).decode(
            &payload,
            Point::new(0, 0),
            &mut target.as_mut(),
            &mut Vec::new(),
        );
    }
}

#[test]
fn every_pass_comes_nearer_to_the_picture() {
    let size = Size::new(200, 130);
    let source = picture(size, 3);
    let mut encoder = ProgressiveEncoder::new(size, ProgressiveEncoderOptions::default());
    let mut decoder = ProgressiveDecoder::new(size);
    let mut target = Picture::new(size);
    let mut payload = Vec::new();
    encoder.encode(&source.view(), &[size.to_rect()], Pass::First, &mut payload);
    let mut errors = Vec::new();
    while !payload.is_empty() {
        decode(&mut decoder, &payload, &mut target);
        errors.push(error(&source, &target));
        payload.clear();
        encoder.upgrade(&[size.to_rect()], &mut payload);
    }
    assert_eq!(errors.len(), 3);
    assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
}

#[test]
fn a_small_change_is_sent_as_a_difference() {
    let size = Size::new(64, 64);
    let mut source = picture(size, 2);
    let mut encoder = ProgressiveEncoder::new(size, ProgressiveEncoderOptions::default());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    encoder.encode(&source.view(), &[size.to_rect()], Pass::Whole, &mut first);
    source.data_mut()[4 * (64 * 20 + 30)] ^= 0x80;
    encoder.encode(&source.view(), &[size.to_rect()], Pass::Whole, &mut second);
    assert!(
        second.len() * 4 < first.len(),
        "{} and {}",
        second.len(),
        first.len()
    );
}

#[test]
fn an_upgrade_of_a_tile_that_never_came_is_refused_and_of_a_finished_one_changes_nothing() {
    let size = Size::new(64, 64);
    let source = picture(size, 4);
    let options = ProgressiveEncoderOptions::default();
    let mut encoder = ProgressiveEncoder::new(size, options);
    let (mut first, mut upgrade) = (Vec::new(), Vec::new());
    encoder.encode(&source.view(), &[size.to_rect()], Pass::First, &mut first);
    for _ in 0..2 {
        upgrade.clear();
        encoder.upgrade(&[size.to_rect()], &mut upgrade);
        let mut target = Picture::new(size);
        let refused = ProgressiveDecoder::new(size).decode(
            &upgrade,
            Point::new(0, 0),
            &mut target.as_mut(),
            &mut Vec::new(),
        );
        assert_eq!(
            refused,
            Err(ProgressiveError::NoFirstPass { column: 0, row: 0 })
        );
    }
    let mut whole = Vec::new();
    encoder.encode(&source.view(), &[size.to_rect()], Pass::Whole, &mut whole);
    let mut decoder = ProgressiveDecoder::new(size);
    let mut target = Picture::new(size);
    decode(&mut decoder, &first, &mut target);
    decode(&mut decoder, &whole, &mut target);
    let wanted = target.clone();
    decode(&mut decoder, &upgrade, &mut target);
    assert_eq!(target, wanted);
}
