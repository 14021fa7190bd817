//! Decoders that fail in each way and at each moment, and the pictures that come all the same.
#![cfg(feature = "video")]

use std::time::Duration;

use oriel_codecs::avc::{Avc444Bitmap, Avc444Views, AvcRegion, AvcView};
use oriel_codecs::video::{
    AvcSurfaceDecoder, AvcVersion, Backend, ColorDescription, Deadlines, DecoderEvent, DecoderKind,
    DecoderLimits, EncodedKind, EncoderSettings, FallbackDecoder, H264Encoder, OpenH264Decoder,
    VideoDecoder, VideoError, WatchedDecoder, YuvFrame,
};
use oriel_codecs::yuv::{
    ChromaUpsampling, Plane, Yuv420Picture, Yuv420Planes, Yuv444Picture, avc444, bgra_to_yuv420,
    bgra_to_yuv444,
};
use oriel_codecs::{Picture, Size};

const SIZE: Size = Size::new(96, 64);
const PICTURES: u32 = 8;
/// The pictures that are key frames.
const KEYS: [u32; 2] = [0, 4];

/// Everything a driver has been seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Error,
    Missing,
    Stall,
    Panic,
    Black,
    /// Memory that was never written.
    Green,
    WrongSize,
}

const FAULTS: [Fault; 7] = [
    Fault::Error,
    Fault::Missing,
    Fault::Stall,
    Fault::Panic,
    Fault::Black,
    Fault::Green,
    Fault::WrongSize,
];

/// Decodes well for a number of calls, and never again.
struct Faulty {
    inner: OpenH264Decoder,
    good_calls: usize,
    fault: Fault,
}

impl VideoDecoder for Faulty {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        let frame = self.inner.decode(annex_b)?;
        if self.good_calls > 0 {
            self.good_calls -= 1;
            return Ok(frame);
        }
        let flat = |size: Size, color: [u8; 3]| {
            let [luma, cb, cr] = color.map(|sample| vec![sample; size.area() as usize]);
            let half = Size::new(size.width / 2, size.height / 2);
            let planes = Yuv420Planes::new(
                Plane::new(&luma, size, size.width as usize).unwrap(),
                Plane::new(&cb, half, half.width as usize).unwrap(),
                Plane::new(&cr, half, half.width as usize).unwrap(),
            );
            let picture = Yuv420Picture::from_planes(&planes.unwrap());
            Ok(Some(YuvFrame::from_picture(
                picture,
                ColorDescription::default(),
            )))
        };
        match self.fault {
            Fault::Error => Err(VideoError::Stream {
                backend: "faulty",
                reason: "injected".into(),
            }),
            Fault::Missing => Ok(None),
            Fault::Stall => loop {
                std::thread::park();
            },
            Fault::Panic => std::panic::resume_unwind(Box::new("injected")),
            Fault::Black => flat(SIZE, [0, 128, 128]),
            Fault::Green => flat(SIZE, [0, 0, 0]),
            Fault::WrongSize => flat(Size::new(128, 128), [50, 60, 70]),
        }
    }

    fn name(&self) -> &'static str {
        "faulty"
    }
}

fn faulty(name: &'static str, is_hardware: bool, good_calls: usize, fault: Fault) -> Backend {
    Backend::new(name, is_hardware, move || {
        let inner = OpenH264Decoder::new(DecoderLimits::default())?;
        let decoder: Box<dyn VideoDecoder> = Box::new(Faulty {
            inner,
            good_calls,
            fault,
        });
        if fault != Fault::Stall {
            return Ok(decoder);
        }
        let deadlines = Deadlines {
            start: Duration::from_secs(20),
            first_picture: Duration::from_millis(250),
            picture: Duration::from_millis(250),
        };
        Ok(Box::new(WatchedDecoder::start(name, deadlines, || {
            Ok(decoder)
        })?))
    })
}

