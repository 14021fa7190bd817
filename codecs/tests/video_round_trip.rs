//! Encoder to decoder, and streams that somebody has tampered with.
#![cfg(feature = "video")]

use oriel_codecs::avc::{Avc444Bitmap, Avc444Views, AvcRegion, AvcView};
use oriel_codecs::video::{
    AvcSurfaceDecoder, AvcVersion, DecoderLimits, EncodeError, EncodedKind, EncoderSettings,
    FallbackDecoder, FfmpegDecoder, H264Encoder, OpenH264Decoder, RateControl, VideoDecoder,
    VideoError,
};
use oriel_codecs::yuv::{
    ChromaUpsampling, MainChroma, Yuv420Picture, Yuv444Picture, avc444, bgra_to_yuv420,
    bgra_to_yuv444, yuv420_to_bgra, yuv444_to_bgra,
};
use oriel_codecs::{Picture, Rect, Size};
use proptest::prelude::*;

/// Stripes of text-like detail in many colours, moved on by `step`.
fn desktop(size: Size, step: u32) -> Picture {
    let mut data = Vec::with_capacity(size.area() as usize * 4);
    for y in 0..size.height {
        for x in 0..size.width {
            let is_ink = (x + step * 3).is_multiple_of(7) || (y / 3 + x / 5).is_multiple_of(11);
            let paper = [
                200,
                220 - (y / 16 % 8) as u8 * 8,
                240 - (x / 32 % 8) as u8 * 16,
            ];
            let ink = [(x / 16 * 40) as u8, 30, (y / 16 * 50) as u8];
            let [b, g, r] = if is_ink { ink } else { paper };
            data.extend_from_slice(&[b, g, r, 255]);
        }
    }
    Picture::from_bgra(size, data).unwrap()
}

fn yuv420(picture: &Picture) -> Yuv420Picture {
    let mut out = Yuv420Picture::new(picture.size());
    bgra_to_yuv420(picture, &picture.size().to_rect(), &mut out);
    out
}

fn psnr_db(a: &Picture, b: &Picture) -> f64 {
    let squares: f64 = std::iter::zip(a.data(), b.data())
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.size().area() as f64 * 3.0 / squares.max(1.0)).log10()
}

fn encoder(rate: RateControl) -> H264Encoder {
    H264Encoder::new(EncoderSettings {
        rate,
        ..Default::default()
    })
    .unwrap()
}

#[test]
fn pictures_of_odd_sizes_survive_encoding() {
    for size in [Size::new(17, 33), Size::new(366, 95), Size::new(640, 480)] {
        let mut encoder = encoder(RateControl::Constant { qp: 12 });
        let mut decoder = FfmpegDecoder::new(DecoderLimits::default()).unwrap();
        for step in 0..4 {
            let source = yuv420(&desktop(size, step));
            let mut unit = Vec::new();
            let kind = encoder.encode(&source, &mut unit).unwrap();
            assert!(step > 0 || kind == EncodedKind::Key);
            let frame = decoder.decode(&unit).unwrap().expect("one in, one out");
            let (mut wanted, mut shown) = (Picture::new(size), Picture::new(size));
            yuv420_to_bgra(&source.planes(), &size.to_rect(), &mut wanted.as_mut());
            yuv420_to_bgra(&frame.planes(), &size.to_rect(), &mut shown.as_mut());
            let psnr = psnr_db(&wanted, &shown);
            assert!(psnr > 38.0, "{size:?} step {step}: {psnr:.1} dB");
        }
    }
}

