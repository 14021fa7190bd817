use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::geometry::Size;
use crate::video::{
    ColorDescription, EncoderSettings, FfmpegDecoder, H264Encoder, OpenH264Decoder,
};
use crate::yuv::Yuv420Picture;

/// A stream of pictures that get lighter, the first of them a key frame.
fn stream(pictures: u8) -> Vec<Vec<u8>> {
    let mut encoder = H264Encoder::new(EncoderSettings::default()).unwrap();
    (0..pictures)
        .map(|step| {
            let size = Size::new(64, 48);
            let bgra = crate::Picture::filled(size, [step * 20; 4]);
            let mut picture = Yuv420Picture::new(size);
            crate::yuv::bgra_to_yuv420(&bgra, &size.to_rect(), &mut picture);
            let mut unit = Vec::new();
            encoder.encode(&picture, &mut unit).unwrap();
            unit
        })
        .collect()
}

fn luma(frame: &YuvFrame) -> u8 {
    frame.luma().row(20).unwrap()[30]
}

/// What a decoder does in place of decoding, from some call on.
#[derive(Clone, Copy)]
enum Fault {
    Error,
    NoPicture,
}

struct Failing {
    inner: OpenH264Decoder,
    good_calls: usize,
    fault: Fault,
}

impl VideoDecoder for Failing {
    fn decode(&mut self, annex_b: &[u8]) -> Result<Option<YuvFrame>, VideoError> {
        if self.good_calls > 0 {
            self.good_calls -= 1;
            return self.inner.decode(annex_b);
        }
        match self.fault {
            Fault::Error => Err(VideoError::Stream {
                backend: "failing",
                reason: "injected".into(),
            }),
            Fault::NoPicture => Ok(None),
        }
    }

    fn name(&self) -> &'static str {
        "failing"
    }
}

fn failing(good_calls: usize, fault: Fault) -> Backend {
    Backend::new("failing", false, move || {
        Ok(Box::new(Failing {
            inner: OpenH264Decoder::new(DecoderLimits::default())?,
            good_calls,
            fault,
        }))
    })
}

fn absent() -> Backend {
    Backend::new("absent", false, || {
        Err(VideoError::Unavailable {
            backend: "absent",
            reason: "injected".into(),
        })
    })
}

fn openh264() -> Backend {
    Backend::of_kind(DecoderKind::OpenH264, DecoderLimits::default())
}

#[test]
fn ffmpeg_is_the_first_choice() {
    let mut decoder = FallbackDecoder::new(DecoderLimits::default()).unwrap();
    for unit in stream(3) {
        assert!(decoder.decode(&unit).unwrap().is_some());
    }
    assert_eq!(decoder.name(), "ffmpeg");
}

#[test]
fn a_decoder_that_does_not_start_is_passed_over() {
    let mut decoder = FallbackDecoder::with_backends(vec![absent(), openh264()]).unwrap();
    assert!(decoder.decode(&stream(1)[0]).unwrap().is_some());
    assert_eq!(decoder.name(), "openh264");
    let error = FallbackDecoder::with_backends(vec![absent(), absent()]).err();
    assert!(matches!(error, Some(VideoError::Unavailable { .. })));
}

#[test]
fn an_error_on_the_first_picture_steps_down_at_once() {
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(0, Fault::Error), absent(), openh264()])
            .unwrap();
    let frame = decoder.decode(&stream(1)[0]).unwrap();
    assert!(frame.is_some());
    assert_eq!(decoder.name(), "openh264");
}

#[test]
fn an_error_in_the_middle_steps_down_and_no_picture_is_lost() {
    let stream = stream(10);
    let mut plain = OpenH264Decoder::new(DecoderLimits::default()).unwrap();
    let wanted: Vec<u8> = stream
        .iter()
        .map(|unit| luma(&plain.decode(unit).unwrap().unwrap()))
        .collect();
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(4, Fault::Error), openh264()]).unwrap();
    for (unit, wanted) in stream.iter().zip(wanted) {
        assert_eq!(luma(&decoder.decode(unit).unwrap().unwrap()), wanted);
    }
    assert_eq!(decoder.name(), "openh264");
}

#[test]
fn a_picture_that_does_not_come_steps_down() {
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(0, Fault::NoPicture), openh264()]).unwrap();
    let shown: Vec<bool> = stream(5)
        .iter()
        .map(|unit| decoder.decode(unit).unwrap().is_some())
        .collect();
    assert_eq!(shown, [true; 5]);
}

#[test]
fn a_broken_stream_costs_one_try_of_the_others_until_the_next_key_frame() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = {
        let opened = opened.clone();
        Backend::new("openh264", false, move || {
            opened.fetch_add(1, Relaxed);
            Ok(Box::new(OpenH264Decoder::new(DecoderLimits::default())?))
        })
    };
    let first = Backend::of_kind(DecoderKind::Ffmpeg, DecoderLimits::default());
    let mut decoder = FallbackDecoder::with_backends(vec![first, counted]).unwrap();
    let good = stream(1).remove(0);
    assert!(decoder.decode(&good).unwrap().is_some());
    // A key slice of nonsense, and slices of nonsense that follow it.
    let _ = decoder.decode(&[0, 0, 0, 1, 0x65, 0xFF, 0xFF, 0xFF, 0xFF]);
    for _ in 0..20 {
        let _ = decoder.decode(&[0, 0, 0, 1, 0x41, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    assert!(opened.load(Relaxed) <= 1);
    assert_eq!(decoder.name(), "ffmpeg");
    assert!(decoder.decode(&good).unwrap().is_some());
}

#[test]
fn parameter_sets_that_came_alone_are_fed_again_too() {
    let unit = stream(1).remove(0);
    let (mut parameters, mut slices) = (Vec::new(), Vec::new());
    for nal in annex_b::nal_units(&unit) {
        let to = if matches!(nal[0] & 31, 7 | 8) {
            &mut parameters
        } else {
            &mut slices
        };
        to.extend_from_slice(&[0, 0, 0, 1]);
        to.extend_from_slice(nal);
    }
    let mut decoder =
        FallbackDecoder::with_backends(vec![failing(1, Fault::Error), openh264()]).unwrap();
    assert!(decoder.decode(&parameters).unwrap().is_none());
    assert!(decoder.decode(&slices).unwrap().is_some());
    assert_eq!(decoder.name(), "openh264");
}

#[test]
fn a_frame_outlives_its_decoder() {
    let mut decoder = FfmpegDecoder::new(DecoderLimits::default()).unwrap();
    let frame = decoder.decode(&stream(1)[0]).unwrap().unwrap();
    let clone = frame.clone();
    drop((decoder, frame));
    assert_eq!(clone.size(), Size::new(64, 48));
    assert_eq!(
        clone.color(),
        ColorDescription {
            range: crate::video::ColorRange::Full,
            matrix: crate::video::ColorMatrix::Bt709,
        }
    );
}