fn openh264() -> Backend {
    Backend::of_kind(DecoderKind::OpenH264, DecoderLimits::default(), None)
}

fn decoder(backends: impl IntoIterator<Item = Backend>) -> FallbackDecoder {
    FallbackDecoder::with_backends(backends.into_iter().collect()).unwrap()
}

/// Stripes, and a dot that moves on with each step: little enough to build on the picture before.
fn desktop(size: Size, step: u32) -> Picture {
    let dot = (step * 7 % (size.width - 8), step * 3 % (size.height - 8));
    let pixels = (0..size.height).flat_map(|y| {
        (0..size.width).flat_map(move |x| {
            let is_in_dot = (dot.0..dot.0 + 8).contains(&x) && (dot.1..dot.1 + 8).contains(&y);
            let shade = ((x / 6 + y / 9) % 7 * 36) as u8;
            match is_in_dot {
                true => [20, 20, 240, 255],
                false => [shade, 255 - shade, (y * 3) as u8, 255],
            }
        })
    });
    Picture::from_bgra(size, pixels.collect()).unwrap()
}

fn encode(encoder: &mut H264Encoder, picture: &Yuv420Picture) -> Vec<u8> {
    let mut unit = Vec::new();
    encoder.encode(picture, &mut unit).unwrap();
    unit
}

fn yuv420(desktop: &Picture) -> Yuv420Picture {
    let mut picture = Yuv420Picture::new(desktop.size());
    bgra_to_yuv420(desktop, &desktop.size().to_rect(), &mut picture);
    picture
}

fn stream() -> Vec<Vec<u8>> {
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    (0..PICTURES)
        .map(|step| {
            if KEYS.contains(&step) {
                encoder.request_key_frame();
            }
            let mut unit = Vec::new();
            let picture = yuv420(&desktop(SIZE, step));
            let kind = encoder.encode(&picture, &mut unit).unwrap();
            assert_eq!(
                kind == EncodedKind::Key,
                KEYS.contains(&step),
                "picture {step}"
            );
            unit
        })
        .collect()
}

fn samples(frame: &YuvFrame) -> Vec<u8> {
    [frame.luma(), frame.cb(), frame.cr()]
        .iter()
        .flat_map(|plane| (0..plane.size().height).flat_map(|y| plane.row(y).unwrap().to_vec()))
        .collect()
}

fn undisturbed(stream: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut plain = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
    stream
        .iter()
        .map(|unit| samples(&plain.decode(unit).unwrap().unwrap()))
        .collect()
}

fn events(decoder: &mut dyn VideoDecoder) -> Vec<DecoderEvent> {
    std::iter::from_fn(|| decoder.poll_event()).collect()
}

fn check(mut decoder: FallbackDecoder, case: &str, from: &str) {
    let stream = stream();
    for (at, (unit, wanted)) in stream.iter().zip(undisturbed(&stream)).enumerate() {
        let frame = match decoder.decode(unit) {
            Ok(Some(frame)) => frame,
            other => panic!("{case}, picture {at}: {other:?}"),
        };
        assert!(samples(&frame) == wanted, "{case}, picture {at}");
    }
    assert_eq!(decoder.name(), "openh264", "{case}");
    match &events(&mut decoder)[..] {
        [
            DecoderEvent::Replaced {
                from: was,
                to: "openh264",
                reason,
            },
        ] => {
            assert_eq!(*was, from, "{case}");
            assert!(!reason.is_empty(), "{case}");
        }
        other => panic!("{case}: {other:?}"),
    }
}

#[test]
fn no_picture_is_lost_however_and_whenever_hardware_fails() {
    for fault in FAULTS {
        // At the first picture, between key frames, at a key frame, and at the last picture.
        for good_calls in [0, 1, 3, 4, 7] {
            check(
                decoder([faulty("hardware", true, good_calls, fault), openh264()]),
                &format!("{fault:?} after {good_calls}"),
                "hardware",
            );
        }
    }
}