#[test]
fn a_444_picture_arrives_with_its_chroma_in_both_versions_and_with_a_late_chroma_view() {
    let size = Size::new(333, 77);
    let whole = size.to_rect();
    let regions = [AvcRegion::new(whole, 12, 100)];
    for (version, is_late) in [
        (AvcVersion::Avc444, false),
        (AvcVersion::Avc444, true),
        (AvcVersion::Avc444V2, false),
        (AvcVersion::Avc444V2, true),
    ] {
        let mut encoder = encoder(RateControl::Constant { qp: 10 });
        let mut decoder = AvcSurfaceDecoder::new(DecoderLimits::for_surface(size)).unwrap();
        let mut kept = None;
        let mut surface = Picture::new(size);
        for step in 0..3 {
            let desktop = desktop(size, step);
            let mut picture = Yuv444Picture::new(size);
            bgra_to_yuv444(&desktop, &whole, &mut picture);
            let mut main = Yuv420Picture::new(size);
            let mut auxiliary = Yuv420Picture::new(size);
            let split = match version {
                AvcVersion::Avc444V2 => avc444::split_v2,
                _ => avc444::split_v1,
            };
            split(&picture, &whole, &mut main, &mut auxiliary);
            let mut encode = |view: &Yuv420Picture| {
                let mut unit = Vec::new();
                encoder.encode(view, &mut unit).unwrap();
                unit
            };
            let (luma, chroma) = (encode(&main), encode(&auxiliary));
            let view = |stream| AvcView {
                regions: &regions,
                stream,
            };
            let messages = if is_late {
                vec![
                    Avc444Views::Luma(view(&luma)),
                    Avc444Views::Chroma(view(&chroma)),
                ]
            } else {
                vec![Avc444Views::Both {
                    luma: view(&luma),
                    chroma: view(&chroma),
                }]
            };
            for message in messages {
                let mut payload = Vec::new();
                Avc444Bitmap::encode(message, &mut payload).unwrap();
                let decoded = decoder.decode(version, &payload).unwrap();
                assert_eq!(decoded.damage().collect::<Vec<_>>(), [whole]);
                decoded.draw(&mut kept, &mut surface.as_mut(), ChromaUpsampling::Guided);
            }
            // Against what the views hold, which is not all: the reverse filter has its threshold.
            let mut wanted = Yuv444Picture::new(size);
            avc444::combine_luma(&main.coded_planes(), &whole, &mut wanted);
            let combine_chroma = match version {
                AvcVersion::Avc444V2 => avc444::combine_chroma_v2,
                _ => avc444::combine_chroma_v1,
            };
            combine_chroma(
                &auxiliary.coded_planes(),
                &whole,
                MainChroma::Averaged,
                &mut wanted,
            );
            let mut shown = Picture::new(size);
            yuv444_to_bgra(&wanted.planes(), &whole, &mut shown.as_mut());
            let psnr = psnr_db(&shown, &surface);
            assert!(
                psnr > 36.0,
                "{version:?} late {is_late} step {step}: {psnr:.1} dB"
            );
        }
    }
}

#[test]
fn key_frames_come_on_demand_and_a_new_bit_rate_needs_none() {
    let size = Size::new(320, 240);
    let bitrate = |bits_per_second| RateControl::Bitrate {
        bits_per_second,
        min_qp: 10,
        max_qp: 45,
    };
    let mut encoder = encoder(bitrate(8_000_000));
    let mut bytes = [0; 2];
    for step in 0..40 {
        if step == 20 {
            encoder.set_rate(bitrate(400_000)).unwrap();
        }
        if step == 10 {
            encoder.request_key_frame();
        }
        let mut unit = Vec::new();
        // A small part moves: were it all, each picture would be a new scene and a key frame.
        let mut picture = yuv420(&desktop(size, 0));
        bgra_to_yuv420(
            &desktop(size, step),
            &Rect::new(16, 16, 112, 96),
            &mut picture,
        );
        let kind = encoder.encode(&picture, &mut unit).unwrap();
        assert_eq!(kind == EncodedKind::Key, step == 0 || step == 10, "{step}");
        if kind == EncodedKind::Delta {
            bytes[usize::from(step >= 20)] += unit.len();
        }
    }
    assert!(bytes[1] * 2 < bytes[0], "{bytes:?} bytes before and after");
    encoder.set_rate(bitrate(8_000_000)).unwrap();
    encoder.set_rate(RateControl::Constant { qp: 30 }).unwrap();
    let mut unit = Vec::new();
    let kind = encoder
        .encode(&yuv420(&desktop(size, 0)), &mut unit)
        .unwrap();
    assert_eq!(kind, EncodedKind::Key);
}