#[test]
fn no_picture_is_lost_where_software_fails() {
    for fault in [Fault::Error, Fault::Missing, Fault::Panic] {
        for good_calls in [0, 3, 4, 7] {
            check(
                decoder([faulty("software", false, good_calls, fault), openh264()]),
                &format!("{fault:?} after {good_calls}"),
                "software",
            );
        }
    }
}

#[test]
fn a_decoder_that_fails_while_it_is_fed_again_is_passed_over() {
    for fault in FAULTS {
        // The first fails at the fourth picture: the second gets four to start with.
        for good_calls in [0, 1, 3] {
            check(
                decoder([
                    faulty("first", true, 3, Fault::Error),
                    faulty("second", true, good_calls, fault),
                    openh264(),
                ]),
                &format!("{fault:?} after {good_calls} of four"),
                "first",
            );
        }
    }
}

#[test]
fn one_after_the_other_may_fail() {
    let stream = stream();
    let mut decoder = decoder([
        faulty("first", true, 2, Fault::Stall),
        faulty("second", true, 5, Fault::Green),
        openh264(),
    ]);
    for (unit, wanted) in stream.iter().zip(undisturbed(&stream)) {
        assert!(samples(&decoder.decode(unit).unwrap().unwrap()) == wanted);
    }
    let replaced: Vec<_> = events(&mut decoder)
        .into_iter()
        .map(|event| match event {
            DecoderEvent::Replaced { from, to, .. } => (from, to),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(replaced, [("first", "second"), ("second", "openh264")]);
}

#[test]
fn a_screen_that_is_black_indeed_costs_hardware_nothing() {
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    let honest = Backend::new("hardware", true, || {
        Ok(Box::new(OpenH264Decoder::new(DecoderLimits::default())?))
    });
    let mut decoder = decoder([honest, openh264()]);
    for step in 0..40 {
        let picture = match step % 20 {
            0..10 => Picture::new(SIZE),
            _ => desktop(SIZE, step),
        };
        let unit = encode(&mut encoder, &yuv420(&picture));
        assert!(decoder.decode(&unit).unwrap().is_some());
    }
    assert_eq!(decoder.name(), "hardware");
    assert_eq!(events(&mut decoder), []);
}

#[test]
fn beyond_what_is_kept_a_key_frame_is_asked_for_and_awaited() {
    const MORE_THAN_KEPT: usize = 1030;
    let size = Size::new(32, 32);
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    let mut step = 0;
    let mut next_unit = move |is_key: bool| {
        if is_key {
            encoder.request_key_frame();
        }
        step += 1;
        // A dot that shines up and goes out.
        let mut picture = Picture::filled(size, [200, 200, 200, 255]);
        picture.as_mut().data_mut()[..16].fill((step % 2 * 90) as u8);
        let mut unit = Vec::new();
        let kind = encoder.encode(&yuv420(&picture), &mut unit).unwrap();
        assert_eq!(kind == EncodedKind::Key, is_key, "picture {step}");
        unit
    };
    for fault in [Fault::Error, Fault::Stall, Fault::Panic, Fault::WrongSize] {
        let mut decoder = decoder([faulty("hardware", true, MORE_THAN_KEPT, fault), openh264()]);
        for at in 0..MORE_THAN_KEPT {
            assert!(
                decoder.decode(&next_unit(at == 0)).unwrap().is_some(),
                "{fault:?} {at}"
            );
        }
        assert!(decoder.decode(&next_unit(false)).is_err(), "{fault:?}");
        let wanted = |events: &[DecoderEvent]| {
            matches!(
                events,
                [DecoderEvent::KeyFrameWanted {
                    from: "hardware",
                    ..
                }]
            )
        };
        assert!(wanted(&events(&mut decoder)), "{fault:?}");
        for _ in 0..130 {
            let error = decoder.decode(&next_unit(false)).unwrap_err();
            assert!(matches!(error, VideoError::AwaitingKeyFrame), "{error}");
        }
        assert!(wanted(&events(&mut decoder)), "{fault:?}: once more");
        assert!(decoder.decode(&next_unit(true)).unwrap().is_some());
        assert!(decoder.decode(&next_unit(false)).unwrap().is_some());
        match &events(&mut decoder)[..] {
            [
                DecoderEvent::Replaced {
                    from: "hardware",
                    to: "openh264",
                    reason,
                },
            ] => {
                assert!(!reason.contains("key frame"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_last_decoder_is_opened_again_at_the_next_key_frame_where_it_breaks_down() {
    let stream = stream();
    let mut decoder = decoder([faulty("only", false, 3, Fault::Panic)]);
    let shown: Vec<bool> = stream
        .iter()
        .map(|unit| decoder.decode(unit).is_ok())
        .collect();
    assert_eq!(shown, [true, true, true, false, true, true, true, false]);
}

/// Messages of both versions: each with both views, but for one that has the main view alone.
fn messages(version: AvcVersion) -> Vec<Vec<u8>> {
    let whole = SIZE.to_rect();
    let regions = [AvcRegion::new(whole, 20, 100)];
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    (0..PICTURES)
        .map(|step| {
            let mut picture = Yuv444Picture::new(SIZE);
            bgra_to_yuv444(&desktop(SIZE, step), &whole, &mut picture);
            let (mut main, mut auxiliary) = (Yuv420Picture::new(SIZE), Yuv420Picture::new(SIZE));
            let split = match version {
                AvcVersion::Avc444V2 => avc444::split_v2,
                _ => avc444::split_v1,
            };
            split(&picture, &whole, &mut main, &mut auxiliary);
            let luma = encode(&mut encoder, &main);
            let view = |stream| AvcView {
                regions: &regions,
                stream,
            };
            let mut payload = Vec::new();
            let views = if step == 2 {
                Avc444Views::Luma(view(&luma))
            } else {
                let chroma = encode(&mut encoder, &auxiliary);
                return {
                    let views = Avc444Views::Both {
                        luma: view(&luma),
                        chroma: view(&chroma),
                    };
                    Avc444Bitmap::encode(views, &mut payload).unwrap();
                    payload
                };
            };
            Avc444Bitmap::encode(views, &mut payload).unwrap();
            payload
        })
        .collect()
}

/// The surface after each message.
fn shown(version: AvcVersion, decoder: Box<dyn VideoDecoder>, case: &str) -> Vec<Vec<u8>> {
    let mut decoder = AvcSurfaceDecoder::with_decoder(decoder);
    let (mut kept, mut surface) = (None, Picture::new(SIZE));
    messages(version)
        .iter()
        .enumerate()
        .map(|(at, message)| {
            let views = decoder.decode(version, message);
            let views = views.unwrap_or_else(|error| panic!("{case}, message {at}: {error}"));
            views.draw(&mut kept, &mut surface.as_mut(), ChromaUpsampling::Block);
            surface.data().to_vec()
        })
        .collect()
}

#[test]
fn both_streams_of_444_go_on_in_step_when_either_is_lost() {
    for version in [AvcVersion::Avc444, AvcVersion::Avc444V2] {
        let plain = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
        let wanted = shown(version, Box::new(plain), "undisturbed");
        for fault in FAULTS {
            // The first main view, the first auxiliary one, and each of the two later on.
            for good_calls in [0, 1, 7, 8] {
                for is_hardware in [true, false] {
                    if !is_hardware && !matches!(fault, Fault::Error | Fault::Panic) {
                        continue;
                    }
                    let case = format!("{version:?} {fault:?} {good_calls} {is_hardware}");
                    let faulty = faulty("faulty", is_hardware, good_calls, fault);
                    let decoder = Box::new(decoder([faulty, openh264()]));
                    assert!(shown(version, decoder, &case) == wanted, "{case}");
                }
            }
        }
    }
}