#[test]
fn a_picture_beyond_the_encoder_is_an_error() {
    let mut encoder = encoder(RateControl::Constant { qp: 30 });
    let error = encoder.encode(&Yuv420Picture::new(Size::new(3856, 16)), &mut Vec::new());
    assert!(matches!(error, Err(EncodeError::TooLarge { .. })));
}

#[test]
fn a_stream_beyond_the_limits_is_refused_by_every_decoder() {
    let mut unit = Vec::new();
    encoder(RateControl::Constant { qp: 30 })
        .encode(&Yuv420Picture::new(Size::new(640, 480)), &mut unit)
        .unwrap();
    let limits = DecoderLimits {
        max_pixels: 640 * 480 - 1,
    };
    let decoders: [Box<dyn VideoDecoder>; 2] = [
        Box::new(FfmpegDecoder::new(limits).unwrap()),
        Box::new(OpenH264Decoder::new(limits).unwrap()),
    ];
    for mut decoder in decoders {
        let error = decoder.decode(&unit).unwrap_err();
        assert!(matches!(
            error,
            VideoError::TooLarge {
                width: 640,
                height: 480,
                ..
            }
        ));
    }
}

#[test]
fn regions_that_cover_a_picture_many_times_are_refused() {
    let size = Size::new(64, 64);
    let mut unit = Vec::new();
    encoder(RateControl::Constant { qp: 30 })
        .encode(&Yuv420Picture::new(size), &mut unit)
        .unwrap();
    let mut payload = Vec::new();
    let regions = vec![AvcRegion::new(size.to_rect(), 0, 0); 1000];
    let view = AvcView {
        regions: &regions,
        stream: &unit,
    };
    Avc444Bitmap::encode(Avc444Views::Luma(view), &mut payload).unwrap();
    let mut decoder = AvcSurfaceDecoder::new(DecoderLimits::default()).unwrap();
    let error = decoder.decode(AvcVersion::Avc444, &payload).unwrap_err();
    assert!(matches!(error, VideoError::Regions { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_tampered_stream_is_an_error_or_a_picture_and_a_key_frame_heals_it(
        damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..24),
        cut in proptest::option::of(any::<u16>()),
    ) {
        let size = Size::new(128, 96);
        let mut encoder = encoder(RateControl::Constant { qp: 24 });
        let units: Vec<Vec<u8>> = (0..3)
            .map(|step| {
                let mut unit = Vec::new();
                encoder.encode(&yuv420(&desktop(size, step)), &mut unit).unwrap();
                unit
            })
            .collect();
        let limits = DecoderLimits { max_pixels: 1 << 20 };
        let decoders: [Box<dyn VideoDecoder>; 3] = [
            Box::new(FfmpegDecoder::new(limits).unwrap()),
            Box::new(OpenH264Decoder::new(limits).unwrap()),
            Box::new(FallbackDecoder::new(limits).unwrap()),
        ];
        for (which, mut decoder) in decoders.into_iter().enumerate() {
            for unit in &units {
                let mut tampered = unit.clone();
                for &(at, value) in &damage {
                    let at = usize::from(at) % tampered.len();
                    tampered[at] ^= value;
                }
                if let Some(cut) = cut {
                    tampered.truncate(usize::from(cut) % tampered.len());
                }
                if let Ok(Some(frame)) = decoder.decode(&tampered) {
                    prop_assert!(frame.size().area() <= limits.max_pixels);
                }
            }
            // Damage to parameters may have a decoder hold pictures back for good; not so where
            // there is another one to step down to.
            if which == 2 {
                let shown = (0..5).any(|_| matches!(decoder.decode(&units[0]), Ok(Some(_))));
                prop_assert!(shown, "{}", decoder.name());
            }
        }
    }
}
